//! The stable codes, and the one sentence that goes with each.

/// Nothing was offered for a priced route.
pub const PAYMENT_REQUIRED: &str = "payment_required";
/// More than one payment header.
pub const PAYMENT_AMBIGUOUS: &str = "payment_ambiguous";
/// The payment matches none of the offer's terms.
pub const NO_MATCH: &str = "no_matching_payment_requirements";
/// The same payment is at work.
pub const PAYMENT_IN_FLIGHT: &str = "payment_in_flight";
/// The same payment bought a response that was delivered.
pub const PAYMENT_ALREADY_USED: &str = "payment_already_used";
/// Paid, presented too often, never delivered.
pub const REDEMPTION_EXHAUSTED: &str = "redemption_exhausted";
/// The payment belongs to another route.
pub const PAYMENT_BOUND_ELSEWHERE: &str = "payment_bound_elsewhere";
/// No room for another claim.
pub const CLAIM_TABLE_FULL: &str = "claim_table_full";
/// The claim table does not answer.
pub const CLAIM_STORE_UNAVAILABLE: &str = "claim_store_unavailable";
/// The facilitator was not reached.
pub const FACILITATOR_UNAVAILABLE: &str = "facilitator_unavailable";
/// The outcome of the settlement is open (the protocol's own code).
pub const SETTLEMENT_PENDING: &str = "settlement_pending";
/// What the response costs cannot be read from it.
pub const CHARGE_UNREADABLE: &str = "charge_unreadable";
/// The response costs more than was paid.
pub const REDEMPTION_INSUFFICIENT: &str = "redemption_insufficient";
/// The path may be read in more than one way.
pub const PATH_AMBIGUOUS: &str = "path_ambiguous";
/// A header names a method that is sold otherwise than the request's own.
pub const METHOD_AMBIGUOUS: &str = "method_ambiguous";
/// The path is sold with other methods.
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
/// Nothing is offered here.
pub const NOT_OFFERED: &str = "not_offered";
/// gRPC on a route that settles after the response.
pub const GRPC_SETTLES_BEFORE: &str = "grpc_needs_settle_before";

/// A declared extension came back altered (the SDKs' code).
pub const EXTENSION_ECHO_MISMATCH: &str = "extension_echo_mismatch";
/// The offer asks for a named payment.
pub const PAYMENT_IDENTIFIER_REQUIRED: &str = "payment_identifier_required";
/// The payment's name is not of the form.
pub const PAYMENT_IDENTIFIER_INVALID: &str = "payment_identifier_invalid";
/// The payment's name is another's.
pub const PAYMENT_IDENTIFIER_CONFLICT: &str = "payment_identifier_conflict";
/// Its source has had its share.
pub const RATE_LIMITED: &str = "rate_limited";
/// As much of the filter's own documents is on its way as may be.
pub const DOCUMENTS_BUSY: &str = "documents_busy";

/// Every code a client can see, with its sentence.
pub const ALL: &[(&str, &str)] = &[
    (PAYMENT_REQUIRED, "This resource costs money: pay as PAYMENT-REQUIRED says."),
    (PAYMENT_AMBIGUOUS, "Send exactly one payment header."),
    ("invalid_payload", "The payment header cannot be read."),
    ("invalid_x402_version", "The payment is of an x402 version that is not spoken here."),
    (NO_MATCH, "The payment matches none of the terms offered."),
    (EXTENSION_ECHO_MISMATCH, "The payment repeats an extension of the quote, and not as it was declared."),
    (PAYMENT_IDENTIFIER_REQUIRED, "Name the payment: extensions, payment-identifier, info, id."),
    (
        PAYMENT_IDENTIFIER_INVALID,
        "A payment identifier is 16 to 128 letters, digits, hyphens and underscores.",
    ),
    (PAYMENT_IDENTIFIER_CONFLICT, "The payment identifier stands for another payment or another request."),
    ("invalid_exact_evm_signature", "The signature is not the payer's."),
    ("invalid_exact_evm_recipient_mismatch", "The payment goes to somebody else."),
    ("invalid_exact_evm_payload_authorization_value_mismatch", "The payment's value is not the price."),
    ("invalid_exact_evm_payload_authorization_valid_before", "The payment expires too soon to be settled."),
    ("invalid_exact_evm_payload_authorization_valid_after", "The payment is not valid yet."),
    ("payment_validity_too_long", "The payment is valid for longer than was quoted."),
    ("insufficient_funds", "The payer's balance does not cover the price."),
    ("permit2_allowance_required", "The payer has not allowed Permit2 to move the token."),
    ("unsupported_by_facilitator", "The facilitator does not settle this scheme, network or asset."),
    ("payment_rejected", "The facilitator rejected the payment."),
    ("invalid_permit2_signature", "The signature is not the payer's."),
    ("invalid_permit2_spender", "The permit's spender is not the x402 proxy of its scheme."),
    ("invalid_permit2_recipient_mismatch", "The payment goes to somebody else."),
    ("permit2_deadline_expired", "The payment expires too soon to be settled."),
    ("permit2_not_yet_valid", "The payment is not valid yet."),
    ("permit2_amount_mismatch", "The payment's value is not the price."),
    ("permit2_token_mismatch", "The permit is for another token."),
    ("upto_facilitator_mismatch", "The permit names another facilitator."),
    (RATE_LIMITED, "Too much came from this source: wait."),
    (DOCUMENTS_BUSY, "This document is being sent to too many at once: come back."),
    (PAYMENT_IN_FLIGHT, "This payment is being used by another request."),
    (PAYMENT_ALREADY_USED, "This payment was used and its response delivered."),
    (PAYMENT_BOUND_ELSEWHERE, "This payment was made for another resource: present it there."),
    (
        REDEMPTION_EXHAUSTED,
        "This payment was taken and its response failed too often: contact the seller with the transaction.",
    ),
    (CLAIM_TABLE_FULL, "No further payment can be taken now; none was taken."),
    (CLAIM_STORE_UNAVAILABLE, "The record of payments does not answer; keep the payment and try again."),
    (FACILITATOR_UNAVAILABLE, "Payments cannot be settled now; none was taken."),
    (SETTLEMENT_PENDING, "The payment may have been taken: do not pay again, send the same payment later."),
    (CHARGE_UNREADABLE, "The price of the response could not be determined; no payment was taken."),
    (
        REDEMPTION_INSUFFICIENT,
        "What was paid covers less than this response costs: ask again for what was paid.",
    ),
    (METHOD_AMBIGUOUS, "A header names another method, which has another price: send that method itself."),
    (PATH_AMBIGUOUS, "The path can be read in more than one way: send it in its plain form."),
    (METHOD_NOT_ALLOWED, "This resource is not offered with this method."),
    (NOT_OFFERED, "Nothing is offered here."),
    (GRPC_SETTLES_BEFORE, "gRPC is served only where payment is settled before the call."),
];

/// The sentence of a code.
pub fn explain(code: &str) -> &'static str {
    ALL.iter().find(|(name, _)| *name == code).map_or("", |(_, text)| text)
}
