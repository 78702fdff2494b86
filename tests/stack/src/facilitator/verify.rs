//! Verification of `exact` EIP-3009 payments (Permit2 has its own module), in the order and with the codes of the
//! reference facilitator:
//!
//! 1. scheme, 2. EIP-712 domain present, 3. network, 4. ERC-6492 wrapper, 5. signature,
//! 6. recipient, 7. `validBefore` at least six seconds away, 8. `validAfter`, 9. amount,
//! 10. what the token says (nonce, balance, its own idea of a signature).
//!
//! Version 1 differs in where the fields are and in the code for the amount.

use alloy_primitives::{Address, U256};
use serde_json::Value;

use crate::eip3009::{chain_id, digest, domain, recover, v1_chain_id};

use super::faults::Operation;
use super::ledger::{Ledger, Revert};
use super::permits;
use super::terms::{address, text, Integer, Numbers, PaymentRequest, Terms};

pub mod reason {
    //! The codes, as the reference writes them.
    pub const SCHEME: &str = "invalid_exact_evm_scheme";
    pub const DOMAIN: &str = "invalid_exact_evm_missing_eip712_domain";
    pub const NETWORK: &str = "invalid_exact_evm_network_mismatch";
    pub const FACTORY: &str = "eip6492_factory_not_allowed";
    pub const SIGNATURE: &str = "invalid_exact_evm_signature";
    pub const RECIPIENT: &str = "invalid_exact_evm_recipient_mismatch";
    pub const VALID_BEFORE: &str = "invalid_exact_evm_payload_authorization_valid_before";
    pub const VALID_AFTER: &str = "invalid_exact_evm_payload_authorization_valid_after";
    pub const VALUE: &str = "invalid_exact_evm_payload_authorization_value_mismatch";
    pub const VALUE_V1: &str = "invalid_exact_evm_authorization_value";
    pub const NONCE_USED: &str = "invalid_exact_evm_nonce_already_used";
    pub const BALANCE: &str = "invalid_exact_evm_insufficient_balance";
    pub const SIMULATION: &str = "invalid_exact_evm_transaction_simulation_failed";
    pub const TRANSACTION: &str = "invalid_exact_evm_transaction_failed";
    pub const PENDING: &str = "settlement_pending";
    pub const SPENDER: &str = "invalid_permit2_spender";
    pub const PERMIT_RECIPIENT: &str = "invalid_permit2_recipient_mismatch";
    pub const DEADLINE: &str = "permit2_deadline_expired";
    pub const PERMIT_NOT_YET: &str = "permit2_not_yet_valid";
    pub const PERMIT_AMOUNT: &str = "permit2_amount_mismatch";
    pub const PERMIT_TOKEN: &str = "permit2_token_mismatch";
    pub const PERMIT_SIGNATURE: &str = "invalid_permit2_signature";
    pub const PERMIT_BALANCE: &str = "permit2_insufficient_balance";
    pub const PERMIT_NONCE: &str = "permit2_invalid_nonce";
    pub const UPTO_SCHEME: &str = "invalid_upto_evm_scheme";
    pub const UPTO_NETWORK: &str = "invalid_upto_evm_network_mismatch";
    pub const SUBMITTER: &str = "upto_facilitator_mismatch";
    pub const EXCEEDS: &str = "invalid_upto_evm_payload_settlement_exceeds_amount";
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Verdict {
    Valid(Box<Terms>),
    Invalid(&'static str),
    /// The reference throws here, and its server answers 500.
    Threw(String),
}

impl Verdict {
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(reason) => Some(reason),
            _ => None,
        }
    }
}

/// `/verify`: every check, then what the token would say. `pool` are the facilitator's own
/// addresses.
pub fn verify(request: &PaymentRequest, now: u64, ledger: &Ledger, pool: &[String]) -> Verdict {
    let verdict = match request.is_permit() {
        true => permits::check(request, Operation::Verify, now, ledger, pool),
        false => check(request, now, ledger),
    };
    let Verdict::Valid(terms) = &verdict else {
        return verdict;
    };
    match ledger.simulate(terms) {
        Ok(()) => verdict,
        Err(Revert::InvalidSignature) if !request.is_permit() => Verdict::Invalid(reason::SIMULATION),
        Err(revert) => Verdict::Invalid(revert_reason(revert, request.is_permit())),
    }
}

