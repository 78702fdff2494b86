//! Browsers: preflights, and what pages may read.
//!
//! A preflight carries no payment and must not cost one; a quote is public. A page that paid
//! must be able to read what it bought: where the upstream allows no origin of its own, the
//! one that asked is allowed. Nothing here lets credentials through, and nothing a client
//! sent is repeated unless the operator wrote it too.

use super::Reply;
use crate::config::Cors;

/// Response headers a page needs to pay.
const EXPOSED: &str = "PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, Retry-After";

/// Request headers a paying page sends. `@x402/fetch` sends the fourth by mistake.
const ALLOWED: &str =
    "PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Access-Control-Expose-Headers, Content-Type";

/// Longest list of asked-for headers that is repeated, and longest method, in bytes.
const MAX_ASKED: usize = 1_024;
const MAX_METHOD: usize = 24;

/// Seconds a browser may remember a preflight.
const MAX_AGE: &str = "600";

/// What the page that asks may read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grant {
    /// The value of `Access-Control-Allow-Origin`.
    origin: Option<String>,
    /// The answer is another for another origin.
    varies: bool,
}

// === impl Grant ===

impl Grant {
    /// By policy, for the `Origin` of a request; nothing for one that has none.
    pub fn of(cors: &Cors, origin: Option<&[u8]>) -> Self {
        match cors {
            Cors::Off => Self::default(),
            Cors::Any => Self { origin: origin.map(|_| "*".to_owned()), varies: false },
            Cors::Origins(listed) => {
                let found = listed.iter().find(|listed| origin == Some(listed.as_bytes()));
                Self { origin: found.cloned(), varies: true }
            }
        }
    }

    /// Answers a preflight: the methods there are, the headers it takes to pay, and those the
    /// page asked for. Empty for a page that may not read.
    pub fn preflight(&self, methods: &str, asked_headers: &str) -> Reply {
        let mut reply = Reply {
            status: 204,
            headers: vec![("cache-control", "no-store".to_owned())],
            body: String::new(),
        };
        if let Some(origin) = &self.origin {
            reply.headers.extend([
                ("access-control-allow-origin", origin.clone()),
                ("access-control-allow-methods", allowed_methods(methods)),
                ("access-control-allow-headers", allowed_headers(asked_headers)),
                ("access-control-max-age", MAX_AGE.to_owned()),
            ]);
        }
        self.vary(&mut reply);
        reply
    }

    /// Lets the page read a refusal.
    pub fn open(&self, reply: &mut Reply) {
        if let Some(origin) = &self.origin {
            reply.headers.push(("access-control-allow-origin", origin.clone()));
            reply.headers.push(("access-control-expose-headers", EXPOSED.to_owned()));
        }
        self.vary(reply);
    }

    /// What to add to a response of the upstream's, which may allow an origin itself.
    pub fn additions(&self, upstream_allows: bool) -> impl Iterator<Item = (&'static str, &str)> {
        let origin = self.origin.as_deref();
        let allow = origin.filter(|_| !upstream_allows).map(|origin| ("access-control-allow-origin", origin));
        let expose = origin.map(|_| ("access-control-expose-headers", EXPOSED));
        let vary = self.varies.then_some(("vary", "Origin"));
        [allow, expose, vary].into_iter().flatten()
    }

    fn vary(&self, reply: &mut Reply) {
        if self.varies {
            reply.headers.push(("vary", "Origin".to_owned()));
        }
    }
}

fn allowed_methods(methods: &str) -> String {
    let names = || methods.split(',').map(str::trim_ascii);
    if !names().all(|method| is_token(method) && method.len() <= MAX_METHOD) {
        return "GET, HEAD, POST".to_owned();
    }
    let mut allowed = String::with_capacity(methods.len());
    for name in names() {
        if !allowed.is_empty() {
            allowed.push_str(", ");
        }
        allowed.push_str(name);
    }
    allowed
}

fn allowed_headers(asked: &str) -> String {
    let mut allowed = ALLOWED.to_owned();
    let names = || asked.split(',').map(str::trim_ascii).filter(|name| !name.is_empty());
    if asked.len() <= MAX_ASKED && names().all(is_token) {
        for name in names() {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    allowed
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!#$&'*+^`|~%".contains(&b))
}

#[cfg(test)]
mod tests;
