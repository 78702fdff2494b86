//! An offer in a worker's memory.
//!
//! Each route may have its own, so that what offers have in common is theirs together: an offer of
//! one's own, with a price and a description, takes 32 bytes and its text.

use std::ops::Deref;
use std::sync::Arc;

use super::{Asset, Extensions, Facilitator, Means, Meter, OtherAccept, Route, Settle, SettleOn, Text};
use super::{Verify, Wallets};
use crate::evm::address::Address;
use crate::money::Amount;

/// What is sold on a route, with every default and seller resolved.
#[derive(Debug)]
pub struct Offer {
    pub(super) conditions: Arc<Conditions>,
    text: Text,
    amounts: Amounts,
}

/// What an offer has that others may have, too: all but price, description and SKU.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The offer's own; none where it was written inline, at its route.
    pub(crate) name: Option<Text>,
    /// Ways to pay whose signatures are verified here.
    pub(crate) accepts: Vec<Accept>,
    /// Ways to pay that only the facilitator understands.
    pub(crate) others: Vec<Arc<OtherAccept>>,
    /// How the charge is measured, when it is neither the price nor the upstream's to say.
    pub(crate) meter: Option<Box<Meter>>,
    pub(crate) wallets: Wallets,
    /// Whether version 1 is quoted too.
    pub(crate) v1: bool,
    /// In order of preference; at least one.
    pub(crate) facilitators: Arc<Vec<Arc<Facilitator>>>,
    /// How often each comes first, one for each of them; none where the order decides.
    pub(crate) weights: Box<[u32]>,
    pub(crate) settle: Settle,
    pub(crate) verify: Verify,
    pub(crate) settle_on: SettleOn,
    pub(crate) max_timeout_seconds: u32,
    pub(crate) redeem_for_seconds: u32,
    pub(crate) mime_type: Text,
    pub(crate) seller: Option<Text>,
    /// The seller's labels overlaid by the offer's, in the order of their names.
    pub(crate) labels: Arc<Vec<(String, String)>>,
    pub(crate) extensions: Arc<Extensions>,
    /// Whether the price is in dollars, not in another unit of its tokens.
    pub(crate) in_dollars: bool,
}

/// One way to pay: x402's `PaymentRequirements` without the amount.
#[derive(Clone, Debug)]
pub struct Accept {
    pub(crate) means: Means,
    pub(crate) asset: Arc<Asset>,
    pub(crate) pay_to: Address,
}

/// What each way to pay asks to be signed, in base units of its asset: the price, or under `upto` the
/// most that may be charged.
#[derive(Debug)]
enum Amounts {
    /// The same in each way, as in all the dollars with six decimals, and below 4295 of them.
    Alike(u32),
    /// `accepts` first, then `others`.
    Each(Box<[Amount]>),
}

/// Stands before an offer's SKU in its text, and after it: nothing else there is a control character.
const SKU: char = '\n';

// === impl Offer ===

impl Offer {
    /// An offer under these conditions. `amounts` are one for each way to pay, `accepts` first.
    pub(crate) fn new(conditions: Arc<Conditions>, text: Text, amounts: Vec<Amount>) -> Self {
        let mut units = amounts.iter().map(|amount| u32::try_from(amount.to_u64()?).ok());
        let alike = units.next().flatten().filter(|first| units.all(|next| next == Some(*first)));
        Self {
            conditions,
            text,
            amounts: alike.map_or_else(|| Amounts::Each(amounts.into()), Amounts::Alike),
        }
    }

    /// An offer's text: its SKU, if it has one, and its description.
    pub(super) fn spell(description: &str, sku: Option<&str>) -> Text {
        match sku {
            Some(sku) => format!("{SKU}{sku}{SKU}{description}").into(),
            None => description.into(),
        }
    }

