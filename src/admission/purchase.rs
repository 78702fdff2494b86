//! A payment for an offer: what it burns, what it is settled under, what becomes of its claim.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use crate::charge;
use crate::claims::{Binding, Identity, Op, UnixSeconds};
use crate::config::{Identifier, Means, Offer, Policy, Route, Verify};
use crate::evm::address::Address;
use crate::evm::authorization::Authorization;
use crate::exchange::{Check, Terms};
use crate::extensions::identifier::{self, Unnamed};
use crate::extensions::{self, echo, gas, Asked};
use crate::facilitator::Expected;
use crate::money::Amount;
use crate::precheck::{self, Fit, Form, Judge, Payment};
use crate::protocol::abilities::Abilities;
use crate::protocol::payload::PaymentPayload;
use crate::protocol::terms::{self, Sold};
use crate::protocol::v2::Accepted;
use crate::protocol::{body, header, Version};
use crate::reply::{code, Refusal};

mod claim;
mod honour;
mod onward;
#[cfg(test)]
mod tests;

use honour::quoted;
pub use onward::Onward;
use onward::Sent;

/// A payment for an offer: verified or waiting to be, and fitting or not.
#[derive(Debug)]
pub struct Purchase {
    /// Where it was presented.
    pub route: Arc<Route>,
    /// What is sold there.
    pub offer: Arc<Offer>,
    /// What was signed.
    pub payment: Payment,
    /// What the chain would burn.
    pub identity: Identity,
    binding: Binding,
    /// What is bought: route, payee, asset and amount.
    pub offered: Binding,
    valid_before: UnixSeconds,
    settled: Settled,
    /// Base units, as signed or as quoted.
    pub amount: Amount,
    /// The asset, as its network spells it.
    pub asset: String,
    /// CAIP-2.
    pub network: String,
    /// The public URL it was presented for.
    pub resource: String,
    sent: Sent,
    /// Members of the payment's `extensions` that the facilitator is to see, without braces.
    pub extensions: String,
    /// What of them has to be sponsored.
    sponsored: gas::Sponsored,
    /// Where its own name for itself is kept, and what that stands for.
    name: Option<(Identity, [u8; 32])>,
    /// Why it may not open a claim of its own; an existing one decides alone.
    pub unfit: Option<Refusal>,
    /// Its signature's name, once that was asked for.
    signature: OnceCell<Option<Identity>>,
    /// The demand made last, and for how much.
    demanded: RefCell<Option<claim::Demanded>>,
}

/// A payment as it came.
pub(super) struct Presented<'a> {
    /// The header's value.
    pub(super) encoded: &'a [u8],
    /// The public URL asked for.
    pub(super) resource: String,
    /// `:authority`
    pub(super) authority: &'a str,
    pub(super) asked: Asked<'a>,
}

/// What a payment is settled under.
#[derive(Debug)]
enum Settled {
    Terms(terms::Terms),
    Text {
        /// `PaymentRequirements`, in the payment's version.
        text: String,
        /// The place among the offer's `others` and the `extra` it was quoted with; `None` where
        /// nothing is quoted any more.
        quoted: Option<(usize, String)>,
    },
}

// === impl Purchase ===

