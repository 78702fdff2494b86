//! The facilitators an offer chooses: names in order of preference, or names with weights.

use std::sync::Arc;

use super::error::Errors;
use super::facilitators::Named;
use super::fields::{list, nearest, text, Fields};
use super::tree::{quoted, Path, Value};
use super::Facilitator;

pub(super) const KEYS: &[&str] = &["name", "weight"];

/// Most facilitators of an offer.
const MOST: usize = 16;
/// Largest weight.
const MAX_WEIGHT: u32 = 1_000;

/// Who settles an offer.
#[derive(Clone)]
pub(super) struct Chosen {
    /// At least one, each once.
    pub(super) facilitators: Arc<Vec<Arc<Facilitator>>>,
    /// One for each of them, or none at all.
    pub(super) weights: Box<[u32]>,
}

// === impl Chosen ===

impl Chosen {
    /// The only one there is.
    pub(super) fn only(facilitator: &Arc<Facilitator>) -> Self {
        Self { facilitators: Arc::new(vec![Arc::clone(facilitator)]), weights: Box::default() }
    }

    /// Reads a list; `None` once its mistakes, or those of a facilitator it names, are reported.
    pub(super) fn read(
        value: &Value<'_>,
        path: &Path<'_>,
        known: &[Named<'_>],
        errors: &mut Errors,
    ) -> Option<Self> {
        let values = list(value, path, MOST, errors)?;
        let (mut facilitators, mut weights) = (Vec::with_capacity(values.len()), Vec::new());
        let mut names: Vec<&str> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let path = path.index(index);
            let Some((name, weight)) = entry(value, path, errors) else { continue };
            weights.extend(weight);
            if names.contains(&name) {
                errors.push(path, format_args!("{} is there twice", quoted(name)), "remove one");
            }
            names.push(name);
            let Some((_, facilitator)) = known.iter().find(|(known, _)| *known == name) else {
                let near = nearest(name, &mut known.iter().map(|(name, _)| *name)).map_or_else(
                    || "define it under facilitators".to_owned(),
                    |near| format!("did you mean {near:?}?"),
                );
                errors.push(path, format_args!("no facilitator is named {}", quoted(name)), near);
                continue;
            };
            facilitators.extend(facilitator.clone());
        }
        if !weights.is_empty() && weights.len() < names.len() {
            errors.push(
                path,
                "some have a weight and some have none",
                "give each a weight, or write names only, the preferred one first",
            );
        }
        (facilitators.len() == values.len())
            .then(|| Self { facilitators: Arc::new(facilitators), weights: weights.into() })
    }
}

/// A name, or `{name, weight}`.
fn entry<'v>(value: &'v Value<'v>, path: Path<'v>, errors: &mut Errors) -> Option<(&'v str, Option<u32>)> {
    if !matches!(value, Value::Object(_)) {
        return text(value, &path, errors).map(|name| (name, None));
    }
    let fields = Fields::open(value, path, KEYS, errors)?;
    let name = fields.text("name", "the name of a facilitator", errors);
    fields.need("weight", "a whole number, or write the name alone", errors)?;
    // A weight with a mistake is a weight all the same.
    let weight = fields.number("weight", 1, MAX_WEIGHT, errors).unwrap_or(1);
    name.map(|name| (name, Some(weight)))
}
