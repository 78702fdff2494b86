//! The shop that payments are made to: what it sells is what the vectors' payers pay for.

use std::sync::OnceLock;

use serde_json::Value;
use x402_proxy_wasm::config::{Facilitator, Policy};
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::protocol::abilities::{Abilities, Ability, Standing};
use x402_proxy_wasm::protocol::payload::PaymentPayload;
use x402_proxy_wasm::protocol::signed::Signed;
use x402_proxy_wasm::protocol::Version;

/// When everything happens: the time of the vectors.
pub const NOW: u64 = 1_767_225_600;

/// Where a payment can be presented.
pub const PATHS: [&str; 4] = ["/exact", "/eoa", "/upto", "/named"];

/// A path that costs nothing.
pub const FREE: &str = "/free";

/// Who submits `upto` payments.
const SUBMITTER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// The shop.
pub fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| {
        let text = include_bytes!("shop.json");
        Policy::from_bytes(text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
    })
}

/// Everything the payers of the vectors ever signed.
pub fn signed() -> &'static [Signed] {
    static SIGNED: OnceLock<Vec<Signed>> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let text = include_str!("../../tests/vectors/x402.json");
        let mut found = Vec::new();
        collect(&serde_json::from_str(text).expect("vectors"), &mut found);
        assert!(found.len() > 5);
        found
    })
}

fn collect(value: &Value, found: &mut Vec<Signed>) {
    if value.get("x402Version").is_some() {
        let read = PaymentPayload::parse(value.to_string().as_bytes());
        if let Ok(PaymentPayload::V1 { signed, .. } | PaymentPayload::V2 { signed, .. }) = read {
            found.push(*signed);
        }
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

/// A facilitator that does everything.
pub struct Able;

impl Abilities for Able {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, network: &str) -> Ability {
        match network.starts_with("solana") {
            true => Ability::Yes(r#"{"feePayer":"2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"}"#.to_owned()),
            false => Ability::Yes("{}".to_owned()),
        }
    }

    fn submitter(&self, _: &Facilitator, _: &str) -> Option<Address> {
        Address::parse(SUBMITTER).ok()
    }

    fn submits(&self, _: &Facilitator, _: &str, address: &Address) -> bool {
        Address::parse(SUBMITTER) == Ok(*address)
    }

    fn extends(&self, _: &Facilitator, _: &str) -> bool {
        true
    }
}
