//! Offers by name, as each seller sells them.

use std::sync::Arc;

use super::accepts::Assets;
use super::error::Errors;
use super::fields::{entries, nearest, text, Fields};
use super::offers::{Defaults, Draft, Seller, Terms, SELLER_KEYS};
use super::text::check_name;
use super::tree::{quoted, Path, Value};
use super::{Offer, Target};
use crate::map::Map;

/// How many kinds of offers are remembered at most, for others of the kind. Each is compared with.
const KINDS: usize = 256;

/// Offers by name, and what became of them for each seller.
pub(super) struct Catalogue<'v> {
    names: Map<&'v str, usize>,
    drafts: Vec<(&'v str, Option<Draft>)>,
    sold: Vec<Sold>,
    sold_places: Map<u64, u64>,
    sellers: Vec<Seller<'v>>,
    seller_names: Map<&'v str, usize>,
    /// One offer of each kind.
    lately: Vec<Lately>,
    pub(super) defaults: Defaults<'v>,
    pub(super) assets: Assets,
}

/// An offer written inline, and what its conditions come of: its seller, and what is written of it.
struct Lately {
    seller: Option<usize>,
    rest: String,
    offer: Arc<Offer>,
}

/// An offer as one seller sells it; `None` once its mistakes are reported.
type Sold = Option<Arc<Offer>>;

// === impl Catalogue ===

impl<'v> Catalogue<'v> {
    /// Reads offers and sellers.
    pub(super) fn read(
        fields: &Fields<'v>,
        defaults: Defaults<'v>,
        assets: Assets,
        errors: &mut Errors,
    ) -> Self {
        let mut catalogue = Self {
            names: Map::default(),
            drafts: Vec::new(),
            sold: Vec::new(),
            sold_places: Map::default(),
            sellers: Vec::new(),
            seller_names: Map::default(),
            lately: Vec::new(),
            defaults,
            assets,
        };
        let path = fields.path.key("offers");
        let offers = fields.get("offers").and_then(|value| entries(value, path, errors)).unwrap_or_default();
        for (index, (name, value)) in offers.iter().enumerate() {
            let path = path.key(name);
            check_name(name, &path, errors);
            let draft = Draft::read(value, path, &catalogue.defaults, &mut catalogue.assets, errors);
            catalogue.names.insert(name, index);
            catalogue.drafts.push((name, draft));
        }
        let path = fields.path.key("sellers");
        let sellers =
            fields.get("sellers").and_then(|value| entries(value, path, errors)).unwrap_or_default();
        for (index, (name, value)) in sellers.iter().enumerate() {
            let path = path.key(name);
            check_name(name, &path, errors);
            let fields = Fields::open(value, path, SELLER_KEYS, errors);
            let terms = fields
                .map(|fields| {
                    Terms::read(&fields, &catalogue.defaults.facilitators, &mut catalogue.assets, errors)
                })
                .unwrap_or_default();
            catalogue.seller_names.insert(name, index);
            catalogue.sellers.push(Seller { name, terms });
        }
        catalogue
    }

    /// What a route costs; `None` once its mistakes are reported.
    pub(super) fn target(&mut self, fields: &Fields<'_>, errors: &mut Errors) -> Option<Target> {
        let path = fields.path;
        let named = |value| find(value, &path.key("seller"), "seller", &self.seller_names, errors);
        let seller = fields.get("seller").map(named);
        // An unknown seller hides no other mistake; but what he would sell is anybody's guess.
        let unknown = seller == Some(None);
        let seller = seller.flatten();
        match (fields.get("offer"), fields.get("free")) {
            (None, Some(Value::Bool(true))) => {
                if seller.is_some() {
                    errors.push(path.key("seller"), "nothing is sold on a free route", "remove it");
                }
                Some(Target::Free)
            }
            (None, Some(Value::Object(_))) => {
                errors.push(path.key("free"), "free allowances are not in this version", "write true");
                None
            }
            (None, Some(_)) => {
                errors.push(path.key("free"), "only true belongs here", "write true, or an offer instead");
                None
            }
            (Some(value @ Value::Object(_)), None) => {
                let path = path.key("offer");
                let draft = Draft::read(value, path, &self.defaults, &mut self.assets, errors)?;
                let terms = seller.and_then(|seller| self.sellers.get(seller));
                if unknown {
                    return None;
                }
                let offer = draft.sell(None, terms, &self.defaults, path, errors)?;
                Some(Target::Offer(self.keep(offer, draft.rest, seller)))
            }
            (Some(value), None) => {
                let offer = find(value, &path.key("offer"), "offer", &self.names, errors)?;
                if unknown {
                    return None;
                }
                self.sell(offer, seller, errors).map(Target::Offer)
            }
            (Some(_), Some(_)) | (None, None) => {
                errors.push(
                    path,
                    "exactly one of offer and free belongs here",
                    "write offer: <name or object>, or free: true",
                );
                None
            }
        }
    }

