//! The one record of a decision: what finance reconciles and an operator greps.
//!
//! JSON on one line, written once per exchange that touched money or a refusal. Version 1
//! only gains fields. It holds no signature, no header and no free text of anybody's.

use std::fmt::Write;

use crate::exchange::Denial;
use crate::json::{extend, push_string};
use crate::reply::Refusal;

/// The version of [`Record`]'s shape.
pub const VERSION: u8 = 1;

/// What was decided about one request. Absent facts are left out.
#[derive(Default, Debug)]
pub struct Record<'a> {
    /// [`VERSION`].
    pub v: u8,
    /// The host's request id.
    pub request_id: Option<&'a str>,
    /// The route's name.
    pub route: Option<&'a str>,
    /// The offer's name.
    pub offer: Option<&'a str>,
    /// The seller's name.
    pub seller: Option<&'a str>,
    /// The offer's stock keeping unit.
    pub sku: Option<&'a str>,
    /// The seller's and offer's labels.
    pub labels: Option<&'a [(String, String)]>,
    /// Who paid, once the signature was theirs.
    pub payer: Option<String>,
    /// Base units, as signed.
    pub amount: Option<String>,
    /// The token contract.
    pub asset: Option<String>,
    /// CAIP-2.
    pub network: Option<&'a str>,
    /// How it came out; see [`Outcome`].
    pub outcome: &'a str,
    /// The code the client read.
    pub code: Option<&'a str>,
    /// The settlement's transaction.
    pub transaction: Option<String>,
    /// Same on every replica for the same authorisation.
    pub receipt_id: Option<String>,
    /// What the upstream answered, when it was asked.
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
    /// Its source has had its share.
    Limited,
    /// The client left before anything was decided.
    Abandoned,
}

// === impl Record ===

impl Record<'_> {
    /// One line of JSON, in the order of the fields.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(512);
        // Writing into a String cannot fail.
        let _ = write!(json, r#"{{"v":{}"#, self.v);
        push_fact(&mut json, "requestId", self.request_id);
        push_fact(&mut json, "route", self.route);
        push_fact(&mut json, "offer", self.offer);
        push_fact(&mut json, "seller", self.seller);
        push_fact(&mut json, "sku", self.sku);
        if let Some(labels) = self.labels {
            json.push_str(r#","labels":{"#);
            for (index, (name, value)) in labels.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                push_string(&mut json, name);
                json.push(':');
                push_string(&mut json, value);
            }
            json.push('}');
        }
        push_fact(&mut json, "payer", self.payer.as_deref());
        push_fact(&mut json, "amount", self.amount.as_deref());
        push_fact(&mut json, "asset", self.asset.as_deref());
        push_fact(&mut json, "network", self.network);
        push_fact(&mut json, "outcome", Some(self.outcome));
        push_fact(&mut json, "code", self.code);
        push_fact(&mut json, "transaction", self.transaction.as_deref());
        push_fact(&mut json, "receiptId", self.receipt_id.as_deref());
        if let Some(status) = self.upstream_status {
            let _ = write!(json, r#","upstreamStatus":{status}"#);
        }
        json.push('}');
        json
    }
}

/// A name of ours, which needs no escapes, and its value.
fn push_fact(json: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        extend(json, &[",\"", name, "\":"]);
        push_string(json, value);
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome, in the order of their discriminants.
    pub const ALL: [Self; 17] = [
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
        Self::Limited,
        Self::Abandoned,
    ];

    /// How a refusal is counted.
    pub fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PaymentRequired => Self::Quoted,
            Refusal::Invalid(_) | Refusal::Unnamed(_) | Refusal::NameTaken { .. } => Self::Invalid,
            Refusal::QuotesSuspended | Refusal::DocumentsBusy => Self::Unavailable,
            Refusal::PathAmbiguous
            | Refusal::MethodAmbiguous
            | Refusal::MethodNotAllowed
            | Refusal::NotOffered
            | Refusal::GrpcSettlesBefore => Self::Refused,
            Refusal::RateLimited(_) | Refusal::Barred(_) => Self::Limited,
            Refusal::Denied(denial) => match denial {
                Denial::Mismatch => Self::Invalid,
                Denial::InFlight => Self::InFlight,
                Denial::AlreadyUsed(_) | Denial::Exhausted(_) | Denial::Elsewhere(_) => Self::Replayed,
                Denial::Full | Denial::StoreDown | Denial::FacilitatorDown | Denial::ChargeUnreadable => {
                    Self::Unavailable
                }
                Denial::Unverified(_) | Denial::Rejected(_) => Self::Rejected,
                Denial::Pending => Self::Pending,
                Denial::Short(_) => Self::Undelivered,
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
            Self::Limited => "limited",
            Self::Abandoned => "abandoned",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, Value};

    use super::*;

    #[test]
    fn a_record_says_what_is_known_and_nothing_else() {
        let bare = Record { v: VERSION, outcome: "free", ..Record::default() };
        assert_eq!(bare.to_json(), r#"{"v":1,"outcome":"free"}"#);
        let labels = [("team".to_owned(), "\"maps\"".to_owned()), ("tier".to_owned(), "\u{7f}\n".to_owned())];
        let full = Record {
            v: VERSION,
            request_id: Some("5f8c"),
            route: Some("tiles"),
            offer: Some("tile"),
            seller: Some("north"),
            sku: Some("a\\b"),
            labels: Some(&labels),
            payer: Some("0xf39F".to_owned()),
            amount: Some("5000".to_owned()),
            asset: Some("0x036C".to_owned()),
            network: Some("eip155:84532"),
            outcome: Outcome::Delivered.name(),
            code: Some("payment_required"),
            transaction: Some("0x12".to_owned()),
            receipt_id: Some("77".to_owned()),
            upstream_status: Some(200),
        };
        let expected = json!({
            "v": 1, "requestId": "5f8c", "route": "tiles", "offer": "tile", "seller": "north", "sku": "a\\b",
            "labels": {"team": "\"maps\"", "tier": "\u{7f}\n"}, "payer": "0xf39F", "amount": "5000",
            "asset": "0x036C", "network": "eip155:84532", "outcome": "delivered", "code": "payment_required",
            "transaction": "0x12", "receiptId": "77", "upstreamStatus": 200,
        });
        assert_eq!(serde_json::from_str::<Value>(&full.to_json()).unwrap(), expected);
        let none = Record { v: VERSION, outcome: "free", labels: Some(&[]), ..Record::default() };
        assert!(serde_json::from_str::<Value>(&none.to_json()).is_ok());
        assert!(!full.to_json().contains('\n'), "one line");
    }
}
