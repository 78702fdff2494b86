//! How large a quote may get: `PAYMENT-REQUIRED` is one header, and what stands between the
//! proxy and the payer does not take any size of it.
//!
//! Node's clients stop at 16 KiB of headers in all, many proxies at 8 KiB for one line, and
//! the quote comes back in the payment. So above 4 KiB is worth a warning and above 8 KiB a
//! mistake, unless the operator knows better.

use std::collections::HashMap;
use std::sync::Arc;

use super::code;
use crate::config::error::Errors;
use crate::config::{Facilitator, Offer, Policy, Route};
use crate::evm::address::Address;
use crate::protocol::abilities::{Abilities, Ability};
use crate::protocol::challenge::Challenge;
use crate::protocol::Version;
use crate::signing::notary::Notary;

/// Bytes of a header's value that are worth a warning when exceeded.
pub const WARNED: usize = 4 * 1024;

/// Bytes of a header's value that are refused when exceeded.
pub const REFUSED: usize = 8 * 1024;

/// Bytes of the path and query a quote is measured with; one that is asked for may be longer.
const TYPICAL_PATH: usize = 128;

/// Ways to pay whose quote stays below [`WARNED`] whatever is written in them.
const FEW: usize = 2;

/// Some time, in seconds since the Unix epoch: as many digits as any for 260 years.
const TIME: u64 = 2_000_000_000;

/// A facilitator that settles everything: its quote is the largest.
struct Everything;

/// What signing one way to pay takes, and each further one, in bytes.
#[derive(Clone, Copy, Debug)]
struct Signed {
    first: usize,
    further: usize,
}

/// Measures each offer's largest quote: all its ways to pay, signed if they will be, the
/// longest code and a typical URL. `extensions` gives the members of that object, as
/// [`Challenge::new`] takes them.
///
/// Returns warnings for the log.
///
/// # Errors
/// An offer whose quote is above [`REFUSED`], unless `challenge: {allowLarge: true}`.
pub fn check(policy: &Policy, extensions: &dyn Fn(&Offer) -> String) -> Result<Vec<String>, Errors> {
    let mut errors = Errors::default();
    let mut warnings = Vec::new();
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let url = format!("{}/{:0<TYPICAL_PATH$}", policy.origin(), "");
    let mut signed = None;
    for route in policy.routes() {
        let Some(offer) = route.offer() else { continue };
        let extensions = extensions(offer);
        let few = offer.accepts.len() <= FEW && offer.others.is_empty() && extensions.is_empty();
        if (few && policy.notary.is_none()) || seen.insert(Arc::as_ptr(offer).addr() as u64, 0).is_some() {
            continue;
        }
        let challenge = Challenge::new(offer, &Everything, &extensions);
        if let (Some(notary), None) = (&policy.notary, signed) {
            signed = Signed::measure(notary, &challenge, offer, &url);
        }
        let bytes = largest(&challenge, &url, signed);
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
fn largest(challenge: &Challenge, url: &str, signed: Option<Signed>) -> usize {
    let code = code::ALL.iter().map(|(code, _)| *code).max_by_key(|code| code.len());
    let signed = signed.map_or(0, |signed| signed.bytes(challenge.ways()));
    challenge.header(code.unwrap_or_default(), url, &" ".repeat(signed)).len()
}

/// Where an offer is written: under its own name, or at the route that is named like it.
fn place(route: &Route, offer: &Offer) -> String {
    if offer.name == route.name {
        format!("routes[{}].offer", route.index)
    } else {
        format!("offers.{}", offer.name)
    }
}

// === impl Signed ===

impl Signed {
    /// By signing twice. All ways of all offers take about the same, and a signature takes too
    /// long to make for each of 100,000 offers.
    fn measure(notary: &Notary, challenge: &Challenge, offer: &Offer, url: &str) -> Option<Self> {
        let way = || challenge.offered(offer).into_iter().take(1);
        let first = notary.offers(&way().collect::<Vec<_>>(), url, TIME)?.len();
        let both = notary.offers(&way().chain(way()).collect::<Vec<_>>(), url, TIME)?.len();
        Some(Self { first, further: both.saturating_sub(first) })
    }

    fn bytes(self, ways: usize) -> usize {
        match ways.checked_sub(1) {
            Some(further) => self.first.saturating_add(self.further.saturating_mul(further)),
            None => 0,
        }
    }
}

// === impl Everything ===

impl Abilities for Everything {
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
