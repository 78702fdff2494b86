//! `PaymentRequirements`, as each version spells it.

use std::fmt::Write;
use std::sync::Arc;

use super::body::push_description;
use super::json::push_string;
use crate::config::{Accept, Asset, Means, Offer, OtherAccept, Settle};
use crate::evm::address::Address;
use crate::money::Amount;

pub(super) const UPFRONT: &str = "upfront";
pub(super) const PERMIT2: &str = "permit2";

/// What a payment verified here has to fulfil.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Scheme and transfer method.
    pub means: Means,
    /// The token.
    pub asset: Arc<Asset>,
    /// Base units; the most there can be, under `upto`.
    pub amount: Amount,
    /// Who is paid.
    pub pay_to: Address,
    /// The quote's lifetime.
    pub max_timeout_seconds: u64,
    /// Whether the money moves first.
    pub upfront: bool,
    /// Who may submit it; `upto` only.
    pub facilitator: Option<Address>,
}

/// What a version 1 quote says beside the terms.
#[derive(Clone, Copy, Debug)]
pub struct Sold<'a> {
    /// The public URL.
    pub url: &'a str,
    /// For people; may be empty.
    pub description: &'a str,
    /// Of the response; may be empty.
    pub mime_type: &'a str,
}

// === impl Terms ===

impl Terms {
    /// The terms of one of an offer's ways to pay.
    #[inline(never)]
    pub fn of(accept: &Accept, amount: Amount, offer: &Offer, facilitator: Option<Address>) -> Self {
        Self {
            means: accept.means,
            asset: Arc::clone(&accept.asset),
            amount,
            pay_to: accept.pay_to,
            max_timeout_seconds: offer.max_timeout_seconds.into(),
            upfront: offer.settle == Settle::Before,
            facilitator,
        }
    }

    /// The same for another amount: what is charged of what was signed.
    pub fn charging(&self, amount: Amount) -> Self {
        Self { amount, ..self.clone() }
    }

    /// Version 2: the SDK's key order, checksummed addresses, no `assetTransferMethod` for
    /// EIP-3009 (absent means it). `paymentFlow` is stated only when it is not the default.
    pub fn push_v2(&self, out: &mut String) {
        // Writing into a String cannot fail.
        let _ = write!(out, r#"{{"scheme":"{}","network":"#, self.means.scheme());
        push_string(out, &self.asset.network);
        let _ = write!(
            out,
            r#","amount":"{}","asset":"{}","payTo":"{}","maxTimeoutSeconds":{},"extra":{{"name":"#,
            self.amount, self.asset.address, self.pay_to, self.max_timeout_seconds,
        );
        push_domain(out, &self.asset);
        if self.means != Means::Eip3009 {
            let _ = write!(out, r#","assetTransferMethod":"{PERMIT2}""#);
        }
        if let Some(facilitator) = &self.facilitator {
            let _ = write!(out, r#","facilitatorAddress":"{facilitator}""#);
        }
        if self.upfront {
            let _ = write!(out, r#","paymentFlow":"{UPFRONT}""#);
        }
        out.push_str("}}");
    }

    /// Version 1: networks by name, and the resource in every entry. `outputSchema` is left out:
    /// legacy clients refuse the `null` that the specification's example shows.
    pub fn push_v1(&self, out: &mut String, sold: &Sold<'_>) {
        self.push_v1_head(out);
        push_string(out, sold.url);
        self.push_v1_tail(out, sold);
    }

    /// [`Terms::push_v1`] up to the resource's URL.
    pub(super) fn push_v1_head(&self, out: &mut String) {
        let _ = write!(out, r#"{{"scheme":"{}","network":"#, self.means.scheme());
        push_string(out, self.asset.v1_network.unwrap_or(&self.asset.network));
        let _ = write!(out, r#","maxAmountRequired":"{}","resource":"#, self.amount);
    }

    /// [`Terms::push_v1`] after the resource's URL.
    pub(super) fn push_v1_tail(&self, out: &mut String, sold: &Sold<'_>) {
        push_description(out, sold);
        let _ = write!(
            out,
            r#","payTo":"{}","maxTimeoutSeconds":{},"asset":"{}","extra":{{"name":"#,
            self.pay_to, self.max_timeout_seconds, self.asset.address,
        );
        push_domain(out, &self.asset);
        out.push_str("}}");
    }
}

fn push_domain(out: &mut String, asset: &Asset) {
    push_string(out, &asset.name);
    out.push_str(r#","version":"#);
    push_string(out, &asset.version);
}

// === impl OtherAccept ===

impl OtherAccept {
    /// Version 2, with this amount and `extra`.
    pub(crate) fn push_v2(&self, out: &mut String, amount: Amount, extra: &str, offer: &Offer) {
        out.push_str(r#"{"scheme":"#);
        push_string(out, &self.scheme);
        out.push_str(r#","network":"#);
        push_string(out, &self.network);
        let _ = write!(out, r#","amount":"{amount}","asset":"#);
        push_string(out, &self.asset);
        out.push_str(r#","payTo":"#);
        push_string(out, &self.pay_to);
        let _ = write!(out, r#","maxTimeoutSeconds":{},"extra":{extra}}}"#, offer.max_timeout_seconds);
    }

    /// Version 1, up to the resource's URL.
    pub(super) fn push_v1_head(&self, out: &mut String, amount: Amount) {
        out.push_str(r#"{"scheme":"#);
        push_string(out, &self.scheme);
        out.push_str(r#","network":"#);
        push_string(out, self.v1_network.unwrap_or(&self.network));
        let _ = write!(out, r#","maxAmountRequired":"{amount}","resource":"#);
    }

    /// Version 1, after the resource's URL.
    pub(super) fn push_v1_tail(&self, out: &mut String, extra: &str, offer: &Offer, sold: &Sold<'_>) {
        push_description(out, sold);
        out.push_str(r#","payTo":"#);
        push_string(out, &self.pay_to);
        let _ = write!(out, r#","maxTimeoutSeconds":{},"asset":"#, offer.max_timeout_seconds);
        push_string(out, &self.asset);
        let _ = write!(out, r#","extra":{extra}}}"#);
    }

    /// Version 1, whole.
    pub(crate) fn push_v1(
        &self,
        out: &mut String,
        amount: Amount,
        extra: &str,
        offer: &Offer,
        sold: &Sold<'_>,
    ) {
        self.push_v1_head(out, amount);
        push_string(out, sold.url);
        self.push_v1_tail(out, extra, offer, sold);
    }
}
