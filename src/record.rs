//! The one record of a decision: what finance reconciles and an operator greps.
//!
//! JSON on one line, written once per exchange that touched money or a refusal. Version 1
//! only gains fields. It holds no signature, no header and no free text of anybody's.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::exchange::Denial;
use crate::reply::Refusal;

/// The version of [`Record`]'s shape.
pub const VERSION: u8 = 1;

/// What was decided about one request. Absent facts are left out.
#[derive(Serialize, Default, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    /// [`VERSION`].
    pub v: u8,
    /// The host's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The route's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The offer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<&'a str>,
    /// The seller's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller: Option<&'a str>,
    /// The offer's stock keeping unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<&'a str>,
    /// The seller's and offer's labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// Who paid, once the signature was theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// Base units, as signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// The token contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// CAIP-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<&'a str>,
    /// How it came out; see [`Outcome`].
    pub outcome: &'a str,
    /// The code the client read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// The settlement's transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// Same on every replica for the same authorisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_id: Option<String>,
    /// What the upstream answered, when it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
}

/// How a request came out: a metric label, so the list is short and closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Outcome {
    /// Passed without a price.
    Free,
    /// Passed because no route names it.
    Unmatched,
    /// A CORS preflight, answered.
    Preflight,
    /// Asked to pay.
    Quoted,
    /// The payment was no good; nothing moved.
    Invalid,
    /// The payment was used before.
    Replayed,
    /// The payment was at work elsewhere.
    InFlight,
    /// The facilitator refused it.
    Rejected,
    /// Paid and delivered.
    Delivered,
    /// Paid earlier and delivered now.
    Redeemed,
    /// Paid, and the response failed or the client left; it can be redeemed.
    Undelivered,
    /// Served without a charge: the upstream's answer was not worth one.
    NotCharged,
    /// The settlement's outcome is open.
    Pending,
    /// Refused for a reason of ours: no room, no store, no facilitator.
    Unavailable,
    /// Refused by routing.
    Refused,
    /// The client left before anything was decided.
    Abandoned,
}

// === impl Record ===

impl Record<'_> {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome, in the order of their discriminants.
    pub const ALL: [Self; 16] = [
        Self::Free,
        Self::Unmatched,
        Self::Preflight,
        Self::Quoted,
        Self::Invalid,
        Self::Replayed,
        Self::InFlight,
        Self::Rejected,
        Self::Delivered,
        Self::Redeemed,
        Self::Undelivered,
        Self::NotCharged,
        Self::Pending,
        Self::Unavailable,
        Self::Refused,
        Self::Abandoned,
    ];

    /// How a refusal is counted.
    pub fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PaymentRequired => Self::Quoted,
            Refusal::Invalid(_) => Self::Invalid,
            Refusal::QuotesSuspended => Self::Unavailable,
            Refusal::PathAmbiguous
            | Refusal::MethodNotAllowed
            | Refusal::NotOffered
            | Refusal::GrpcSettlesBefore => Self::Refused,
            Refusal::Denied(denial) => match denial {
                Denial::Mismatch => Self::Invalid,
                Denial::InFlight => Self::InFlight,
                Denial::AlreadyUsed(_) | Denial::Exhausted(_) | Denial::Elsewhere(_) => Self::Replayed,
                Denial::Full | Denial::StoreDown | Denial::FacilitatorDown => Self::Unavailable,
                Denial::Unverified(_) | Denial::Rejected(_) => Self::Rejected,
                Denial::Pending => Self::Pending,
            },
        }
    }

    /// Its label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Unmatched => "unmatched",
            Self::Preflight => "preflight",
            Self::Quoted => "quoted",
            Self::Invalid => "invalid",
            Self::Replayed => "replayed",
            Self::InFlight => "in_flight",
            Self::Rejected => "rejected",
            Self::Delivered => "delivered",
            Self::Redeemed => "redeemed",
            Self::Undelivered => "undelivered",
            Self::NotCharged => "not_charged",
            Self::Pending => "pending",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
        }
    }
}
