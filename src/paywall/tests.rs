use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use sha2::{Digest, Sha256};

use super::*;
use crate::claims::Paid;
use crate::claims::State;
use crate::config::Policy;
use crate::exchange::Denial;
use crate::facilitator::Reason;
use crate::protocol::abilities::Unasked;
use crate::protocol::challenge::{Challenge, Declared};
use crate::reply::Quote;

const NETWORKS: [&str; 8] =
    ["base", "base-sepolia", "polygon", "avalanche", "sei", "celo", "eip155:42161", "eip155:1"];

const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// An offer with so many ways to pay, by the seller's own words.
fn offer(ways: usize, description: &str) -> Arc<Offer> {
    let way = |network| serde_json::json!({"network": network, "asset": "USDC", "payTo": PAY_TO});
    sold(NETWORKS[..ways].iter().map(way).collect(), "before", description)
}

fn sold(accepts: serde_json::Value, settle: &str, description: &str) -> Arc<Offer> {
    let config = serde_json::json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": settle,
        "facilitators": {"main": {"cluster": "f", "authority": "f.example"}},
        "accepts": accepts,
        "routes": [{"name": "tiles", "match": {"path": "/tiles/{z}"},
            "offer": {"price": "$0.005", "description": description}}],
    });
    let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None);
    let policy = policy.unwrap_or_else(|errors| panic!("{errors}"));
    let route = Arc::clone(policy.routes().next().unwrap());
    Arc::clone(route.offer().unwrap())
}

fn page<'a>(refusal: Refusal, url: &'a str, offer: &'a Offer) -> Page<'a> {
    Page { refusal, url, offer: Some(offer), transaction: None, now: 1_795_000_000 }
}

fn unpaid(url: &str, offer: &Offer) -> String {
    let challenge =
        Challenge::new(offer, &Unasked, Declared::default()).header("payment_required", url, "", "");
    render(&page(Refusal::PaymentRequired, url, offer), Some(&challenge), None)
}

const URL: &str = "https://api.example.com/tiles/3?style=dark";

#[test]
fn the_policy_admits_exactly_this_style_and_this_script() {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let expected = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    );
    assert_eq!(POLICY, expected);
    let page = unpaid(URL, &offer(1, "One map tile"));
    assert_eq!(page.matches(&format!("<script>{SCRIPT}</script>")).count(), 1);
    assert_eq!(page.matches(&format!("<style>{STYLE}</style>")).count(), 1);
    assert!(!SCRIPT.contains("</") && !STYLE.contains("</") && !SCRIPT.contains("<!--"));
}

#[test]
fn a_page_stays_below_30_kilobytes() {
    let long = format!("https://api.example.com/{}", "a".repeat(2_048));
    let fits = format!("https://api.example.com/{}", "a".repeat(247));
    let words = "<".repeat(500);
    for (ways, url, words) in [(1, URL, "One map tile"), (8, URL, ""), (8, &long, &words), (8, &fits, &words)]
    {
        let offer = offer(ways, words);
        let page = unpaid(url, &offer);
        assert!(page.len() < 30_000, "{ways} ways, {} bytes of URL: {} bytes", url.len(), page.len());
    }
}

