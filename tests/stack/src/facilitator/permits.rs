//! Verification of Permit2 payments, `exact` and `upto`, in the order and with the codes of the
//! reference facilitator:
//!
//! 1. scheme, 2. network, 3. spender, 4. recipient, 5. the witness's facilitator (`upto`),
//! 6. deadline at least six seconds away, 7. `validAfter`, 8. amount, 9. token, 10. signature.
//!
//! Under `upto`, `/settle` is told what is charged: anything up to what was signed.

use alloy_primitives::{hex, Address, U256};
use serde_json::Value;

use crate::eip3009::{canonical_network, chain_id, recover, v1_chain_id};
use crate::permit2::{Permit, EXACT_PROXY, PERMIT2, UPTO_PROXY};

use super::faults::Operation;
use super::ledger::Ledger;
use super::terms::{address, text, Integer, PaymentRequest, Terms};
use super::verify::{reason, Verdict};

/// Everything but the simulation. `pool` are the facilitator's own addresses.
pub(super) fn check(
    request: &PaymentRequest,
    operation: Operation,
    now: u64,
    ledger: &Ledger,
    pool: &[String],
) -> Verdict {
    let stated = |name: &str| match request.version {
        1 => text(&request.payload[name]),
        _ => text(&request.payload["accepted"][name]),
    };
    let scheme = stated("scheme");
    let upto = scheme == "upto";
    if !matches!(scheme.as_str(), "exact" | "upto") || request.requirements["scheme"] != scheme.as_str() {
        return Verdict::Invalid(if upto { reason::UPTO_SCHEME } else { reason::SCHEME });
    }
    let network = text(&request.requirements["network"]);
    if stated("network") != network {
        return Verdict::Invalid(if upto { reason::UPTO_NETWORK } else { reason::NETWORK });
    }
    let Some(permit) = read(&request.payload["payload"]["permit2Authorization"], upto) else {
        return Verdict::Threw("Cannot read the permit".to_owned());
    };
    let wanted = if request.version == 1 { "maxAmountRequired" } else { "amount" };
    let amount = match Integer::read(&request.requirements[wanted]).map(Integer::fits) {
        Ok(Some(amount)) => amount,
        _ => return Verdict::Threw("Cannot read the amount".to_owned()),
    };
    let listed = |address: Address| pool.iter().any(|member| member.parse() == Ok(address));
    let charging = upto && operation == Operation::Settle;
    let refused = if permit.spender != if upto { UPTO_PROXY } else { EXACT_PROXY } {
        Some(reason::SPENDER)
    } else if address(&request.requirements["payTo"]) != Some(permit.to) {
        Some(reason::PERMIT_RECIPIENT)
    } else if upto && !permit.facilitator.is_some_and(listed) {
        Some(reason::SUBMITTER)
    } else if permit.deadline < U256::from(now + 6) {
        Some(reason::DEADLINE)
    } else if permit.valid_after > U256::from(now) {
        Some(reason::PERMIT_NOT_YET)
    } else if charging && amount > permit.amount {
        Some(reason::EXCEEDS)
    } else if !charging && amount != permit.amount {
        Some(reason::PERMIT_AMOUNT)
    } else if address(&request.requirements["asset"]) != Some(permit.token) {
        Some(reason::PERMIT_TOKEN)
    } else {
        None
    };
    if let Some(refused) = refused {
        return Verdict::Invalid(refused);
    }
    let chain = v1_chain_id(&network).or_else(|| chain_id(&network)).unwrap_or_default();
    let (from, signature) = (request.payer().parse::<Address>().ok(), hex::decode(request.signature()).ok());
    let (Some(from), Some(signature)) = (from, signature) else {
        return Verdict::Invalid(reason::PERMIT_SIGNATURE);
    };
    let accepted = match ledger.wallet(from) {
        Some(accepts) => accepts,
        None => recover(permit.digest(chain), &signature) == Some(from),
    };
    if !accepted {
        return Verdict::Invalid(reason::PERMIT_SIGNATURE);
    }
    Verdict::Valid(Box::new(Terms {
        network: canonical_network(&network),
        asset: permit.token,
        burnt_by: PERMIT2,
        from,
        to: permit.to,
        value: amount,
        valid_after: permit.valid_after,
        valid_before: permit.deadline,
        nonce: permit.nonce.into(),
        signature,
    }))
}

fn read(json: &Value, upto: bool) -> Option<Permit> {
    let number = |value: &Value| Integer::read(value).ok()?.fits();
    let facilitator = address(&json["witness"]["facilitator"]);
    Some(Permit {
        token: address(&json["permitted"]["token"])?,
        amount: number(&json["permitted"]["amount"])?,
        spender: address(&json["spender"])?,
        nonce: number(&json["nonce"])?,
        deadline: number(&json["deadline"])?,
        to: address(&json["witness"]["to"])?,
        facilitator: facilitator.filter(|_| upto),
        valid_after: number(&json["witness"]["validAfter"])?,
    })
}
