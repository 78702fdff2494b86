//! Offers as written, and offers as sold: with every default and seller filled in.

use std::sync::Arc;

use super::accepts::{self, Assets, Scheme, Way, SCHEMES};
use super::chosen::Chosen;
use super::error::Errors;
use super::facilitators::Named;
use super::fields::Fields;
use super::prices::{Charged, Priced};
use super::text::{labels, put_label, settle_on, token, Text};
use super::tree::{quoted, Path, Value};
use super::{
    extensions, Conditions, Extensions, Identifier, Means, Offer, Settle, SettleOn, Verify, Wallets,
};

pub(super) const KEYS: &[&str] = &[
    "price",
    "scheme",
    "accepts",
    "facilitators",
    "settle",
    "verify",
    "wallets",
    "settleOn",
    "maxTimeoutSeconds",
    "redeemFor",
    "description",
    "mimeType",
    "sku",
    "labels",
    "bazaar",
    "paymentIdentifier",
    "gasSponsoring",
];
/// What most offers have for themselves.
const OWN: &[&str] = &["price", "description", "sku"];
pub(super) const SELLER_KEYS: &[&str] = &["accepts", "facilitators", "labels"];
pub(super) const SETTLE: &[(&str, Settle)] = &[("before", Settle::Before), ("after", Settle::After)];
pub(super) const VERIFY: &[(&str, Verify)] =
    &[("local", Verify::Local), ("facilitator", Verify::Facilitator)];

pub(super) const WALLETS: &[(&str, Wallets)] = &[("any", Wallets::Any), ("eoa", Wallets::Eoa)];

/// Seconds a payer needs to sign and send; clients sign `now + maxTimeoutSeconds`.
const SIGNING_SECONDS: u64 = 5;

/// Outer `None`: not written. Inner `None`: written, and its mistakes reported.
type Given<T> = Option<Option<T>>;

/// What offers and sellers may refer to, and fall back on.
pub(super) struct Defaults<'v> {
    pub(super) accepts: Given<Vec<Way>>,
    pub(super) settle: Given<Settle>,
    pub(super) wallets: Wallets,
    /// Whether version 1 is spoken.
    pub(super) v1: bool,
    pub(super) facilitators: Vec<Named<'v>>,
    /// Who settles where neither the offer nor its seller says.
    pub(super) chosen: Given<Chosen>,
    /// The only facilitator there is, if there is only one.
    pub(super) only: Option<Chosen>,
    /// No extensions and no labels, which most offers share.
    pub(super) plain: (Arc<Extensions>, Arc<Vec<(String, String)>>),
}

/// The `accepts`, `facilitators` and `labels` of an offer or a seller.
#[derive(Default)]
pub(super) struct Terms {
    accepts: Given<Vec<Way>>,
    chosen: Given<Chosen>,
    labels: Arc<Vec<(String, String)>>,
}

/// A tenant.
pub(super) struct Seller<'v> {
    pub(super) name: &'v str,
    pub(super) terms: Terms,
}

/// An offer as written.
pub(super) struct Draft {
    /// All that is written but [`OWN`], as one text; `None` where a value has no single spelling.
    pub(super) rest: Option<String>,
    price: Option<Priced>,
    scheme: Option<Scheme>,
    terms: Terms,
    settle: Given<Settle>,
    verify: Verify,
    wallets: Option<Wallets>,
    settle_on: Given<SettleOn>,
    max_timeout_seconds: u32,
    redeem_for_seconds: u32,
    description: Text,
    mime_type: Text,
    sku: Option<Text>,
    extensions: Arc<Extensions>,
}

// === impl Terms ===

