//! What the facilitator is asked.

use std::fmt::Write;

use super::PaymentPayload;

/// The body of `/verify` and `/settle`, written from what was read and verified: the
/// authorisation and its signature, our own requirements (as [`super::requirements`] writes
/// them) as what was accepted, and our own [`super::resource`].
///
/// The reference servers forward the client's text as it stands. Whatever else stands in it
/// would be read by another parser than ours: a number no `f64` holds, skipped here, was
/// refused there, and an answer that says nothing about the payment leaves its outcome open.
pub fn settle_body(payload: &PaymentPayload, requirements: &str, resource: &str) -> Vec<u8> {
    let mut json = String::with_capacity(1_536);
    json.push_str(r#"{"x402Version":2,"paymentPayload":{"x402Version":2,"payload":{"authorization":"#);
    let authorization = &payload.authorization;
    // Writing into a String cannot fail.
    let _ = write!(
        json,
        r#"{{"from":"{}","to":"{}","value":"{}","validAfter":"{}","validBefore":"{}","nonce":"0x{}"}}"#,
        authorization.from,
        authorization.to,
        authorization.value,
        authorization.valid_after,
        authorization.valid_before,
        hex::encode(authorization.nonce),
    );
    json.push_str(r#","signature":""#);
    if let Ok(signature) = &payload.signature {
        json.push_str("0x");
        json.push_str(&hex::encode(signature.to_bytes()));
    }
    for part in [
        r#""},"accepted":"#,
        requirements,
        r#","resource":"#,
        resource,
        r#"},"paymentRequirements":"#,
        requirements,
        "}",
    ] {
        json.push_str(part);
    }
    json.into_bytes()
}
