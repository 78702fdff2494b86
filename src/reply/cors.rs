//! Browsers: preflights, and what pages may read of a refusal.
//!
//! A preflight carries no payment and must not cost one; a quote is public. Nothing here
//! lets credentials through.

use super::Reply;

/// Response headers a page needs to pay.
pub const EXPOSED: &str = "PAYMENT-REQUIRED, PAYMENT-RESPONSE";

/// Request headers a paying page sends. `@x402/fetch` sends the last one by mistake.
const ALLOWED: &str = "PAYMENT-SIGNATURE, X-PAYMENT, Content-Type, Access-Control-Expose-Headers";

/// Longest list of asked-for headers that is repeated.
const MAX_ASKED: usize = 1_024;

/// Answers a preflight: the methods there are, the headers it takes to pay, and those the
/// page asked for.
pub fn preflight(methods: &str, asked_headers: &str) -> Reply {
    let token = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!#$&'*+^`|~%".contains(&b))
    };
    let asked: Vec<&str> =
        asked_headers.split(',').map(str::trim_ascii).filter(|name| !name.is_empty()).collect();
    let mut allowed = ALLOWED.to_owned();
    if asked_headers.len() <= MAX_ASKED && asked.iter().all(|name| token(name)) {
        for name in asked {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    let methods =
        if methods.split(',').all(|method| token(method.trim_ascii())) { methods } else { "GET, HEAD, POST" };
    Reply {
        status: 204,
        headers: vec![
            ("access-control-allow-origin", "*".to_owned()),
            ("access-control-allow-methods", methods.to_owned()),
            ("access-control-allow-headers", allowed),
            ("access-control-max-age", "600".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ],
        body: String::new(),
    }
}

/// Lets a page of any origin read a refusal.
pub fn open(reply: &mut Reply) {
    reply.headers.push(("access-control-allow-origin", "*".to_owned()));
    reply.headers.push(("access-control-expose-headers", EXPOSED.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_allows_what_paying_takes_and_what_was_asked() {
        let reply = preflight("GET, HEAD", "authorization, x-custom");
        let allowed = &reply.headers[2].1;
        assert!(allowed.contains("PAYMENT-SIGNATURE") && allowed.ends_with(", authorization, x-custom"));
        assert_eq!(reply.headers[1].1, "GET, HEAD");
    }

    #[test]
    fn nothing_a_client_sends_is_repeated_unless_it_is_a_list_of_tokens() {
        let reply = preflight("G\r\nT", "x, a b");
        assert!(!reply.headers.iter().any(|(_, value)| value.contains("a b") || value.contains('\r')));
    }
}