/// The reference maps revert texts: the token's "invalid signature 's' value" becomes the
/// same code as a signature that recovers to someone else.
pub(super) fn revert_reason(revert: Revert, permit: bool) -> &'static str {
    match (revert, permit) {
        (Revert::AuthorizationUsed, false) => reason::NONCE_USED,
        (Revert::AuthorizationUsed, true) => reason::PERMIT_NONCE,
        (Revert::InsufficientBalance, false) => reason::BALANCE,
        (Revert::InsufficientBalance, true) => reason::PERMIT_BALANCE,
        (Revert::InvalidSignature, false) => reason::SIGNATURE,
        (Revert::InvalidSignature, true) => reason::PERMIT_SIGNATURE,
    }
}

/// What `/settle` repeats before it sends a transaction: everything but the simulation.
pub fn check(request: &PaymentRequest, now: u64, ledger: &Ledger) -> Verdict {
    let fields = Fields::of(request);
    if fields.scheme != "exact" || request.requirements["scheme"] != "exact" {
        return Verdict::Invalid(reason::SCHEME);
    }
    let chain = if request.version == 1 {
        match v1_chain_id(&fields.network) {
            Some(id) => id,
            None => return Verdict::Invalid(reason::NETWORK),
        }
    } else {
        chain_id(&text(&request.requirements["network"])).unwrap_or_default()
    };
    let extra = &request.requirements["extra"];
    let (name, version) = (text(&extra["name"]), text(&extra["version"]));
    if name.is_empty() || version.is_empty() {
        return Verdict::Invalid(reason::DOMAIN);
    }
    let Some(asset) = address(&request.requirements["asset"]) else {
        return Verdict::Threw("Address is invalid".to_owned());
    };
    if fields.network != text(&request.requirements["network"]) {
        return Verdict::Invalid(reason::NETWORK);
    }
    let numbers = match Numbers::read(request) {
        Ok(numbers) => numbers,
        Err(why) => return Verdict::Threw(why),
    };
    let terms = Terms::read(request, asset, &numbers);
    if let Err(refusal) = check_signature(request, terms.as_ref(), ledger, |terms| {
        digest(&terms.message(), &domain(&name, &version, chain, asset))
    }) {
        return Verdict::Invalid(refusal);
    }
    let Some(terms) = terms else {
        return Verdict::Invalid(reason::SIGNATURE);
    };
    check_terms(request, &fields, terms, now)
}

fn check_signature(
    request: &PaymentRequest,
    terms: Option<&Terms>,
    ledger: &Ledger,
    digest: impl Fn(&Terms) -> alloy_primitives::B256,
) -> Result<(), &'static str> {
    // The marker that ends an ERC-6492 wrapper.
    let wrapped = request.signature().ends_with(&"6492".repeat(16));
    let payer: Option<Address> = request.payer().parse().ok();
    let code = payer.and_then(|payer| ledger.wallet(payer));
    if wrapped && code.is_none() {
        return Err(reason::FACTORY);
    }
    let terms = terms.ok_or(reason::SIGNATURE)?;
    let accepted = match code {
        Some(accepts) => accepts,
        None => recover(digest(terms), &terms.signature) == Some(terms.from),
    };
    if accepted {
        Ok(())
    } else {
        Err(reason::SIGNATURE)
    }
}

fn check_terms(request: &PaymentRequest, fields: &Fields<'_>, terms: Terms, now: u64) -> Verdict {
    let Some(pay_to) = address(&request.requirements["payTo"]) else {
        return Verdict::Threw("Address is invalid".to_owned());
    };
    let amount = match Integer::read(fields.amount) {
        Ok(amount) => amount,
        Err(why) => return Verdict::Threw(why),
    };
    if terms.to != pay_to {
        return Verdict::Invalid(reason::RECIPIENT);
    }
    if terms.valid_before < U256::from(now + 6) {
        return Verdict::Invalid(reason::VALID_BEFORE);
    }
    if terms.valid_after > U256::from(now) {
        return Verdict::Invalid(reason::VALID_AFTER);
    }
    if amount != Integer::Fits(terms.value) {
        return Verdict::Invalid(fields.amount_mismatch);
    }
    Verdict::Valid(Box::new(terms))
}

/// Where the two versions keep the same things.
struct Fields<'a> {
    scheme: &'a str,
    network: String,
    amount: &'a Value,
    amount_mismatch: &'static str,
}

impl<'a> Fields<'a> {
    fn of(request: &'a PaymentRequest) -> Self {
        let v1 = request.version == 1;
        let (scheme, amount) = if v1 {
            (&request.payload["scheme"], "maxAmountRequired")
        } else {
            (&request.payload["accepted"]["scheme"], "amount")
        };
        Self {
            scheme: scheme.as_str().unwrap_or_default(),
            network: request.network(),
            amount: &request.requirements[amount],
            amount_mismatch: if v1 { reason::VALUE_V1 } else { reason::VALUE },
        }
    }
}
