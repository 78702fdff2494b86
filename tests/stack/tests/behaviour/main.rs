//! The stack itself, seen from outside: what the other suites rely on.

mod faults;
mod ledger;
mod network;
mod payments;
mod upstream;
mod vectors;
mod visit;

use serde_json::{json, Value};
use x402_devstack::client::{request, Answer, RawRequest};
use x402_devstack::facilitator::{Facilitator, Options};
use x402_devstack::payer::{Draft, Payment, Wallet};

fn requirement() -> Value {
    json!({
        "scheme": "exact", "network": "eip155:84532", "amount": "10000",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "maxTimeoutSeconds": 60, "extra": { "name": "USDC", "version": "2" },
    })
}

fn draft(wallet: &Wallet) -> Draft {
    Draft::new(wallet, &requirement()).expect("payable")
}

fn payment(wallet: &Wallet) -> Payment {
    draft(wallet).sign(wallet)
}

fn facilitator() -> Facilitator {
    Facilitator::start(Options::default()).expect("a free port")
}

async fn post(facilitator: &Facilitator, path: &str, body: &Value) -> Answer {
    let ask = RawRequest::new("POST", path).header("content-type", "application/json").body(body.to_string());
    request(facilitator.address(), &ask).await
}

async fn settle(facilitator: &Facilitator, payment: &Payment) -> Answer {
    post(facilitator, "/settle", &payment.facilitator_body()).await
}

async fn verify(facilitator: &Facilitator, payment: &Payment) -> Answer {
    post(facilitator, "/verify", &payment.facilitator_body()).await
}