impl Terms {
    pub(super) fn read(
        fields: &Fields<'_>,
        facilitators: &[Named<'_>],
        assets: &mut Assets,
        errors: &mut Errors,
    ) -> Self {
        let path = fields.path;
        Self {
            accepts: fields
                .get("accepts")
                .map(|value| accepts::read(value, path.key("accepts"), assets, errors)),
            chosen: fields
                .get("facilitators")
                .map(|value| Chosen::read(value, &path.key("facilitators"), facilitators, errors)),
            labels: fields
                .get("labels")
                .map(|value| labels(value, path.key("labels"), errors))
                .unwrap_or_default()
                .into(),
        }
    }
}

// === impl Draft ===

impl Draft {
    /// Reads an offer; `None` when it is no object at all.
    pub(super) fn read(
        value: &Value<'_>,
        path: Path<'_>,
        defaults: &Defaults<'_>,
        assets: &mut Assets,
        errors: &mut Errors,
    ) -> Option<Self> {
        let fields = Fields::open(value, path, KEYS, errors)?;
        let price = fields.need("price", "for example \"$0.005\"", errors);
        let redeem_for = fields.duration("redeemFor", ("1s", "7d"), 3_600_000, errors).unwrap_or(3_600_000);
        Some(Self {
            rest: fields.but(OWN),
            price: price.and_then(|value| Priced::read(value, path.key("price"), errors)),
            scheme: fields.choice("scheme", SCHEMES, errors),
            terms: Terms::read(&fields, &defaults.facilitators, assets, errors),
            settle: fields.get("settle").map(|_| fields.choice("settle", SETTLE, errors)),
            verify: fields.choice("verify", VERIFY, errors).unwrap_or(Verify::ByMeans),
            wallets: fields.choice("wallets", WALLETS, errors),
            settle_on: fields.get("settleOn").map(|value| settle_on(value, &path.key("settleOn"), errors)),
            max_timeout_seconds: fields.number("maxTimeoutSeconds", 1, 3600, errors).unwrap_or(60),
            redeem_for_seconds: whole_seconds(redeem_for, &path.key("redeemFor"), errors),
            description: fields.printable("description", 500, errors).unwrap_or_default().into(),
            mime_type: fields
                .get("mimeType")
                .and_then(|value| mime_type(value, &path.key("mimeType"), errors))
                .unwrap_or_default()
                .into(),
            sku: fields.printable("sku", 128, errors).map(Text::from),
            extensions: extensions::read(&fields, &defaults.plain.0, errors),
        })
    }

    /// Whether the offer itself says who is paid.
    pub(super) fn names_payee(&self) -> bool {
        self.terms.accepts.is_some()
    }

