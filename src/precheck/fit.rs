//! Whether a payment buys what is sold today.

use super::*;

/// What a fitting payment is settled under.
#[derive(Clone, Debug)]
pub enum Fit {
    /// Terms verified here.
    Terms(Terms),
    /// A way to pay that only the facilitator understands: its place among the offer's
    /// `others`, and the `extra` it was quoted with.
    Other(usize, String),
}

/// Why a payment does not buy an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mismatch {
    /// None of the offer's accepts is what the client says it pays.
    #[error("the payment matches none of the offer's terms")]
    NoMatch,
    /// Every facilitator of the offer says that it does not settle such payments.
    #[error("the facilitator does not settle such payments")]
    Unsupported,
    /// The Permit2 spender is not the scheme's proxy.
    #[error("the permit's spender is not the x402 proxy of its scheme")]
    Spender,
    /// The Permit2 token is not the asset.
    #[error("the permit is for another token")]
    Token,
    /// Somebody else may submit the `upto` payment.
    #[error("the permit names another facilitator")]
    Submitter,
    /// It goes to somebody else.
    #[error("the payment goes to somebody else")]
    Recipient(Means),
    /// It has ended, or ends too soon to settle in time.
    #[error("the payment expires too soon to be settled")]
    Expired(Means),
    /// It ends later than any quote allows.
    #[error("the payment is valid for longer than was quoted")]
    TooLong,
    /// Its beginning has not come.
    #[error("the payment is not valid yet")]
    NotYet(Means),
    /// It is not the price.
    #[error("the payment's value is not the price")]
    Value(Means),
}

/// Whether a payment buys `offer` at `now_unix` (seconds): the rules 3 to 9 of [`super`], in
/// this order.
///
/// `margin_seconds` is the validity that must be left; see [`Offer::margin_seconds`].
///
/// # Errors
/// The first [`Mismatch`].
pub fn precheck(
    payment: &Payment,
    offer: &Offer,
    abilities: &dyn Abilities,
    now_unix: u64,
    margin_seconds: u64,
) -> Result<Fit, Mismatch> {
    let (signed, asset, accepted) = match payment.form() {
        Form::Evm { signed, asset, accepted } => (signed, asset, accepted.as_ref()),
        Form::Other(other) => return fit_other(other, offer, abilities),
    };
    let authorization = &signed.authorization;
    let terms = offer.accepts.iter().enumerate().find_map(|(place, accept)| {
        if accept.asset != *asset || !fits_form(authorization, accept.means) {
            return None;
        }
        let submitter = match (accepted, accept.means) {
            (Some(accepted), Means::Upto) => Some(submitter(accepted)?),
            _ => None,
        };
        let mut terms = Terms::of(accept, offer.amount(place), offer, submitter);
        let fits = match accepted {
            Some(accepted) => accepted.matches(&terms),
            // Version 1 is quoted for EIP-3009 only.
            None => offer.v1 && accept.means == Means::Eip3009,
        };
        terms.upfront &= accepted.is_some();
        fits.then_some(terms)
    });
    let terms = terms.ok_or(Mismatch::NoMatch)?;
    let (version, network) = (payment.version(), payment.network());
    let takes = |submitter: Option<&Address>| {
        let scheme = terms.means.scheme();
        let takes = |facilitator: &Arc<Facilitator>| {
            abilities.takes(facilitator, version, scheme, network, submitter)
        };
        offer.facilitators.iter().any(takes)
    };
    if !takes(terms.facilitator.as_ref()) {
        // What names nobody of ours is no quote of ours.
        let named = terms.facilitator.is_some() && takes(None);
        return Err(if named { Mismatch::NoMatch } else { Mismatch::Unsupported });
    }
    check_permit(authorization, &terms)?;
    if authorization.to() != terms.pay_to {
        return Err(Mismatch::Recipient(terms.means));
    }
    check_window(authorization, offer, terms.means, now_unix, margin_seconds)?;
    if authorization.amount() != terms.amount {
        return Err(Mismatch::Value(terms.means));
    }
    Ok(Fit::Terms(terms))
}

