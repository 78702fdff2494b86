//! `routes`: read one by one, each compiled and forgotten before the next.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::error::Errors;
use super::fields::{has_length, list, text, Fields};
use super::publication::{self, Publication};
use super::text::{check_name, Text};
use super::tree::{quoted, Path, Value, APART};
use super::wire::Items;
use super::{Route, Target};
use crate::map;
use crate::route::{is_method, Builder, Clash, Entry, HostPattern, Pattern, Routes};

pub(super) const ROUTE_KEYS: &[&str] = &["name", "match", "offer", "free", "seller"];
pub(super) const MATCH_KEYS: &[&str] = &["hosts", "methods", "path"];

/// Most routes of a policy.
const MAX_ROUTES: usize = 200_000;
/// Most hosts or methods of one route.
const MAX_MATCHES: usize = 64;

/// What the routes have come to so far.
struct Reader<'r, 'v> {
    path: &'r Path<'r>,
    catalogue: &'r mut Catalogue<'v>,
    publication: &'r mut Publication,
    errors: &'r mut Errors,
    names: Names,
    builder: Builder,
    /// How many were.
    read: usize,
    complete: bool,
}

/// Routes, each in the first place that was free where its name belongs or after it: six bytes for a
/// route.
struct Names(Vec<Option<Arc<Route>>>);

/// Reads `routes`; `None` once their mistakes are reported.
pub(super) fn read(
    fields: &Fields<'_>,
    items: &mut Items,
    catalogue: &mut Catalogue<'_>,
    publication: &mut Publication,
    errors: &mut Errors,
) -> Option<Routes> {
    let path = &fields.path.key(APART);
    let value = fields.need(APART, "a list of at least one route", errors)?;
    let apart = matches!(value, Value::List(items) if items.is_empty());
    let here = match apart {
        true => has_length(items.count, path, MAX_ROUTES, errors).then_some(&[][..])?,
        false => list(value, path, MAX_ROUTES, errors)?,
    };
    let count = if apart { items.count } else { here.len() };
    let mut reader = Reader {
        path,
        catalogue,
        publication,
        errors,
        names: Names::of(count),
        builder: Builder::new(count),
        read: 0,
        complete: true,
    };
    here.iter().for_each(|value| reader.read(value));
    if apart {
        items.each(&mut |value| reader.read(value));
    }
    let Reader { builder, names, read, complete, errors, .. } = reader;
    drop(names);
    match builder.finish() {
        Ok(routes) => (complete && read == count).then_some(routes),
        Err(clashes) => {
            for Clash { route, kind } in clashes {
                let hint = kind.hint();
                errors.push(path.index(route).key("match"), kind, hint);
            }
            None
        }
    }
}

// === impl Reader ===

impl Reader<'_, '_> {
    fn read(&mut self, value: &Value<'_>) {
        let index = self.read;
        self.read = index.saturating_add(1);
        let path = self.path.index(index);
        let errors = &mut *self.errors;
        let Some(fields) = Fields::open(value, path, ROUTE_KEYS, errors) else {
            self.complete = false;
            return;
        };
        let name = fields.text("name", "a name of its own, which labels its metrics", errors);
        if let Some(name) = name {
            check_name(name, &path.key("name"), errors);
            if let Some(Some(other)) = self.names.place(name) {
                errors.push(
                    path.key("name"),
                    format_args!("routes[{}] has the name {} too", other.index, quoted(name)),
                    "rename one",
                );
            }
        }
        let matched = fields
            .need("match", "{hosts, methods, path}", errors)
            .and_then(|value| read_match(value, path.key("match"), errors));
        let target = self.catalogue.target(&fields, errors);
        let named = name.is_some();
        self.complete &= named && matched.is_some() && target.is_some();
        // A route with a mistake elsewhere clashes with others all the same; whom it charges
        // does not matter to that, and such a table is never returned.
        let name = name.map_or_else(|| format!("routes[{index}]").into(), Text::from);
        let target = target.unwrap_or(Target::Free);
        let template = matched.as_ref().and_then(|(hosts, methods, _)| {
            let written = publication::written(&fields);
            self.publication.add(&name, hosts, methods, written, &target, &path, errors)
        });
        let route = Arc::new(Route { name, index, target, template });
        if let Some(place) = named.then(|| self.names.place(&route.name)).flatten() {
            *place = Some(Arc::clone(&route));
        }
        if let Some((hosts, methods, path)) = matched {
            self.builder.add(&Entry { hosts, methods, path, route });
        }
    }
}

// === impl Names ===

impl Names {
    fn of(count: usize) -> Self {
        Self(vec![None; count.saturating_mul(3).div_euclid(2).saturating_add(1)])
    }

    /// The place of a name, which is free or has the last route of that name.
    fn place(&mut self, name: &str) -> Option<&mut Option<Arc<Route>>> {
        let mut at = (map::hash(name) as usize).checked_rem(self.0.len())?;
        while self.0.get(at)?.as_ref().is_some_and(|route| *route.name != *name) {
            at = at.saturating_add(1).checked_rem(self.0.len())?;
        }
        self.0.get_mut(at)
    }
}

fn read_match(
    value: &Value<'_>,
    path: Path<'_>,
    errors: &mut Errors,
) -> Option<(Vec<HostPattern>, Vec<String>, Pattern)> {
    let fields = Fields::open(value, path, MATCH_KEYS, errors)?;
    let (mut hosts, mut methods) = (Vec::new(), Vec::new());
    let some_hosts = each(
        &fields,
        "hosts",
        &mut |text| HostPattern::parse(text).map(|host| add(&mut hosts, host)),
        "write api.example.com, *.example.com or *, without a port",
        errors,
    );
    let some_methods = each(
        &fields,
        "methods",
        &mut |text| is_method(text).then(|| add(&mut methods, text.to_owned())),
        "write methods in upper case; CONNECT is always refused",
        errors,
    );
    let template = fields.text("path", "a path template such as /v1/tiles/{z}", errors)?;
    match Pattern::parse(template) {
        Ok(pattern) => (some_hosts && some_methods).then_some((hosts, methods, pattern)),
        Err(error) => {
            errors.push(path.key("path"), error, "for example /v1/tiles/{z} or /files/**");
            None
        }
    }
}

/// Hands over what a list names. `take` gives nothing for a mistake, and whether a value is new.
/// False when only mistakes were there, which it has reported: taken for all, they would clash where
/// the correction does not. No list stands for all.
#[inline(never)]
fn each(
    fields: &Fields<'_>,
    key: &str,
    take: &mut dyn FnMut(&str) -> Option<bool>,
    hint: &str,
    errors: &mut Errors,
) -> bool {
    let path = fields.path.key(key);
    let Some(value) = fields.get(key) else { return true };
    let Some(values) = list(value, &path, MAX_MATCHES, errors) else { return false };
    let mut some = false;
    for (index, value) in values.iter().enumerate() {
        let path = path.index(index);
        let Some(text) = text(value, &path, errors) else { continue };
        match take(text) {
            Some(true) => some = true,
            Some(false) => errors.push(path, format_args!("{} is there twice", quoted(text)), "remove one"),
            None => errors.push(path, format_args!("{} does not belong here", quoted(text)), hint),
        }
    }
    some
}

/// Adds a value that is not there yet.
fn add<T: PartialEq>(list: &mut Vec<T>, value: T) -> bool {
    let new = !list.contains(&value);
    if new {
        list.push(value);
    }
    new
}
