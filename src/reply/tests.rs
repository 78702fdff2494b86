use super::*;
use crate::facilitator::Reason;

const REASONS: [Reason; 7] = [
    Reason::InsufficientFunds,
    Reason::Signature,
    Reason::Expired,
    Reason::NotYetValid,
    Reason::Unsupported,
    Reason::Allowance,
    Reason::Other,
];

pub(super) fn every_refusal() -> Vec<Refusal> {
    let mut all = vec![
        Refusal::PaymentRequired,
        Refusal::Invalid("invalid_payload"),
        Refusal::Unnamed(code::PAYMENT_IDENTIFIER_REQUIRED),
        Refusal::Unnamed(code::PAYMENT_IDENTIFIER_INVALID),
        Refusal::NameTaken { claimed: false },
        Refusal::NameTaken { claimed: true },
        Refusal::Invalid(code::EXTENSION_ECHO_MISMATCH),
        Refusal::QuotesSuspended,
        Refusal::DocumentsBusy,
        Refusal::RateLimited(7),
        Refusal::Barred(7),
        Refusal::PathAmbiguous,
        Refusal::MethodAmbiguous,
        Refusal::MethodNotAllowed,
        Refusal::NotOffered,
        Refusal::GrpcSettlesBefore,
    ];
    let mut denials = vec![
        Denial::Mismatch,
        Denial::InFlight,
        Denial::AlreadyUsed(Paid { transaction: Some(Transaction([7; 32])), amount: None }),
        Denial::AlreadyUsed(Paid::NOTHING),
        Denial::Exhausted(Paid { transaction: None, amount: None }),
        Denial::Elsewhere(State::Taken),
        Denial::Elsewhere(State::Unknown),
        Denial::Elsewhere(State::Delivered),
        Denial::Full,
        Denial::StoreDown,
        Denial::FacilitatorDown,
        Denial::Pending,
        Denial::ChargeUnreadable,
        Denial::Short(Paid { transaction: Some(Transaction([7; 32])), amount: None }),
    ];
    denials.extend(REASONS.map(Denial::Unverified));
    denials.extend(REASONS.map(Denial::Rejected));
    all.extend(denials.into_iter().map(Refusal::Denied));
    all
}

#[test]
fn every_refusal_is_json_with_the_contract_fields() {
    for refusal in every_refusal() {
        let reply =
            refusal.reply(Some(quote()), vec![("payment-response", "receipt".to_owned())], "GET, HEAD");
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(body["error"], refusal.code());
        assert_eq!(body["code"], refusal.code());
        assert_ne!(body["message"], "", "{refusal:?} has no sentence");
        for key in ["paymentState", "retry"] {
            assert!(body[key].is_string(), "{refusal:?} {key}");
        }
        assert!(reply.headers.contains(&("cache-control", "no-store".into())), "{refusal:?}");
    }
}

/// What is to be sent again as it is was not the sender's fault, and what was never paid for is
/// routing's business.
#[test]
fn who_is_blamed_is_told_to_send_something_else() {
    for refusal in every_refusal() {
        let routed = matches!(
            refusal,
            Refusal::PaymentRequired
                | Refusal::PathAmbiguous
                | Refusal::MethodAmbiguous
                | Refusal::MethodNotAllowed
                | Refusal::NotOffered
                | Refusal::GrpcSettlesBefore
        );
        let unsupported = matches!(
            refusal,
            Refusal::Denied(Denial::Unverified(Reason::Unsupported) | Denial::Rejected(Reason::Unsupported))
        );
        // A payment of which nobody knows better, from a source that had its checks.
        let unchecked = matches!(refusal, Refusal::RateLimited(_));
        let ours = unsupported || (refusal.retry() == Retry::Same && !unchecked);
        assert_eq!(refusal.blames_sender(), !routed && !ours, "{refusal:?}");
    }
}

#[test]
fn nobody_is_quoted_while_money_may_have_moved_undelivered() {
    for refusal in every_refusal() {
        let owed = matches!(
            refusal.payment_state(),
            PaymentState::Held | PaymentState::Taken | PaymentState::Unknown
        );
        if owed {
            assert!(!refusal.quotes(), "{refusal:?}");
            assert_ne!(refusal.retry(), Retry::New, "{refusal:?}");
            assert_ne!(refusal.status(), 402, "{refusal:?}");
        }
        assert_eq!(refusal.retry_after().is_some(), matches!(refusal.status(), 429 | 503), "{refusal:?}");
    }
}

#[test]
fn docs_list_exactly_the_codes_there_are() {
    let docs = include_str!("../../docs/errors.md");
    for (code, sentence) in code::ALL {
        assert!(docs.contains(&format!("`{code}`")), "docs/errors.md lacks {code}");
        assert!(!sentence.contains(['"', '\\']), "{code} would need escaping");
    }
    let listed = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for code in listed {
        assert!(code::ALL.iter().any(|(name, _)| *name == code), "docs/errors.md invents {code}");
    }
    for refusal in every_refusal() {
        assert!(code::ALL.iter().any(|(name, _)| *name == refusal.code()), "{refusal:?}");
    }
}

fn quote() -> Quote {
    Quote { header: "quote".to_owned(), v1_accepts: None }
}

/// Version 1's readers want its version, its error and its list; ours want the rest.
#[test]
fn a_quote_of_version_1_stands_in_the_same_body() {
    let with = Quote { v1_accepts: Some(r#"[{"scheme":"exact"}]"#.to_owned()), ..quote() };
    let reply = Refusal::PaymentRequired.reply(Some(with.clone()), Vec::new(), "");
    let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["x402Version"], 1);
    assert_eq!((&body["error"], &body["code"]), (&"payment_required".into(), &"payment_required".into()));
    assert_eq!(body["accepts"], serde_json::json!([{"scheme": "exact"}]));
    assert_eq!((&body["paymentState"], &body["retry"]), (&"none".into(), &"new".into()));
    // Where nothing is quoted, nothing is quoted in either version.
    let pending = Refusal::Denied(Denial::Pending).reply(Some(with), Vec::new(), "");
    assert!(!pending.body.contains("accepts") && !pending.body.contains("x402Version"));
}