fn fit_other(other: &Other, offer: &Offer, abilities: &dyn Abilities) -> Result<Fit, Mismatch> {
    let mut verdict = Mismatch::NoMatch;
    for (place, accept) in offer.others.iter().enumerate() {
        if other.version == Version::V1 && !offer.v1 {
            continue;
        }
        let pays = |extra: &str| {
            other.pays(accept, offer.other_amount(place), extra, offer.max_timeout_seconds.into())
        };
        let mut paid = None;
        let mut denied = true;
        for facilitator in offer.facilitators.iter() {
            match challenge::extra(accept, offer, facilitator, abilities, other.version) {
                Ok(extra) if pays(&extra) => {
                    // What repeats the quote to the letter is for whom it was made.
                    let repeats = other.terms.as_ref().is_none_or(|terms| terms.extra == extra);
                    if paid.is_none() || repeats {
                        paid = Some(extra);
                    }
                    if repeats {
                        break;
                    }
                }
                Err(Ability::No) => continue,
                _ => {}
            }
            denied = false;
        }
        if let Some(extra) = paid {
            return Ok(Fit::Other(place, extra));
        }
        if denied && pays("{}") {
            verdict = Mismatch::Unsupported;
        }
    }
    Err(verdict)
}

/// Whether an authorisation is of the contract that a scheme burns.
fn fits_form(authorization: &Authorization, wanted: Means) -> bool {
    matches!(
        (authorization, wanted),
        (Authorization::Transfer(_), Means::Eip3009)
            | (Authorization::Permit(_), Means::Permit2 | Means::Upto)
    )
}

/// The submitter an echoed quote names.
fn submitter(accepted: &Accepted) -> Option<Address> {
    let named = accepted.extra.as_ref()?.facilitator_address.as_deref()?;
    Address::parse(named).ok()
}

fn check_permit(authorization: &Authorization, terms: &Terms) -> Result<(), Mismatch> {
    let Authorization::Permit(permit) = authorization else {
        return Ok(());
    };
    let proxy = if terms.means == Means::Upto { UPTO_PROXY } else { EXACT_PROXY };
    if permit.spender != proxy {
        return Err(Mismatch::Spender);
    }
    if permit.token != terms.asset.address {
        return Err(Mismatch::Token);
    }
    // A witness with a facilitator is of another type than one without, so that this also keeps
    // the two schemes apart.
    if permit.witness.facilitator != terms.facilitator {
        return Err(Mismatch::Submitter);
    }
    Ok(())
}

fn check_window(
    authorization: &Authorization,
    offer: &Offer,
    means: Means,
    now_unix: u64,
    margin_seconds: u64,
) -> Result<(), Mismatch> {
    let (from, until) = (authorization.valid_after(), authorization.valid_before());
    if until < Amount::from_u64(now_unix.saturating_add(margin_seconds)) {
        return Err(Mismatch::Expired(means));
    }
    let latest = now_unix.saturating_add(u64::from(offer.max_timeout_seconds)).saturating_add(SKEW_SECONDS);
    if until > Amount::from_u64(latest) {
        return Err(Mismatch::TooLong);
    }
    if from > Amount::from_u64(now_unix) {
        return Err(Mismatch::NotYet(means));
    }
    Ok(())
}

// === impl Mismatch ===

impl Mismatch {
    /// The SDK's code, where it has one.
    pub fn code(self) -> &'static str {
        let of = |means, transfer, permit| if means == Means::Eip3009 { transfer } else { permit };
        match self {
            Self::NoMatch => "no_matching_payment_requirements",
            Self::Unsupported => "unsupported_by_facilitator",
            Self::TooLong => "payment_validity_too_long",
            Self::Spender => "invalid_permit2_spender",
            Self::Token => "permit2_token_mismatch",
            Self::Submitter => "upto_facilitator_mismatch",
            Self::Recipient(means) => {
                of(means, "invalid_exact_evm_recipient_mismatch", "invalid_permit2_recipient_mismatch")
            }
            Self::Expired(means) => {
                of(means, "invalid_exact_evm_payload_authorization_valid_before", "permit2_deadline_expired")
            }
            Self::NotYet(means) => {
                of(means, "invalid_exact_evm_payload_authorization_valid_after", "permit2_not_yet_valid")
            }
            Self::Value(means) => {
                of(means, "invalid_exact_evm_payload_authorization_value_mismatch", "permit2_amount_mismatch")
            }
        }
    }
}