    /// Whether what comes of the price, besides the amounts, is the same. Measured charges are never.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.in_dollars == other.in_dollars && self.meter.is_none() && other.meter.is_none()
    }

    /// Takes its conditions from another which [agrees](Self::agrees), and of which everything but
    /// price, description and SKU is written alike.
    pub(super) fn share(&mut self, other: &Self) {
        self.conditions = Arc::clone(&other.conditions);
    }

    /// For people; may be empty.
    pub fn description(&self) -> &str {
        self.parts().1
    }

    /// The operator's number for it.
    pub fn sku(&self) -> Option<&str> {
        self.parts().0
    }

    #[inline(never)]
    fn parts(&self) -> (Option<&str>, &str) {
        match self.text.strip_prefix(SKU).and_then(|rest| rest.split_once(SKU)) {
            Some((sku, description)) => (Some(sku), description),
            None => (None, &self.text),
        }
    }

    /// The offer's name, or the route's when it was written inline.
    pub fn name<'o>(&'o self, route: &'o Route) -> &'o str {
        self.name.as_ref().unwrap_or(&route.name)
    }

    /// What the way to pay at this place of `accepts` asks for.
    #[inline(never)]
    pub(crate) fn amount(&self, place: usize) -> Amount {
        match &self.amounts {
            Amounts::Alike(units) => Amount::from_u64((*units).into()),
            // There is one for each way; for what is no way, more than there is.
            Amounts::Each(amounts) => amounts.get(place).copied().unwrap_or(Amount::MAX),
        }
    }

    /// What the way to pay at this place of `others` asks for.
    pub(crate) fn other_amount(&self, place: usize) -> Amount {
        self.amount(self.accepts.len().saturating_add(place))
    }
}

impl Deref for Offer {
    type Target = Conditions;

    fn deref(&self) -> &Conditions {
        &self.conditions
    }
}

#[cfg(test)]
impl std::ops::DerefMut for Offer {
    fn deref_mut(&mut self) -> &mut Conditions {
        Arc::make_mut(&mut self.conditions)
    }
}

#[cfg(test)]
impl Offer {
    /// The same with another description.
    pub(crate) fn described(self, description: &str) -> Self {
        Self { text: Self::spell(description, None), ..self }
    }

    /// What its first way to pay asks for.
    pub(crate) fn price(&self) -> String {
        self.amount(0).to_string()
    }

    /// The same for other amounts.
    pub(crate) fn asking(self, amounts: &[Amount]) -> Self {
        Self::new(self.conditions, self.text, amounts.to_vec())
    }

    /// The same, to be paid in another's ways after its own.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        let of = |offer: &Self| (0..offer.accepts.len()).map(|place| offer.amount(place)).collect::<Vec<_>>();
        let amounts = [of(&self), of(other)].concat();
        self.accepts.extend(other.accepts.iter().cloned());
        Self::new(self.conditions, self.text, amounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tests::{base, offer};

    /// An offer with so many ways to pay, each for its amount.
    fn priced(amounts: &[Amount]) -> Offer {
        let mut sold = offer(&base()["requirements"], Settle::Before);
        sold.accepts = amounts.iter().flat_map(|_| sold.accepts.clone()).collect();
        Offer::new(sold.conditions, Text::default(), amounts.to_vec())
    }

    #[test]
    fn each_way_asks_for_its_own_amount_however_large() {
        let most = u64::from(u32::MAX);
        for amounts in [
            &[Amount::from_u64(5)][..],
            &[Amount::from_u64(most); 3],
            &[Amount::from_u64(most + 1); 3],
            &[Amount::from_u64(5), Amount::from_u64(6)],
            &[Amount::from_u64(5), Amount::ten_to(18).unwrap(), Amount::MAX],
            &[Amount::MAX],
        ] {
            let offer = priced(amounts);
            let asked: Vec<_> = (0..amounts.len()).map(|place| offer.amount(place)).collect();
            assert_eq!(asked, amounts);
            assert_eq!(
                matches!(offer.amounts, Amounts::Alike(_)),
                amounts[0] == *amounts.last().unwrap() && amounts[0] <= Amount::from_u64(most)
            );
        }
    }

    #[test]
    fn parts_of_the_text_are_told_apart() {
        for sku in [None, Some(""), Some("a-1")] {
            for description in ["", "One map tile"] {
                let text = Offer::spell(description, sku);
                let offer = Offer { text, ..priced(&[Amount::from_u64(1)]) };
                assert_eq!((offer.description(), offer.sku()), (description, sku));
            }
        }
    }

    /// With its counts an offer is 28 bytes in the sandbox, whose allocator adds 4 and rounds to 16.
    #[test]
    fn an_offer_is_four_words_and_two_numbers() {
        let word = size_of::<usize>();
        assert_eq!(size_of::<Amounts>(), 2 * word);
        assert_eq!(size_of::<Offer>(), 5 * word);
    }
}
