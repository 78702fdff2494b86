//! A5: payments that are over, not yet begun, or good for longer than anybody asked. All of
//! them are refused before anybody is called.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::U256;
use serde_json::{json, Value};
use x402_devstack::payer::Draft;

use super::Table;
use crate::stage::{refused, served, Stage};

const EXPIRED: &str = "invalid_exact_evm_payload_authorization_valid_before";
const NOT_YET: &str = "invalid_exact_evm_payload_authorization_valid_after";
const TOO_LONG: &str = "payment_validity_too_long";
const PAYLOAD: &str = "invalid_payload";

/// Settled before, and after: the second wants time for the upstream as well.
const PATHS: [(&str, &str); 2] = [("before", "/v1/cheap"), ("after", "/v1/late")];

pub(super) fn add(table: &mut Table) {
    for (settle, path) in PATHS {
        for (name, code, after, before) in windows() {
            table.add(format!("a5_{name}_{settle}"), move |stage| {
                refuse(stage, path, code, |draft| {
                    draft.valid_after = after.at();
                    draft.valid_before = before.at();
                });
            });
        }
    }
    for (name, code, after, before) in windows() {
        table.add(format!("a5_v1_{name}"), move |stage| {
            let asked = stage.get("/v1/cheap");
            let mut draft = stage.draft_v1(&asked);
            (draft.valid_after, draft.valid_before) = (after.at(), before.at());
            let payment = draft.sign(&stage.wallet);
            refused(&stage.send(&asked.pay(&payment)), 402, code);
            stage.untouched(&payment);
        });
    }
    for (name, value) in spelled() {
        for field in ["validAfter", "validBefore"] {
            let value = value.clone();
            table.add(format!("a5_{}_{name}", field.to_lowercase()), move |stage| {
                let asked = stage.get("/v1/cheap");
                let pointer = format!("/payload/authorization/{field}");
                let payment = stage.pay(&asked).tamper(&pointer, value.clone());
                refused(&stage.send(&asked.pay(&payment)), 402, PAYLOAD);
                stage.untouched(&payment);
            });
        }
    }
    for field in ["validAfter", "validBefore"] {
        table.add(format!("a5_{}_left_out", field.to_lowercase()), move |stage| {
            let asked = stage.get("/v1/cheap");
            let payment = stage.pay(&asked).without(&format!("/payload/authorization/{field}"));
            refused(&stage.send(&asked.pay(&payment)), 402, PAYLOAD);
            stage.untouched(&payment);
        });
    }
    table.add("a5_an_end_put_off_after_signing", put_off);
    table.add("a5_a_beginning_brought_forward_after_signing", brought_forward);
    table.add_on_lane("a5_a_payment_that_runs_out_after_its_delivery_is_still_used", used_after_its_end);
}

/// A time to put into a window.
#[derive(Clone, Copy)]
enum Time {
    /// Seconds from now.
    Now(i64),
    /// As it stands.
    Exactly(U256),
}

impl Time {
    fn at(self) -> U256 {
        match self {
            Self::Now(seconds) => U256::from(now().saturating_add_signed(seconds)),
            Self::Exactly(time) => time,
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn windows() -> Vec<(&'static str, &'static str, Time, Time)> {
    use Time::{Exactly, Now};
    let always = Exactly(U256::ZERO);
    // 2^64 is 0 to whoever keeps the low half.
    let wrapped = (U256::from(1) << 64) + Now(50).at();
    vec![
        ("over_since_a_year", EXPIRED, always, Now(-31_536_000)),
        ("over_since_a_second", EXPIRED, always, Now(-1)),
        ("over_before_it_can_settle", EXPIRED, always, Now(2)),
        ("never", EXPIRED, always, always),
        ("reversed", EXPIRED, Now(60), Now(-60)),
        ("not_yet_for_ten_seconds", NOT_YET, Now(10), Now(50)),
        ("not_yet_for_a_minute", NOT_YET, Now(50), Now(60)),
        ("an_empty_window", NOT_YET, Now(55), Now(55)),
        ("a_beginning_beyond_64_bits", NOT_YET, Exactly(U256::from(1) << 64), Now(55)),
        ("a_beginning_at_the_end_of_time", NOT_YET, Exactly(U256::MAX), Now(55)),
        ("good_for_an_hour", TOO_LONG, always, Now(3_600)),
        ("good_for_ten_minutes", TOO_LONG, always, Now(600)),
        ("good_beyond_64_bits", TOO_LONG, always, Exactly(wrapped)),
        ("good_for_ever", TOO_LONG, always, Exactly(U256::MAX)),
        ("in_milliseconds", TOO_LONG, always, Exactly(Now(50).at() * U256::from(1_000))),
    ]
}

fn spelled() -> Vec<(&'static str, Value)> {
    vec![
        ("as_a_number", json!(1_900_000_000)),
        ("in_hex", json!("0x713fb300")),
        ("with_a_leading_zero", json!("01900000000")),
        ("negative", json!("-1")),
        ("as_a_fraction", json!("1900000000.5")),
        ("with_an_exponent", json!("19e8")),
        ("with_a_space", json!(" 1900000000")),
        ("as_a_date", json!("2030-03-17T17:46:40Z")),
        (
            "of_257_bits",
            json!("231584178474632390847141970017375815706539969331281128078915168015826259279872"),
        ),
        ("empty", json!("")),
        ("null", Value::Null),
        ("a_list", json!(["1900000000"])),
    ]
}

fn refuse(stage: &mut Stage<'_>, path: &str, code: &str, change: impl FnOnce(&mut Draft)) {
    let asked = stage.get(path);
    let mut draft = stage.draft(&asked);
    change(&mut draft);
    let payment = draft.sign(&stage.wallet);
    refused(&stage.send(&asked.pay(&payment)), 402, code);
    stage.untouched(&payment);
}

fn put_off(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let mut draft = stage.draft(&asked);
    draft.valid_before = Time::Now(-5).at();
    let later = json!(Time::Now(50).at().to_string());
    let payment = draft.sign(&stage.wallet).tamper("/payload/authorization/validBefore", later);
    refused(&stage.send(&asked.pay(&payment)), 402, "invalid_exact_evm_signature");
    stage.untouched(&payment);
}

fn brought_forward(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let mut draft = stage.draft(&asked);
    draft.valid_after = Time::Now(40).at();
    let payment = draft.sign(&stage.wallet).tamper("/payload/authorization/validAfter", json!("0"));
    refused(&stage.send(&asked.pay(&payment)), 402, "invalid_exact_evm_signature");
    stage.untouched(&payment);
}

/// The claim is looked up before the window is: a used payment is called used, and its tombstone
/// outlives its validity.
fn used_after_its_end(stage: &mut Stage<'_>) {
    let asked = stage.get(stage.lane("before"));
    let mut draft = stage.draft(&asked);
    // A lane's facilitator has a second, and the chain six.
    draft.valid_before = Time::Now(9).at();
    let payment = draft.sign(&stage.wallet);
    let request = asked.pay(&payment);
    served(&stage.send(&request));
    while U256::from(now()) <= draft.valid_before {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    refused(&stage.again(&request), 402, "payment_already_used");
    stage.charged_once(&payment, 1);
}