    fn sell(&mut self, offer: usize, seller: Option<usize>, errors: &mut Errors) -> Option<Arc<Offer>> {
        let key = sold_key(offer, seller);
        if let Some(place) = self.sold_places.get(&key) {
            return self.sold.get(usize::try_from(*place).ok()?).cloned().flatten();
        }
        let (name, draft) = self.drafts.get(offer)?;
        let offers = Path::Root.key("offers");
        let terms = seller.and_then(|seller| self.sellers.get(seller));
        let sold = draft
            .as_ref()
            .and_then(|draft| draft.sell(Some(name), terms, &self.defaults, offers.key(name), errors));
        let sold = sold.map(Arc::new);
        self.sold_places.insert(key, self.sold.len() as u64);
        self.sold.push(sold.clone());
        sold
    }

    /// An offer written inline shares its conditions with another of which the rest was written
    /// alike and that the same seller sells.
    fn keep(&mut self, mut offer: Offer, rest: Option<String>, seller: Option<usize>) -> Arc<Offer> {
        let Some(rest) = rest else { return Arc::new(offer) };
        let alike =
            |known: &&Lately| known.seller == seller && known.rest == rest && offer.agrees(&known.offer);
        if let Some(known) = self.lately.iter().find(alike) {
            offer.share(&known.offer);
            return Arc::new(offer);
        }
        let offer = Arc::new(offer);
        if self.lately.len() >= KINDS {
            self.lately.clear();
        }
        self.lately.push(Lately { seller, rest, offer: Arc::clone(&offer) });
        offer
    }

    /// An offer that no route uses yet is to be right all the same, as far as it can be
    /// told without a seller.
    pub(super) fn check_unused(&mut self, errors: &mut Errors) {
        let mut used = vec![false; self.drafts.len()];
        for key in self.sold_places.keys() {
            let slot = usize::try_from(key >> 32).ok().and_then(|offer| used.get_mut(offer));
            slot.into_iter().for_each(|slot| *slot = true);
        }
        for (offer, used) in used.into_iter().enumerate() {
            let named = self
                .drafts
                .get(offer)
                .is_some_and(|(_, draft)| draft.as_ref().is_some_and(Draft::names_payee));
            if !used && (named || self.defaults.accepts.is_some()) {
                let _ = self.sell(offer, None, errors);
            }
        }
    }
}

/// The offer in the upper half, the seller in the lower: there are fewer of either than 2^32.
fn sold_key(offer: usize, seller: Option<usize>) -> u64 {
    let seller = seller.map_or(0, |seller| (seller as u64).saturating_add(1));
    (offer as u64) << 32 | seller
}

fn find(
    value: &Value<'_>,
    path: &Path<'_>,
    what: &str,
    known: &Map<&str, usize>,
    errors: &mut Errors,
) -> Option<usize> {
    let name = text(value, path, errors)?;
    let found = known.get(name).copied();
    if found.is_none() {
        // Looking through 100,000 names for each of 100,000 misspelt ones would not end.
        let near = nearest(name, &mut known.keys().copied().take(1000))
            .map_or_else(|| format!("define it under {what}s"), |near| format!("did you mean {near:?}?"));
        errors.push(path, format_args!("no {what} is named {}", quoted(name)), near);
    }
    found
}
