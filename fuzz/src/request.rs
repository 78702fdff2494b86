//! Header fields of a request: what may pass, what may be quoted, what goes on upstream.
//!
//! The input is lines of `name: value`, at most 64; a value is any bytes but a line break.

use x402_proxy_wasm::admission::head::{fields, owned, owned_in_response};
use x402_proxy_wasm::admission::{admit, Admission, Head, Offered};
use x402_proxy_wasm::reply::cors::Grant;

use crate::{cost, shop};

const MOST: usize = 64;

/// The public origins that the shop has, whatever a client says.
const ORIGINS: [&str; 2] = ["https://api.example.com", "http://api.example.com"];

/// One request's head.
pub fn run(data: &[u8]) {
    let pairs: Vec<(String, Vec<u8>)> = data.split(|b| *b == b'\n').filter_map(pair).take(MOST).collect();
    let policy = shop::policy();
    let held = fields(&pairs);
    let head = cost::within(8_192, 16, data.len(), || Head::read(&held));

    let payments = || pairs.iter().filter(|(name, _)| name == "payment-signature" || name == "x-payment");
    match head.offered {
        Offered::Nothing => assert_eq!(payments().count(), 0),
        Offered::One(value) => assert!(payments().count() == 1 && payments().all(|(_, own)| own == value)),
        Offered::Many => assert!(payments().count() > 1),
    }
    for (name, _) in &pairs {
        let hyphens = name.replace('_', "-");
        let ours = hyphens.starts_with("x402-")
            || ["payment-response", "x-payment-response", "settlement-overrides"].contains(&hyphens.as_str());
        assert_eq!(owned(name), ours, "{name:?}");
        assert_eq!(head.owned.contains(&name.as_str()), ours && !name.starts_with(':'), "{name:?}");
        assert!(!name.starts_with("x402-") || owned_in_response(name));
    }
    if let Some(cookies) = &head.cookies {
        let before: usize =
            pairs.iter().filter(|(name, _)| name == "cookie").map(|(_, value)| value.len() + 2).sum();
        assert!(cookies.rest.len() <= before);
        let again = [("cookie".to_owned(), cookies.rest.clone())];
        let again = fields(&again);
        let again = Head::read(&again);
        assert!(again.cookies.is_none(), "our cookie goes on: {:?}", String::from_utf8_lossy(&cookies.rest));
    }
    located(&head);

    let admission = cost::within(131_072, 128, data.len(), || admit(policy, &head, &shop::Able, shop::NOW));
    let paid = head.payment(policy.paywall());
    match &admission {
        Admission::Pass(None) => {
            let path = head.path.expect("a path");
            assert!(!shop::PATHS.contains(&path.split('?').next().unwrap_or_default()), "{path}");
        }
        Admission::Pass(Some(route)) => assert_eq!(route.name(), "free"),
        Admission::Preflight(..) => assert!(head.preflight),
        Admission::Refuse(_, refusal, _) => assert!((400..600).contains(&refusal.status()), "{refusal:?}"),
        Admission::Present(purchase) => {
            assert!(matches!(paid, Offered::One(_)));
            assert!(head.navigates() || head.offered != Offered::Nothing, "a cookie paid for a program");
            assert!(purchase.resource.len() < 4_096);
        }
    }
    let cors = Grant::of(policy.cors(), head.origin);
    let methods = match &admission {
        Admission::Preflight(_, methods) => methods,
        _ => head.asked_method(),
    };
    let reply = cors.preflight(methods, head.asked_headers);
    for (name, value) in &reply.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}

fn pair(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().skip(1).position(|b| *b == b':')? + 1;
    let name = std::str::from_utf8(&line[..colon]).ok()?.to_ascii_lowercase();
    Some((name, line[colon + 1..].trim_ascii().to_vec()))
}

/// What is quoted is a URL of the shop's.
fn located(head: &Head<'_>) {
    let resource = head.resource(shop::policy());
    assert!(resource.len() < 2_048 + 600, "{}", resource.len());
    let path = head.path.unwrap_or("/");
    let origin = match path.starts_with('/') {
        true => resource.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"),
        false => return,
    };
    let host = origin.split_once("://").map(|(_, host)| host).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let ours =
        host == "shop.example" || (host.ends_with(".example.com") && host.len() > ".example.com".len());
    assert!(ORIGINS.contains(&origin.as_str()) || ours, "{resource}");
    assert!(origin.starts_with("https://") || origin.starts_with("http://"), "{resource}");
}
