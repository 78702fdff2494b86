//! How large a quote may get: `PAYMENT-REQUIRED` is one header, and what stands between the
//! proxy and the payer does not take any size of it.
//!
//! Node's clients stop at 16 KiB of headers in all, many proxies at 8 KiB for one line, and
//! the quote comes back in the payment. So above 4 KiB is worth a warning and above 8 KiB a
//! mistake, unless the operator knows better.

use std::sync::Arc;

use super::code;
use crate::config::error::Errors;
use crate::config::{Facilitator, Offer, Policy, Route};
use crate::evm::address::Address;
use crate::map::Map;
use crate::protocol::abilities::{Abilities, Ability, Standing};
use crate::protocol::challenge::{Challenge, Declared};
use crate::protocol::Version;

/// Bytes of a header's value that are worth a warning when exceeded.
pub const WARNED: usize = 4 * 1024;

/// Bytes of a header's value that are refused when exceeded.
pub const REFUSED: usize = 8 * 1024;

/// Bytes of the path and query a quote is measured with; one that is asked for may be longer.
const TYPICAL_PATH: usize = 128;

/// Ways to pay whose quote stays below [`WARNED`] whatever is written in them.
const FEW: usize = 2;

/// A facilitator that settles everything: its quote is the largest.
struct Everything;

/// Measures each offer's largest quote: all its ways to pay, signed if they are to be, the
/// longest code and a typical URL. `most` says what they declare at most, and that of a typical request.
///
/// Returns warnings for the log.
///
/// # Errors
/// An offer whose quote is above [`REFUSED`], unless `challenge: {allowLarge: true}`.
pub fn check(policy: &Policy, most: &dyn Fn(&Offer) -> (Declared, String)) -> Result<Vec<String>, Errors> {
    let mut errors = Errors::default();
    let mut warnings = Vec::new();
    let mut seen: Map<u64, u64> = Map::default();
    for route in policy.routes() {
        let Some(offer) = route.offer() else { continue };
        let (declared, asked) = most(offer);
        let few = offer.accepts.len() <= FEW && offer.others.is_empty();
        let few = few && declared.constant.is_empty() && asked.is_empty() && policy.notary.is_none();
        if few || seen.insert(Arc::as_ptr(offer).addr() as u64, 0).is_some() {
            continue;
        }
        let bytes = largest(policy, offer, declared, &asked);
        let message = format!("PAYMENT-REQUIRED takes up to {bytes} bytes");
        if bytes > REFUSED && !policy.allows_large_quotes() {
            errors.push(
                place(route, offer),
                format_args!("{message}, and {REFUSED} at most are sure to arrive"),
                "take ways out of accepts, shorten the description or drop extensions; or write challenge: {allowLarge: true}",
            );
        } else if bytes > WARNED {
            warnings.push(format!(
                "{}: {message}; beyond {WARNED} some proxies and clients cut headers off",
                place(route, offer)
            ));
        }
    }
    errors.none().map(|()| warnings)
}

/// The largest value of `PAYMENT-REQUIRED`, in bytes.
fn largest(policy: &Policy, offer: &Offer, declared: Declared, asked: &str) -> usize {
    let code = code::ALL.iter().map(|(code, _)| *code).max_by_key(|code| code.len());
    let url = format!("{}/{:0<TYPICAL_PATH$}", policy.origin(), "");
    let challenge = Challenge::new(offer, &Everything, declared);
    let notary = policy.notary.as_ref();
    let offers = notary.and_then(|notary| notary.unsigned_offers(&challenge.offered(offer), &url));
    challenge.header(code.unwrap_or_default(), &url, asked, offers.as_deref().unwrap_or_default()).len()
}

/// Where an offer is written: under its own name, or at the route that is named like it.
fn place(route: &Route, offer: &Offer) -> String {
    match offer.name(route) {
        name if name == route.name() => format!("routes[{}].offer", route.index),
        name => format!("offers.{name}"),
    }
}

impl Abilities for Everything {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Yes("{}".to_owned())
    }

    fn submitter(&self, _: &Facilitator, _: &str) -> Option<Address> {
        Some(Address::new([0xff; 20]))
    }

    fn submits(&self, _: &Facilitator, _: &str, _: &Address) -> bool {
        true
    }

    fn extends(&self, _: &Facilitator, _: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
