//! What the operator's notary adds to quotes and receipts.

use std::sync::Arc;

use super::quotes::address;
use super::Worker;
use crate::config::Offer;
use crate::protocol::challenge::Challenge;
use crate::shell::host;
use crate::signing::notary::{Notary, Settled};
use crate::signing::ring::MAX_URL;

// === impl Worker ===

impl Worker {
    /// The signed offers of a quote, as a member of its `extensions`; empty without a notary, and
    /// when too much was signed lately.
    pub(in crate::shell) fn signed_offers(
        &self,
        offer: &Arc<Offer>,
        challenge: &Challenge,
        resource_url: &str,
    ) -> String {
        let Some(notary) = &self.policy.notary else { return String::new() };
        let now = host::now();
        let valid_until = Notary::valid_until(now, offer.max_timeout_seconds);
        let Ok(mut ring) = self.signed.try_borrow_mut() else { return String::new() };
        let sign = || notary.offers(&challenge.offered(offer), resource_url, valid_until);
        let offers = ring.offers((address(offer), resource_url, valid_until), now, challenge.ways(), sign);
        offers.unwrap_or_default().to_owned()
    }

    /// The signed receipt of a settlement, as a member of its `extensions`; empty without a
    /// notary.
    pub(in crate::shell) fn signed_receipt(&self, settled: &Settled<'_>, resource_url: &str) -> String {
        let notary = self.policy.notary.as_ref().filter(|_| resource_url.len() <= MAX_URL);
        notary.and_then(|notary| notary.receipt(settled, resource_url, host::now())).unwrap_or_default()
    }

    /// The quotes have changed.
    pub(super) fn forget_offers(&self) {
        if let Ok(mut ring) = self.signed.try_borrow_mut() {
            ring.clear();
        }
    }
}