    /// Fills in the defaults; `None` once all mistakes are reported. An offer written inline has no
    /// name.
    pub(super) fn sell(
        &self,
        name: Option<&str>,
        seller: Option<&Seller<'_>>,
        defaults: &Defaults<'_>,
        path: Path<'_>,
        errors: &mut Errors,
    ) -> Option<Offer> {
        let sellers = seller.map(|seller| &seller.terms);
        if self.terms.accepts.is_some() && sellers.is_some_and(|terms| terms.accepts.is_some()) {
            errors.push(
                path.key("accepts"),
                "both the offer and the seller of its route say who is paid",
                "leave one of them out",
            );
        }
        let accepts = self
            .terms
            .accepts
            .as_ref()
            .or(sellers.and_then(|terms| terms.accepts.as_ref()))
            .or(defaults.accepts.as_ref());
        if accepts.is_none() {
            errors.push(
                path.key("accepts"),
                "missing",
                "say what is accepted here, at the seller, or once for all at the top",
            );
        }
        let settle = self.settle.or(defaults.settle);
        if settle.is_none() {
            errors.push(
                path.key("settle"),
                "missing",
                "write before or after, here or once for all at the top",
            );
        }
        if self.settle_on.is_some() && settle == Some(Some(Settle::Before)) {
            errors.push(
                path.key("settleOn"),
                "only goes with settle: after",
                "under settle: before the money moves before there is a status",
            );
        }
        let chosen = self.chosen(sellers, defaults, &path, errors);
        let ways = accepts.and_then(Option::as_ref);
        let accepts = ways
            .zip(self.price.as_ref())
            .and_then(|(ways, price)| price.charge(ways, self.scheme, &path.key("price"), errors));
        let metered = |charged: &Charged| charged.accepts.iter().any(|way| way.means == Means::Upto);
        if settle == Some(Some(Settle::Before)) && accepts.as_ref().is_some_and(metered) {
            errors.push(
                path.key("settle"),
                "upto only goes with settle: after",
                "what is charged is known once the upstream has answered",
            );
        }
        let unasked = chosen.as_ref().is_some_and(|chosen| {
            chosen.facilitators.iter().all(|facilitator| facilitator.supported_every.is_none())
        });
        let asks = |charged: &Charged| metered(charged) || !charged.others.is_empty();
        if unasked && accepts.as_ref().is_some_and(asks) {
            errors.push(
                path.key("accepts"),
                "a way to pay needs what the facilitator says it supports, and its supported is off",
                "remove supported: off, or accept exact on EVM networks alone",
            );
        }
        let mut labels = Arc::clone(sellers.map_or(&defaults.plain.1, |terms| &terms.labels));
        if !self.terms.labels.is_empty() {
            let mut all = Vec::clone(&labels);
            for (name, value) in self.terms.labels.iter() {
                put_label(&mut all, name, value.clone());
            }
            labels = Arc::new(all);
        }
        let Charged { accepts, others, amounts } = accepts?;
        let Chosen { facilitators, weights } = chosen?;
        let conditions = Conditions {
            name: name.map(Text::from),
            accepts,
            others,
            meter: self.price.as_ref().and_then(|price| price.meter.clone()).map(Box::new),
            wallets: self.wallets.unwrap_or(defaults.wallets),
            // Version 1 has no place for a name.
            v1: defaults.v1 && self.extensions.payment_identifier != Some(Identifier::Required),
            facilitators,
            weights,
            settle: settle??,
            verify: self.verify,
            settle_on: self.settle_on.clone().flatten().unwrap_or_default(),
            max_timeout_seconds: self.max_timeout_seconds,
            redeem_for_seconds: self.redeem_for_seconds,
            mime_type: self.mime_type.clone(),
            seller: seller.map(|seller| seller.name.into()),
            labels,
            extensions: Arc::clone(&self.extensions),
            in_dollars: self.price.as_ref().is_none_or(Priced::in_dollars),
        };
        let least = conditions.margin_seconds().saturating_add(SIGNING_SECONDS);
        if u64::from(conditions.max_timeout_seconds) < least {
            errors.push(
                path.key("maxTimeoutSeconds"),
                format_args!(
                    "{} s is too short: a payment must outlive its settlement",
                    conditions.max_timeout_seconds
                ),
                format_args!("at least {least}, or a shorter facilitator timeout"),
            );
            return None;
        }
        let text = Offer::spell(&self.description, self.sku.as_deref());
        Some(Offer::new(Arc::new(conditions), text, amounts))
    }

    fn chosen(
        &self,
        seller: Option<&Terms>,
        defaults: &Defaults<'_>,
        path: &Path<'_>,
        errors: &mut Errors,
    ) -> Option<Chosen> {
        let seller = seller.and_then(|terms| terms.chosen.as_ref());
        if let Some(given) = self.terms.chosen.as_ref().or(seller).or(defaults.chosen.as_ref()) {
            return given.clone();
        }
        match defaults.facilitators.as_slice() {
            [_] => return defaults.only.clone(),
            [] => errors.push(
                path.key("facilitators"),
                "no facilitator is defined",
                "add facilitators at the top",
            ),
            _ => errors.push(
                path.key("facilitators"),
                "missing",
                "several are defined: name those that settle it, here or in defaultFacilitators",
            ),
        }
        None
    }
}

fn mime_type<'v>(value: &'v Value<'v>, path: &Path<'_>, errors: &mut Errors) -> Option<&'v str> {
    let text = token(value, path, 128, errors)?;
    if !text.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty()) {
        errors.push(path, format_args!("{} is no media type", quoted(text)), "for example application/json");
    }
    Some(text)
}

fn whole_seconds(millis: u64, path: &Path<'_>, errors: &mut Errors) -> u32 {
    let seconds = millis.checked_div(1000).unwrap_or(0);
    if seconds.checked_mul(1000) != Some(millis) {
        errors.push(path, "must be whole seconds", "for example 90s");
    }
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