#[test]
fn a_page_says_what_it_costs_and_how_to_pay() {
    let page = unpaid(URL, &offer(2, "One map tile"));
    for text in [
        "<h1>Payment required</h1>",
        "<bdi>One map tile</bdi>",
        "0.005 <bdi>USDC</bdi></strong> on Base <small>eip155:8453</small>",
        "on Base Sepolia <small>eip155:84532</small>",
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "<li data-way=\"exact eip155:8453 0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913 5000\">",
        "curl -gi &#39;https://api.example.com/tiles/3?style=dark&#39;",
        "aria-label=\"QR code of this page's address\"",
        "id=\"x402-pay\"",
        "id=\"x402-status\" role=\"status\" aria-live=\"polite\"",
        "<noscript>",
        "lang=\"en\"",
        "data-code=\"payment_required\" data-retry=\"new\" data-keep=\"3600\" data-now=\"1795000000\"",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn ways_are_told_apart() {
    let accepts = serde_json::json!([
        {"network": "base", "asset": "USDC", "scheme": "upto", "payTo": PAY_TO},
        {"network": "solana", "scheme": "exact", "payTo": "<svm>", "asset":
            {"address": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "decimals": 6, "symbol": "US&DC"}},
    ]);
    let page = unpaid(URL, &sold(accepts, "after", "One map tile"));
    for text in [
        "<li data-way=\"upto eip155:8453 0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913 5000\">",
        "up to <strong>0.005 <bdi>USDC</bdi></strong> on Base",
        "and is never more",
        "0.005 <bdi>US&amp;DC</bdi></strong> on Solana <small>solana:",
        "paid to <code>&lt;svm&gt;</code>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    well_formed(&page);
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let page = unpaid(URL, &offer(8, "One map tile"));
    for loads in ["src=", "url(", "@import", "<link", "<iframe", "<object", "import("] {
        let shell = page.replace(SCRIPT, "").replace("<link rel=\"icon\" href=\"data:,\">", "");
        assert!(!shell.contains(loads), "{loads}");
    }
    assert!(!SCRIPT.contains("http") || !SCRIPT.contains("://"));
    for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
}

#[test]
fn what_is_hostile_stays_text() {
    let words = "</title></style><script>alert(1)</script>\"'><img src=x>\u{202e}";
    let url = "https://api.example.com/tiles/'\"><script>alert(2)</script>?<!--";
    let page = unpaid(url, &offer(1, words));
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains("<!--"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;"));
    well_formed(&page);
}

#[test]
fn every_refusal_has_a_well_formed_page_and_only_a_quote_has_a_price() {
    let offer = offer(1, "One map tile");
    let challenge =
        Challenge::new(&offer, &Unasked, Declared::default()).header("payment_required", URL, "", "");
    let hash = Some(Transaction([7; 32]));
    let quote = Quote { header: challenge, v1_accepts: Some("[]".to_owned()) };
    let paid = Paid { transaction: hash, amount: None };
    for refusal in [
        Refusal::PaymentRequired,
        Refusal::Invalid("invalid_payload"),
        Refusal::QuotesSuspended,
        Refusal::DocumentsBusy,
        Refusal::PathAmbiguous,
        Refusal::MethodAmbiguous,
        Refusal::NotOffered,
        Refusal::MethodNotAllowed,
        Refusal::RateLimited(7),
        Refusal::Denied(Denial::ChargeUnreadable),
        Refusal::Denied(Denial::Short(paid)),
        Refusal::Denied(Denial::Mismatch),
        Refusal::Denied(Denial::InFlight),
        Refusal::Denied(Denial::AlreadyUsed(paid)),
        Refusal::Denied(Denial::Exhausted(paid)),
        Refusal::Denied(Denial::Elsewhere(State::Taken)),
        Refusal::Denied(Denial::Full),
        Refusal::Denied(Denial::StoreDown),
        Refusal::Denied(Denial::FacilitatorDown),
        Refusal::Denied(Denial::Pending),
        Refusal::Denied(Denial::Rejected(Reason::InsufficientFunds)),
    ] {
        let mut reply = refusal.reply(Some(quote.clone()), Vec::new(), "GET");
        let status = reply.status;
        let page = Page { transaction: hash, ..page(refusal, URL, &offer) };
        dress(&mut reply, &page);
        let body = &reply.body;
        well_formed(body);
        assert_eq!(reply.status, status);
        assert_eq!(body.contains("id=\"x402-pay\""), refusal.quotes(), "{refusal:?}");
        assert_eq!(body.contains("data-challenge="), refusal.quotes(), "{refusal:?}");
        assert_eq!(body.contains("Price"), refusal.quotes(), "{refusal:?}");
        assert_eq!(body.contains(code::explain(refusal.code())), refusal != Refusal::PaymentRequired);
        let again = refusal.retry() == Retry::Same || status == 429;
        assert_eq!(body.contains(">Try again</a>"), again, "{refusal:?}");
        assert!(body.contains(&"07".repeat(32)), "{refusal:?}");
        assert_eq!(reply.headers.iter().filter(|(name, _)| *name == "content-type").count(), 1);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("cache-control", "no-store"),
            ("vary", "Accept"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{refusal:?}");
        }
    }
}

#[test]
fn without_an_offer_there_is_still_a_page() {
    let offer = offer(1, "");
    let page = Page { offer: None, ..page(Refusal::NotOffered, URL, &offer) };
    let body = render(&page, None, None);
    well_formed(&body);
    assert!(body.contains("Nothing is offered here.") && !body.contains("x402-pay\""));
}

/// Every element that is opened is closed, in order, and every id is there once.
fn well_formed(page: &str) {
    const VOID: [&str; 5] = ["meta", "link", "br", "path", "!doctype"];
    let text = page.replace(SCRIPT, "").replace(STYLE, "");
    let (mut open, mut ids) = (Vec::new(), Vec::new());
    for part in text.split('<').skip(1) {
        let (tag, after) = part.split_once('>').unwrap_or_else(|| panic!("an open tag: {part}"));
        assert!(!after.contains('>'), "{part}");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        ids.extend(tag.split(" id=\"").nth(1).map(|rest| rest.split('"').next().unwrap()));
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

mod scan;
