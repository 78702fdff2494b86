//! Why a facilitator refuses, and which of its words prove the authorisation unspent.

/// A facilitator's reason, as far as clients are told. Its own text stays in the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// The payer's balance does not cover it.
    InsufficientFunds,
    /// The facilitator holds the signature to be wrong, for example of a contract wallet.
    Signature,
    /// Too late for the facilitator.
    Expired,
    /// Too early for the facilitator.
    NotYetValid,
    /// The facilitator does not serve this scheme, network or asset.
    Unsupported,
    /// The payer has not allowed Permit2 to move the token.
    Allowance,
    /// Anything else that proves the authorisation unspent.
    Other,
}

/// The reasons after which a first ask cannot have moved money, in the three vocabularies in
/// the field: the reference SDK's, the specification's and x402-rs's. (What a later ask is told
/// proves nothing: a balance or an allowance may be gone because the first one succeeded.)
///
/// Each is the outcome of a check of what was signed or asked, made before anything is sent,
/// or of a balance or allowance that no transfer can succeed without. Not among them, because
/// facilitators give them for authorisations that were spent or cancelled, or after a
/// transaction went out: `permit2_simulation_failed`, `permit2_invalid_nonce`,
/// `invalid_exact_evm_nonce_already_used`, `transaction_simulation`, every
/// `…transaction_failed`, `permit2_payment_too_early`, `permit2_invalid_amount`,
/// `permit2_invalid_destination` and `permit2_invalid_owner` (errors of the proxy contract,
/// which a transaction that was sent reports, too), and the `erc20_approval_…` failures of
/// broadcasting. Two texts of contract errors are here nevertheless:
/// `upto_amount_exceeds_permitted` and `upto_unauthorized_facilitator` revert whatever was
/// spent, and depend on nothing but what was signed and who sends it.
const PROVING_UNSPENT: &[(&str, Reason)] = &[
    ("insufficient_funds", Reason::InsufficientFunds),
    ("invalid_exact_evm_insufficient_balance", Reason::InsufficientFunds),
    ("insufficient_balance", Reason::InsufficientFunds),
    ("invalid_exact_evm_signature", Reason::Signature),
    ("invalid_exact_evm_payload_signature", Reason::Signature),
    ("invalid_exact_evm_payload_undeployed_smart_wallet", Reason::Signature),
    ("eip6492_factory_not_allowed", Reason::Signature),
    ("invalid_signature", Reason::Signature),
    ("invalid_exact_evm_payload_authorization_valid_before", Reason::Expired),
    ("invalid_payment_expired", Reason::Expired),
    ("invalid_exact_evm_payload_authorization_valid_after", Reason::NotYetValid),
    ("invalid_payment_early", Reason::NotYetValid),
    ("invalid_network", Reason::Unsupported),
    ("invalid_scheme", Reason::Unsupported),
    ("unsupported_scheme", Reason::Unsupported),
    ("unsupported_chain", Reason::Unsupported),
    ("asset_not_deployed_contract", Reason::Unsupported),
    ("invalid_exact_evm_eip3009_not_supported", Reason::Unsupported),
    ("invalid_exact_evm_token_name_mismatch", Reason::Unsupported),
    ("invalid_exact_evm_token_version_mismatch", Reason::Unsupported),
    ("invalid_exact_evm_scheme", Reason::Unsupported),
    ("invalid_exact_evm_network_mismatch", Reason::Unsupported),
    ("chain_id_mismatch", Reason::Unsupported),
    ("permit2_allowance_required", Reason::Allowance),
    ("permit2_insufficient_balance", Reason::InsufficientFunds),
    ("invalid_permit2_signature", Reason::Signature),
    ("permit2_deadline_expired", Reason::Expired),
    ("permit2_not_yet_valid", Reason::NotYetValid),
    ("invalid_upto_evm_scheme", Reason::Unsupported),
    ("invalid_upto_evm_network_mismatch", Reason::Unsupported),
    ("invalid_permit2_spender", Reason::Other),
    ("invalid_permit2_recipient_mismatch", Reason::Other),
    ("permit2_amount_mismatch", Reason::Other),
    ("permit2_token_mismatch", Reason::Other),
    ("invalid_upto_evm_payload_settlement_exceeds_amount", Reason::Other),
    ("upto_facilitator_mismatch", Reason::Other),
    ("upto_unauthorized_facilitator", Reason::Other),
    ("upto_amount_exceeds_permitted", Reason::Other),
    ("invalid_payload", Reason::Other),
    ("invalid_format", Reason::Other),
    ("invalid_payment_requirements", Reason::Other),
    ("invalid_x402_version", Reason::Other),
    ("invalid_exact_evm_missing_eip712_domain", Reason::Other),
    ("invalid_exact_evm_recipient_mismatch", Reason::Other),
    ("invalid_exact_evm_payload_recipient_mismatch", Reason::Other),
    ("invalid_exact_evm_authorization_value", Reason::Other),
    ("invalid_exact_evm_payload_authorization_value", Reason::Other),
    ("invalid_exact_evm_payload_authorization_value_mismatch", Reason::Other),
    ("invalid_payment_amount", Reason::Other),
    ("recipient_mismatch", Reason::Other),
    ("asset_mismatch", Reason::Other),
    ("accepted_requirements_mismatch", Reason::Other),
];

// === impl Reason ===

impl Reason {
    /// The reason behind a code, if the code proves the authorisation unspent.
    pub(super) fn proving_unspent(code: &str) -> Option<Self> {
        PROVING_UNSPENT.iter().find(|(known, _)| *known == code).map(|(_, reason)| *reason)
    }

    /// The stable code clients are told; an SDK's where one exists.
    pub fn code(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::Signature => "invalid_exact_evm_signature",
            Self::Expired => "invalid_exact_evm_payload_authorization_valid_before",
            Self::NotYetValid => "invalid_exact_evm_payload_authorization_valid_after",
            Self::Unsupported => "unsupported_by_facilitator",
            Self::Allowance => "permit2_allowance_required",
            Self::Other => "payment_rejected",
        }
    }
}
