//! Facilitators: honest about what they did, where they answer at all.

use serde_json::{json, Value};

use super::market::{self, payments, Coin, END};

/// How one takes a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mood {
    /// It does what it is asked.
    Plain,
    /// The payer's balance is too low just now.
    Poor,
    /// It gives the same answer again to what it settled before.
    Remembering,
    /// It settles, and says that it is not sure yet.
    Pending,
    /// It settles, and its answer is an error page.
    Lost,
    /// It settles, and says so of another network.
    Confused,
}

/// Answers a call, and moves money.
pub(super) fn answer(path: &str, body: &[u8], mood: Mood, chain: &mut [Coin], now: u64) -> (u16, Vec<u8>) {
    let body: Value = serde_json::from_slice(body).expect("a facilitator is asked in JSON");
    let signed = &body["paymentPayload"]["payload"]["authorization"];
    let place = market::of_nonce(signed["nonce"].as_str().expect("a nonce")).expect("a known payment");
    let payment = &payments()[place];
    assert_eq!(body["paymentRequirements"]["amount"], payment.value.to_string(), "another sum is asked for");
    assert_eq!(signed["value"], payment.value.to_string());
    let payer = payment.from.to_string();
    if path.ends_with("/verify") {
        let reason = match chain[place] {
            Coin::Unspent if now >= END => Some("invalid_exact_evm_payload_authorization_valid_before"),
            Coin::Unspent if mood == Mood::Poor => Some("insufficient_funds"),
            Coin::Unspent => None,
            _ => Some("invalid_exact_evm_nonce_already_used"),
        };
        let body = json!({"isValid": reason.is_none(), "invalidReason": reason, "payer": payer});
        return (200, body.to_string().into_bytes());
    }
    let failed = |reason: &str| json!({"success": false, "errorReason": reason, "transaction": "", "network": "eip155:84532", "payer": payer});
    let settled = |network: &str| json!({"success": true, "transaction": market::transaction(place), "network": network, "payer": payer});
    let books = chain[place] == Coin::Unspent && now < END && mood != Mood::Poor;
    if books {
        chain[place] = Coin::Paid(now);
    }
    let said = match (chain[place], mood) {
        (Coin::Paid(_), Mood::Pending) => failed("settlement_pending"),
        (Coin::Paid(_), Mood::Lost) => return (502, b"Bad Gateway".to_vec()),
        (Coin::Paid(_), Mood::Confused) => settled("eip155:1"),
        (Coin::Paid(_), Mood::Remembering) => settled("eip155:84532"),
        (Coin::Paid(_), _) if books => settled("eip155:84532"),
        (Coin::Paid(_) | Coin::Cancelled(_), _) => failed("invalid_exact_evm_nonce_already_used"),
        (Coin::Unspent, _) if now >= END => failed("invalid_exact_evm_payload_authorization_valid_before"),
        (Coin::Unspent, _) => failed("insufficient_funds"),
    };
    (200, said.to_string().into_bytes())
}
