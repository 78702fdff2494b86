//! What a visit leaves behind: receipts for the client, a record for the operator.

use super::*;

// === impl Visit ===

impl Visit {
    /// The receipt, under each header name its client may look for: the one of the payment's
    /// version, and the one that goes with the header it came in.
    /// With a `signer` it is signed, if money moved: that is done for whoever paid and not for
    /// who shows the payment again, as each signature costs as much as a check of one.
    pub(super) fn receipts(
        &self,
        failed: Option<&'static str>,
        paid: Option<Paid>,
        signer: Option<&Worker>,
    ) -> Vec<(&'static str, String)> {
        let Some(purchase) = &self.purchase else { return Vec::new() };
        // One that pends can be looked up by its payer.
        let pending = || self.transaction_text.clone().filter(|_| failed.is_some());
        let transaction = paid.and_then(|paid| paid.transaction);
        let transaction = transaction.and_then(|transaction| self.spelled(transaction)).or_else(pending);
        let transaction = transaction.unwrap_or_default();
        let payer = purchase.payment.payer().map(|payer| payer.to_string());
        let v1 = purchase.payment.version() == Version::V1;
        let settled = paid.filter(|paid| failed.is_none() && paid.transaction.is_some() && !v1);
        let signed = signer.zip(payer.as_deref()).filter(|_| settled.is_some()).map(|(worker, payer)| {
            let network = purchase.payment.network();
            let settled = notary::Settled { network, payer, transaction: &transaction };
            worker.signed_receipt(&settled, &self.resource)
        });
        let receipt = Receipt {
            success: failed.is_none(),
            error_reason: failed,
            payer: payer.as_deref(),
            transaction: &transaction,
            network: purchase.payment.network(),
            amount: paid.and_then(|paid| paid.amount),
            extensions: signed.as_deref().unwrap_or_default(),
        };
        let receipt = receipt.to_header();
        let names = [
            ("payment-response", !v1 || !self.in_v1_header),
            ("x-payment-response", v1 || self.in_v1_header),
        ];
        names.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name, receipt.clone())).collect()
    }

    /// A transaction as its network spells it; `None` where only its hash is known any more.
    fn spelled(&self, transaction: Transaction) -> Option<String> {
        match self.purchase.as_ref()?.payment.form() {
            Form::Evm { .. } => Some(format!("0x{}", crate::digits::hex(&transaction.0))),
            Form::Other(_) => self.transaction_text.clone(),
        }
    }

    /// Writes the record, if the host can still take it, and counts the outcome.
    pub(in crate::shell::stream) fn close(&self, worker: &Worker, logged: bool) {
        let outcome = self.outcome.unwrap_or(Outcome::Abandoned);
        worker.meters.request(self.route.as_deref(), outcome);
        if logged {
            let record = self.record(outcome).to_json();
            let _ = hostcalls::set_property(vec![RECORD], Some(record.as_bytes()));
        }
    }

    fn record(&self, outcome: Outcome) -> Record<'_> {
        let offer = self.offer();
        let purchase = self.purchase.as_ref();
        let payment = purchase.map(|purchase| &purchase.payment);
        Record {
            v: VERSION,
            request_id: self.request_id.as_deref(),
            route: self.route.as_ref().map(|route| route.name.as_str()),
            offer: offer.zip(self.route.as_deref()).map(|(offer, route)| offer.name(route)),
            seller: offer.and_then(|offer| offer.seller.as_deref()),
            sku: offer.and_then(|offer| offer.sku()),
            labels: offer.map(|offer| offer.labels.as_slice()).filter(|labels| !labels.is_empty()),
            payer: payment.and_then(|payment| payment.payer()).map(|payer| payer.to_string()),
            amount: purchase.map(|purchase| self.charged.unwrap_or(purchase.amount).to_string()),
            asset: purchase.map(|purchase| purchase.asset.clone()),
            network: purchase.map(|purchase| purchase.network.as_str()),
            outcome: outcome.name(),
            code: self.code,
            transaction: self.transaction.and_then(|transaction| self.spelled(transaction)),
            receipt_id: self.purchase.as_ref().map(|_| self.identity.receipt_id()),
            upstream_status: self.upstream_status,
        }
    }
}
