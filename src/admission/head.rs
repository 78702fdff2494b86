//! A request's head, as far as admission reads it.

use std::borrow::Cow;

use super::browser::{Clues, Cookies};
use crate::config::{Policy, Route};
use crate::extensions::{self, Asked};
use crate::reply::grpc::Dialect;

/// Where proxies in front say how they were reached. `X-Forwarded-Port` is not among them: a
/// port that matters stands in the host.
const FORWARDED_SCHEME: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// Headers only this filter writes. A client that sends one means to be taken for it.
const OWNED: [&str; 3] = ["payment-response", "x-payment-response", "settlement-overrides"];

/// Every header below this prefix is ours too: the upstream trusts what it finds there.
const OWNED_PREFIX: &str = "x402-";

/// Headers of a priced route's response that only this filter may write.
const OWNED_IN_RESPONSE: [&str; 4] =
    ["payment-response", "x-payment-response", "payment-required", "settlement-overrides"];

/// Headers that tell some frameworks to take a request for one of another method.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-method-override", "x-http-method"];

/// A header: its name in lower case, as hosts give it, and its value, which may be any bytes.
pub type Field<'a> = (&'a str, &'a [u8]);

/// What stands in the payment headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offered<'a> {
    /// None is there.
    Nothing,
    /// Exactly one is.
    One(&'a [u8]),
    /// Several are; which of them counts would be a guess.
    Many,
}

/// A request's head.
#[derive(Debug)]
pub struct Head<'a> {
    /// `:method`
    pub method: &'a str,
    /// `:authority`
    pub authority: &'a str,
    /// `:path` with its query; `None` when it is missing or not UTF-8.
    pub path: Option<&'a str>,
    /// The payment.
    pub offered: Offered<'a>,
    /// Whether this is a CORS preflight.
    pub preflight: bool,
    /// `origin`: of the page for which a browser asks.
    pub origin: Option<&'a [u8]>,
    /// Whether it claims to be a call of some gRPC.
    pub grpc: bool,
    /// How to answer it.
    pub dialect: Dialect,
    /// What its cookies hold for us, and what goes on without it, whatever the route.
    pub cookies: Option<Cookies<'a>>,
    /// `x-request-id`
    pub request_id: Option<&'a str>,
    /// `access-control-request-headers`
    pub asked_headers: &'a str,
    asked_method: &'a str,
    /// Whether a header names a method beside the request's own.
    pub(super) overridden: bool,
    fields: &'a [Field<'a>],
    /// Names of headers to take off before anything upstream sees them, whatever the route.
    pub owned: Vec<&'a str>,
    /// Names of payment headers that are there, and of what some servers take for one.
    pub payments: Vec<&'a str>,
    /// Seconds for which no payment of its source is looked at; reading a head does not tell.
    pub barred: Option<u64>,
}

// === impl Head ===

