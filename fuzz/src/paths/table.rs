//! The routes of an input, and a search for the one that a path means to a server that takes
//! it as it stands.

/// A route, as written.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) free: bool,
    pub(super) methods: Vec<String>,
    pub(super) host: String,
    pub(super) template: String,
}

/// What a path means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meant<'a> {
    /// No route, or a free one.
    Nothing,
    /// A route that is sold.
    Priced(&'a str),
    /// A place that is not for this method, and is sold to others.
    PricedOtherwise,
}

// === impl Line ===

impl Line {
    /// Reads `free|NAME [METHOD,METHOD] [HOST]/TEMPLATE`. The name is made unique by its place.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (name, first) = (words.next()?, words.next()?);
        let (methods, place) = match words.next() {
            Some(place) => (first.split(',').map(str::to_owned).collect(), place),
            None => (Vec::new(), first),
        };
        let slash = place.find('/')?;
        let fine = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if words.next().is_some() || name.is_empty() || name.len() > 20 || !fine(name) {
            return None;
        }
        Some(Self {
            name: name.to_owned() + &format!("-{:x}", hash(line)),
            free: name == "free",
            methods,
            host: place[..slash].to_owned(),
            template: place[slash..].to_owned(),
        })
    }

    /// Its `match`, as JSON.
    pub(super) fn matched(&self) -> serde_json::Value {
        let mut matched = serde_json::json!({"path": self.template});
        if !self.methods.is_empty() {
            matched["methods"] = self.methods.clone().into();
        }
        if !self.host.is_empty() {
            matched["hosts"] = vec![self.host.clone()].into();
        }
        matched
    }

    fn takes(&self, method: &str) -> bool {
        self.methods.is_empty()
            || self.methods.iter().any(|listed| listed == method || (listed == "GET" && method == "HEAD"))
    }

    /// How well it fits a path: what each of its segments is, the more specific the smaller.
    fn fit(&self, path: &[u8]) -> Option<Vec<u8>> {
        let body = path.strip_prefix(b"/")?;
        let (body, slash) = match body.strip_suffix(b"/") {
            Some(body) => (body, true),
            None => (body, false),
        };
        let mut there: Vec<&[u8]> = body.split(|b| *b == b'/').collect();
        if body.is_empty() && !slash {
            there.clear();
        }
        let template = self.template.strip_prefix('/')?;
        let (template, ends) = match template.strip_suffix('/') {
            Some(template) => (template, true),
            None => (template, false),
        };
        let mut there = there.into_iter();
        let mut fit = Vec::new();
        for wanted in template.split('/').filter(|segment| !segment.is_empty()) {
            if wanted == "**" {
                fit.push(2);
                return Some(fit);
            }
            let segment = there.next()?;
            match wanted == "*" || wanted.starts_with('{') {
                true if segment.is_empty() => return None,
                true => fit.push(1),
                false
                    if segment == wanted.as_bytes()
                        || segment == super::servers::decoded(wanted.as_bytes()) =>
                {
                    fit.push(0)
                }
                false => return None,
            }
        }
        (there.next().is_none() && ends == slash).then_some(fit)
    }
}

/// What a path means to a server that takes it as it stands.
pub(super) fn find<'a>(routes: &'a [Line], method: &str, authority: &str, path: &[u8]) -> Meant<'a> {
    let host = host(authority).unwrap_or_default();
    let rank = |pattern: &str| {
        let pattern = pattern.strip_suffix('.').unwrap_or(pattern).to_ascii_lowercase();
        match pattern.strip_prefix("*.") {
            _ if pattern.is_empty() || pattern == "*" => Some(usize::MAX),
            Some(parent) => host.strip_suffix(parent)?.ends_with('.').then(|| usize::MAX - 1 - parent.len()),
            None => (pattern == host).then_some(0),
        }
    };
    let fitting = |route: &&Line| rank(&route.host).zip(route.fit(path));
    let Some(best) = routes.iter().filter_map(|route| fitting(&route)).min() else { return Meant::Nothing };
    let there = || routes.iter().filter(|route| fitting(route).as_ref() == Some(&best));
    match there().find(|route| route.takes(method)) {
        Some(route) if route.free => Meant::Nothing,
        Some(route) => Meant::Priced(&route.name),
        None if there().any(|route| !route.free) => Meant::PricedOtherwise,
        None => Meant::Nothing,
    }
}

/// The host of an authority, in lower case, without port and a dot at its end.
pub(super) fn host(authority: &str) -> Option<String> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some((_, port)) if !port.contains(']') => return None,
        _ => authority,
    };
    Some(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase())
}

fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