impl Purchase {
    pub(super) fn read(
        policy: &Policy,
        abilities: &impl Abilities,
        route: &Arc<Route>,
        offer: &Arc<Offer>,
        presented: Presented<'_>,
        now: UnixSeconds,
    ) -> Result<Self, &'static str> {
        let Presented { encoded, resource, authority, asked } = presented;
        let json = header::decode(encoded).map_err(|malformed| malformed.code())?;
        let (payload, extended) = PaymentPayload::read(&json).map_err(|malformed| malformed.code())?;
        let payment = Payment::read(payload, offer, &policy.assets).map_err(|forged| forged.code())?;
        let fit = precheck::precheck(&payment, offer, abilities, now, offer.margin_seconds());
        let mismatch = fit.as_ref().err().map(|mismatch| Refusal::Invalid(mismatch.code()));
        let unfit = payment.foreign().map(|forged| Refusal::Invalid(forged.code())).or(mismatch);
        let (amount, asset) = match &fit {
            Ok(Fit::Other(place, _)) => {
                offer.others.get(*place).map(|way| (offer.other_amount(*place), way.asset.clone()))
            }
            _ => None,
        }
        .unwrap_or_else(|| (payment.amount(), payment.asset_text()));
        let network = match payment.form() {
            Form::Evm { asset, .. } => asset.network.clone(),
            Form::Other(other) => other.chain().into_owned(),
        };
        let settled = match (fit, payment.form()) {
            (Ok(Fit::Terms(terms)), _) => Settled::Terms(terms),
            (Ok(Fit::Other(place, extra)), Form::Other(other)) => Settled::Text {
                text: quoted(other, offer, place, &extra, &resource),
                quoted: Some((place, extra)),
            },
            // An existing claim was opened under terms the payment itself still states.
            (_, Form::Evm { signed, asset, accepted }) => Settled::Terms(terms::Terms {
                means: accepted.as_ref().map_or(Means::Eip3009, |_| precheck::means(&signed.authorization)),
                asset: Arc::clone(asset),
                amount: signed.authorization.amount(),
                pay_to: signed.authorization.to(),
                max_timeout_seconds: accepted
                    .as_ref()
                    .map_or(u64::from(offer.max_timeout_seconds), |accepted| accepted.max_timeout_seconds),
                upfront: accepted.as_ref().is_some_and(Accepted::is_upfront),
                facilitator: submitter(&signed.authorization),
            }),
            (_, Form::Other(other)) => {
                Settled::Text { text: quoted(other, offer, usize::MAX, "{}", &resource), quoted: None }
            }
        };
        let (route, offer) = (Arc::clone(route), Arc::clone(offer));
        let validity = u64::from(offer.max_timeout_seconds).saturating_add(precheck::SKEW_SECONDS);
        let offered = claim::offered(&route, &payment);
        let mut purchase = Self {
            identity: claim::identity(&payment),
            binding: claim::bind(offered, &payment),
            offered,
            valid_before: payment.valid_before().unwrap_or_else(|| now.saturating_add(validity)),
            route,
            offer,
            payment,
            settled,
            amount,
            asset,
            network,
            resource,
            sent: Sent::new(asked.method, authority, asked.path),
            extensions: String::new(),
            sponsored: gas::Sponsored::default(),
            name: None,
            unfit,
            signature: OnceCell::default(),
            demanded: RefCell::default(),
        };
        if purchase.payment.version() == Version::V2 {
            let objection =
                purchase.read_extensions(extended, gas::honoured(&purchase.offer, abilities), &asked);
            purchase.unfit = purchase.unfit.or(objection.err());
        }
        Ok(purchase)
    }

    /// Reads what the payment says besides, if it says anything, and what of it and of our own
    /// declarations the facilitator is to see. What is wrong with it keeps no claim from deciding.
    fn read_extensions(
        &mut self,
        json: Option<&str>,
        sponsored: gas::Sponsored,
        asked: &Asked<'_>,
    ) -> Result<(), Refusal> {
        let declared = Arc::clone(&self.offer.extensions);
        self.extensions = extensions::whole(&declared, asked);
        let Some(json) = json else {
            let named = declared.payment_identifier != Some(Identifier::Required);
            return named.then_some(()).ok_or(Refusal::Unnamed(Unnamed::Missing.code()));
        };
        let passed_on = gas::passed_on(json, sponsored);
        let passed_on = passed_on.map_err(|malformed| Refusal::Invalid(malformed.code()))?;
        extensions::append(&mut self.extensions, &passed_on);
        self.sponsored = gas::Sponsored::asked(&passed_on);
        if !echo::agrees(json, &extensions::fixed(&declared, sponsored)) {
            return Err(Refusal::Invalid(code::EXTENSION_ECHO_MISMATCH));
        }
        let Some(identifier) = declared.payment_identifier else { return Ok(()) };
        let name = identifier::read(json, identifier == Identifier::Required)
            .map_err(|unnamed| Refusal::Unnamed(unnamed.code()))?;
        self.name = name.zip(self.payment.payer()).map(|(name, payer)| {
            (name.identity(payer), identifier::fingerprint(&self.identity, asked.method, asked.path))
        });
        Ok(())
    }

    /// The payment's name, if it has one, and the op that gives it to this payment and request.
    pub fn mark(&self) -> Option<(Identity, Op)> {
        let (name, fingerprint) = self.name.filter(|_| self.unfit.is_none())?;
        Some((name, Op::Mark { fingerprint, expires: identifier::expires(self.valid_before) }))
    }

    /// What the exchange has to know.
    pub fn terms(&self) -> Terms {
        let permit2 = matches!(&self.settled, Settled::Terms(terms) if terms.means != Means::Eip3009);
        let blind = permit2 || self.payment.version() == Version::V1;
        let verify = match self.offer.verify {
            Verify::ByMeans if blind => Verify::Facilitator,
            given => given,
        };
        let check = match (verify, self.payment.judge()) {
            // Whatever stands behind it decides alone.
            _ if self.unfit.is_some() => Check::Local,
            (_, Judge::Facilitator) => Check::First,
            (Verify::Facilitator, Judge::Sandbox) => Check::Facilitator,
            (Verify::Local | Verify::ByMeans, Judge::Sandbox) => Check::Local,
        };
        Terms { settle: self.offer.settle, check, fit: self.unfit.is_none(), single: false }
    }

    /// What was signed, where that is the most that may be charged and not the price.
    pub fn metered(&self) -> Option<charge::Signed> {
        match &self.settled {
            Settled::Terms(terms) if terms.means == Means::Upto => {
                Some(charge::Signed { most: self.payment.amount(), decimals: terms.asset.decimals })
            }
            _ => None,
        }
    }

    /// What the facilitator's answer has to agree with, when `charged` was asked for, or what
    /// was signed.
    pub fn expected(&self, charged: Option<Amount>) -> Expected<'_> {
        Expected {
            network: self.payment.network(),
            caip2: &self.network,
            payer: self.payment.payer(),
            amount: match self.payment.form() {
                Form::Evm { .. } => Some(charged.unwrap_or_else(|| self.payment.amount())),
                Form::Other(_) => None,
            },
        }
    }

    /// The body of `/verify` and `/settle`; to settle less than was signed, with what is charged.
    pub fn body(&self, charged: Option<Amount>) -> Vec<u8> {
        // The query may say what is only the upstream's business.
        let url = self.resource.split('?').next().unwrap_or_default();
        let sold = self.offer.sold(url);
        let payload = |json: &mut String| match self.payment.form() {
            Form::Evm { signed, .. } => signed.push(json),
            Form::Other(other) => json.push_str(&other.payload),
        };
        let requirements =
            |json: &mut String, charged: Option<Amount>| self.push_requirements(json, charged, &sold);
        match self.payment.version() {
            Version::V1 => {
                let requirements = |json: &mut String| requirements(json, charged);
                body::v1(self.scheme(), self.payment.network(), payload, requirements)
            }
            Version::V2 => body::v2(payload, requirements, charged, &self.extensions, &sold),
        }
    }

    fn scheme(&self) -> &str {
        match (self.payment.form(), &self.settled) {
            (Form::Other(other), _) => &other.scheme,
            (_, Settled::Terms(terms)) => terms.means.scheme(),
            _ => "exact",
        }
    }

    fn push_requirements(&self, json: &mut String, charged: Option<Amount>, sold: &Sold<'_>) {
        let terms = match &self.settled {
            Settled::Terms(terms) => terms,
            Settled::Text { text, .. } => return json.push_str(text),
        };
        let charged = charged.map(|amount| terms.charging(amount));
        let terms = charged.as_ref().unwrap_or(terms);
        match self.payment.version() {
            Version::V1 => terms.push_v1(json, sold),
            Version::V2 => terms.push_v2(json),
        }
    }
}

fn submitter(authorization: &Authorization) -> Option<Address> {
    match authorization {
        Authorization::Transfer(_) => None,
        Authorization::Permit(permit) => permit.witness.facilitator,
    }
}