impl<'a> Head<'a> {
    /// Reads a request's headers.
    pub fn read(fields: &'a [Field<'a>]) -> Self {
        let mut head = Self {
            method: "",
            authority: "",
            path: None,
            offered: Offered::Nothing,
            preflight: false,
            origin: None,
            grpc: false,
            dialect: Dialect::Http,
            cookies: None,
            request_id: None,
            asked_headers: "",
            asked_method: "",
            overridden: false,
            fields,
            owned: Vec::new(),
            payments: Vec::new(),
            barred: None,
        };
        let mut cookie = false;
        for &(name, value) in fields {
            let text = || std::str::from_utf8(value).ok();
            match name {
                ":method" => head.method = text().unwrap_or("\u{fffd}"),
                ":authority" => head.authority = text().unwrap_or("\u{fffd}"),
                ":path" => head.path = text(),
                "origin" => head.origin = Some(value),
                "access-control-request-method" => head.asked_method = text().unwrap_or(""),
                "access-control-request-headers" => head.asked_headers = text().unwrap_or(""),
                "content-type" => {
                    head.grpc = value.starts_with(b"application/grpc");
                    head.dialect = Dialect::of(value);
                }
                "x-request-id" => head.request_id = text(),
                "payment-signature" | "x-payment" => head.offer(name, value),
                "cookie" => cookie |= Cookies::may_be_in(value),
                // No payment here, and one to a server that takes an underscore for a hyphen.
                "payment_signature" | "x_payment" => note(&mut head.payments, name),
                // Every header of every request comes here, and few begin like one of these.
                name => match name.as_bytes() {
                    [b'p' | b's' | b'x', ..] if owned(name) => note(&mut head.owned, name),
                    [b'x', _, b'h' | b'm', ..] => head.overridden |= overrides_method(name),
                    _ => {}
                },
            }
        }
        if cookie {
            let cookies = fields.iter().filter(|(name, _)| *name == "cookie");
            head.cookies = Cookies::take(cookies.map(|&(_, value)| value));
        }
        head.preflight = head.method == "OPTIONS" && head.origin.is_some() && !head.asked_method.is_empty();
        head
    }

    /// Whether a person's browser asks for a page to show.
    pub fn navigates(&self) -> bool {
        let mut clues = Clues::default();
        for (name, value) in self.fields {
            clues.see(name, value);
        }
        clues.navigation(self.method) && !self.grpc
    }

    /// The payment that counts: a header's or, where pages are shown to people and there is no
    /// header, the cookie's of a navigation.
    pub fn payment(&self, paywall: bool) -> Offered<'a> {
        match (self.offered, &self.cookies) {
            (Offered::Nothing, Some(cookies)) if paywall && self.navigates() => {
                cookies.payment.map_or(Offered::Nothing, Offered::One)
            }
            (offered, _) => offered,
        }
    }

    /// The method a preflight asks for.
    pub fn asked_method(&self) -> &'a str {
        self.asked_method
    }

    /// Methods that headers name beside the request's own, in capitals; what is no text is a method
    /// that nobody lists.
    pub(super) fn other_methods(&self) -> impl Iterator<Item = String> + '_ {
        let named = self.fields.iter().filter(|(name, _)| overrides_method(name));
        let text = |value| std::str::from_utf8(value).unwrap_or("\u{fffd}").trim_ascii();
        named.map(move |&(_, value)| text(value).to_ascii_uppercase()).filter(|method| !method.is_empty())
    }

    /// The public origin: what the trusted proxies in front say, or the one written.
    fn public_origin<'p>(&self, policy: &'p Policy) -> Cow<'p, str> {
        let said = policy.forwarded.as_ref().and_then(|forwarded| {
            let scheme = self.nth_last(FORWARDED_SCHEME, forwarded.hops())?;
            let named = self.fields.iter().any(|(name, _)| *name == FORWARDED_HOST);
            let host = if named { self.nth_last(FORWARDED_HOST, forwarded.hops())? } else { self.authority };
            forwarded.origin(scheme, host)
        });
        said.map_or(Cow::Borrowed(&policy.origin), Cow::Owned)
    }

    /// The `place`th value of a list header, counted from its end: the one a trusted proxy
    /// appended, whatever a client had written before it.
    fn nth_last(&self, header: &str, place: usize) -> Option<&'a str> {
        let lines = self.fields.iter().rev().filter(|(name, _)| *name == header);
        let mut values = lines.flat_map(|(_, line)| line.rsplit(|&byte| byte == b','));
        std::str::from_utf8(values.nth(place.checked_sub(1)?)?).ok()
    }

    /// The public URL asked for. Bounded, since it comes back in the quote and, from clients
    /// that echo quotes, in the payment: a query too long is left out, then a path too long cut.
    pub fn resource(&self, policy: &Policy) -> String {
        const MAX_PATH: usize = 2_048;
        let mut path = self.path.unwrap_or("/");
        if path.len() > MAX_PATH {
            path = path.split_once('?').map_or(path, |(before, _)| before);
            let ends = path.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_PATH);
            if let Some(cut) = ends.last().filter(|_| path.len() > MAX_PATH) {
                path = path.get(..cut).unwrap_or("/");
            }
        }
        let origin = self.public_origin(policy);
        let mut url = String::with_capacity(origin.len().saturating_add(path.len()));
        url.push_str(&origin);
        url.push_str(path);
        url
    }

    /// What a quote declares of this request alone: [`extensions::asked`].
    pub fn declared(&self, route: &Route) -> String {
        let asked = self.asked(self.path.unwrap_or_default(), route);
        route.offer().map(|offer| extensions::asked(offer.extensions(), &asked)).unwrap_or_default()
    }

    /// The request as declarations see it.
    pub(super) fn asked<'r>(&'r self, path: &'r str, route: &'r Route) -> Asked<'r> {
        Asked { method: self.method, path, template: route.template() }
    }

    fn offer(&mut self, name: &'a str, value: &'a [u8]) {
        self.offered = match self.offered {
            Offered::Nothing => Offered::One(value),
            _ => Offered::Many,
        };
        note(&mut self.payments, name);
    }
}

/// Puts a name among others, each once and in order: a head may be made of nothing else.
fn note<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if let Err(place) = names.binary_search(&name) {
        names.insert(place, name);
    }
}

/// Headers that somebody holds, as [`Head::read`] takes them.
pub fn fields(pairs: &[(String, Vec<u8>)]) -> Vec<Field<'_>> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

/// Whether a request header is ours alone to write. An underscore counts as a hyphen: servers
/// with a CGI heritage cannot tell them apart.
pub fn owned(name: &str) -> bool {
    // Few headers begin like one of ours, and every header of every request comes here.
    matches!(name.as_bytes().first(), Some(b'p' | b's' | b'x'))
        && (OWNED.iter().any(|ours| name.len() == ours.len() && begins(name, ours))
            || begins(name, OWNED_PREFIX))
}

/// Whether a header means to be the request's method. An underscore counts as a hyphen here too.
fn overrides_method(name: &str) -> bool {
    // They differ in length.
    METHOD_OVERRIDES.iter().find(|known| name.len() == known.len()).is_some_and(|known| begins(name, known))
}

/// Whether a name begins so, an underscore being as good as a hyphen.
fn begins(name: &str, with: &str) -> bool {
    let alike = |(a, b): (u8, u8)| a == b || (a == b'_' && b == b'-');
    name.len() >= with.len() && name.bytes().zip(with.bytes()).all(alike)
}

/// Whether a response header of a priced route has to go before the client sees it.
pub fn owned_in_response(name: &str) -> bool {
    OWNED_IN_RESPONSE.contains(&name) || name.starts_with(OWNED_PREFIX) || shares(name)
}

/// Whether a header tells some shared cache to keep the response, whatever `Cache-Control`
/// says: the targeted fields of RFC 9213 and others of that form (`X-LiteSpeed-Cache-Control`),
/// `Surrogate-Control`, and NGINX's and Akamai's own.
fn shares(name: &str) -> bool {
    ["surrogate-control", "x-accel-expires", "edge-control"].contains(&name)
        || name.ends_with("-cache-control")
}

#[cfg(test)]
mod tests;
