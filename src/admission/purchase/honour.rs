//! Which facilitators can settle a payment, and what they are told it pays.

use super::{Purchase, Settled};
use crate::config::{Facilitator, Offer};
use crate::protocol::abilities::Abilities;
use crate::protocol::challenge;
use crate::protocol::other::Other;
use crate::protocol::Version;

// === impl Purchase ===

impl Purchase {
    /// Whether `facilitator` takes this payment, as far as is known: it settles the kind, is whom
    /// the payment names (`upto`) or was quoted for (what only facilitators understand), and
    /// sponsors what the payment counts on.
    pub fn is_honoured_by(&self, facilitator: &Facilitator, abilities: &dyn Abilities) -> bool {
        let version = self.payment.version();
        match &self.settled {
            Settled::Terms(terms) => {
                let (scheme, network) = (terms.means.scheme(), self.payment.network());
                abilities.takes(facilitator, version, scheme, network, terms.facilitator.as_ref())
                    && self.sponsored.is_by(facilitator, abilities)
            }
            Settled::Text { quoted: Some((place, quoted)), .. } => {
                let accept = self.offer.others.get(*place);
                let theirs = accept.and_then(|accept| {
                    challenge::extra(accept, &self.offer, facilitator, abilities, version).ok()
                });
                theirs.as_ref() == Some(quoted)
            }
            Settled::Text { quoted: None, .. } => false,
        }
    }
}

/// The requirements of a payment only the facilitator can read, as it was quoted; where nothing
/// is quoted any more, as the payment itself states them.
pub(super) fn quoted(other: &Other, offer: &Offer, place: usize, extra: &str, url: &str) -> String {
    let mut json = String::with_capacity(384);
    let amount = offer.other_amount(place);
    match (offer.others.get(place), other.version) {
        (Some(accept), Version::V1) => {
            accept.push_v1(&mut json, amount, extra, offer, &offer.sold(url));
        }
        (Some(accept), Version::V2) => accept.push_v2(&mut json, amount, extra, offer),
        (None, _) => other.push_requirements(&mut json),
    }
    json
}
