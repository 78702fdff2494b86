//! A request's head, as far as admission reads it.

use crate::config::Route;
use crate::extensions::{self, Asked};

/// Headers only this filter writes. A client that sends one means to be taken for it.
const OWNED: [&str; 3] = ["payment-response", "x-payment-response", "settlement-overrides"];

/// Every header below this prefix is ours too: the upstream trusts what it finds there.
const OWNED_PREFIX: &str = "x402-";

/// Where a payment is looked for.
const PAYMENT: [&str; 2] = ["payment-signature", "x-payment"];

/// Headers of a priced route's response that only this filter may write.
const OWNED_IN_RESPONSE: [&str; 4] =
    ["payment-response", "x-payment-response", "payment-required", "settlement-overrides"];

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
    /// Whether a browser asks across origins.
    pub cross_origin: bool,
    /// Whether it is a gRPC call.
    pub grpc: bool,
    /// `x-request-id`
    pub request_id: Option<&'a str>,
    /// `access-control-request-headers`
    pub asked_headers: &'a str,
    asked_method: &'a str,
    /// Names of headers to take off before anything upstream sees them, whatever the route.
    pub owned: Vec<&'a str>,
    /// Names of payment headers that are there.
    pub payments: Vec<&'a str>,
}

// === impl Head ===

impl<'a> Head<'a> {
    /// Reads header pairs with lower-case names, as hosts give them. Values may be any bytes.
    pub fn read(pairs: &'a [(String, Vec<u8>)]) -> Self {
        let mut head = Self {
            method: "",
            authority: "",
            path: None,
            offered: Offered::Nothing,
            preflight: false,
            cross_origin: false,
            grpc: false,
            request_id: None,
            asked_headers: "",
            asked_method: "",
            owned: Vec::new(),
            payments: Vec::new(),
        };
        for (name, value) in pairs {
            let text = || std::str::from_utf8(value).ok();
            match name.as_str() {
                ":method" => head.method = text().unwrap_or("\u{fffd}"),
                ":authority" => head.authority = text().unwrap_or("\u{fffd}"),
                ":path" => head.path = text(),
                "origin" => head.cross_origin = true,
                "access-control-request-method" => head.asked_method = text().unwrap_or(""),
                "access-control-request-headers" => head.asked_headers = text().unwrap_or(""),
                "content-type" => head.grpc = value.starts_with(b"application/grpc"),
                "x-request-id" => head.request_id = text(),
                name if PAYMENT.contains(&name) => head.offer(name, value),
                name if head.is_new_owned(name) => head.owned.push(name),
                _ => {}
            }
        }
        head.preflight = head.method == "OPTIONS" && head.cross_origin && !head.asked_method.is_empty();
        head
    }

    /// The method a preflight asks for.
    pub fn asked_method(&self) -> &'a str {
        self.asked_method
    }

    /// The public URL asked for. Bounded, since it comes back in the quote and, from clients
    /// that echo quotes, in the payment: a query too long is left out, then a path too long cut.
    pub fn resource(&self, origin: &str) -> String {
        const MAX_PATH: usize = 2_048;
        let path = self.path.unwrap_or("/");
        let path = match path.split_once('?') {
            Some((before, _)) if path.len() > MAX_PATH => before,
            _ => path,
        };
        let cut = path.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_PATH).last();
        let path = match cut {
            Some(cut) if path.len() > MAX_PATH => path.get(..cut).unwrap_or("/"),
            _ => path,
        };
        format!("{origin}{path}")
    }

    /// What a quote declares for this request alone: members of `extensions`.
    pub fn declared(&self, route: &Route) -> String {
        let asked = self.asked(self.path.unwrap_or_default(), route);
        route.offer().map(|offer| extensions::asked(offer.extensions(), &asked)).unwrap_or_default()
    }

    /// The request as declarations see it.
    pub(super) fn asked<'r>(&'r self, path: &'r str, route: &'r Route) -> Asked<'r> {
        Asked { method: self.method, path, template: route.template() }
    }

    fn is_new_owned(&self, name: &str) -> bool {
        owned(name) && !self.owned.contains(&name)
    }

    fn offer(&mut self, name: &'a str, value: &'a [u8]) {
        self.offered = match self.offered {
            Offered::Nothing => Offered::One(value),
            _ => Offered::Many,
        };
        if !self.payments.contains(&name) {
            self.payments.push(name);
        }
    }
}

/// Whether a request header is ours alone to write. An underscore counts as a hyphen: servers
/// with a CGI heritage cannot tell them apart.
pub fn owned(name: &str) -> bool {
    let ours = |name: &str| OWNED.contains(&name) || name.starts_with(OWNED_PREFIX);
    ours(name) || (name.contains('_') && ours(&name.replace('_', "-")))
}

/// Whether a response header of a priced route has to go before the client sees it.
pub fn owned_in_response(name: &str) -> bool {
    OWNED_IN_RESPONSE.contains(&name) || name.starts_with(OWNED_PREFIX) || shares(name)
}

/// Whether a header tells some shared cache to keep the response, whatever `Cache-Control`
/// says: the targeted fields of RFC 9213 and `Surrogate-Control`.
fn shares(name: &str) -> bool {
    name == "surrogate-control" || name.ends_with("cdn-cache-control")
}
