//! A17: a redirect that leads to something of the same offer is charged and is not what was bought: that is
//! what it leads to, once. Every other one may be what was bought.

use x402_devstack::client::{Answer, RawRequest};

use super::Table;
use crate::shop::Shop;
use crate::stage::{receipt_of, refused, served, Stage};

/// Sold under `before`, by the same offer.
const TILE: &str = "/v1/tiles/1/2/3";
const NEXT_TILE: &str = "/v1/tiles/1/2/4";

pub(super) fn add(table: &mut Table) {
    for status in [301, 302, 303, 307, 308] {
        table.add(format!("a17_a_{status}_to_what_is_sold_here_pays_for_that"), move |stage| {
            pays_for_that(stage, status, "/v1/reports/2");
        });
    }
    for (name, location) in SOLD_HERE {
        table.add(format!("a17_a_redirect_{name}_pays_for_that"), move |stage| {
            pays_for_that(stage, 302, location);
        });
    }
    for (name, location) in CHARGED {
        table.add(format!("a17_a_redirect_{name}_is_charged_after"), move |stage| {
            charged(stage, "/v1/reports/1", location);
        });
        table.add(format!("a17_a_redirect_{name}_is_charged_before"), move |stage| {
            charged(stage, TILE, location);
        });
    }
    table.add("a17_a_redirect_paid_before_is_owed_to_the_same_payment", same_payment);
    table.add("a17_a_redirect_paid_before_is_owed_to_the_next_payment", next_payment);
    table.add("a17_a_redirect_without_end_is_what_was_bought_at_the_fourth", without_end);
    table.add("a17_a_redirect_is_followed_after_a_failed_answer_there", failed_there);
    table.add("a17_a_redirect_that_is_lost_leads_on_again_before", |stage| lost(stage, TILE, NEXT_TILE));
    table.add("a17_a_redirect_that_is_lost_leads_on_again_after", |stage| {
        lost(stage, "/v1/reports/1", "/v1/reports/2");
    });
    table.add("a17_a_redirect_after_a_failed_answer_pays_for_that", after_a_failure);
    table.add("a17_a_redirect_that_settle_on_names_is_charged", said_so);
    table.add("a17_a_redirect_is_followed_by_the_method_that_clients_use", methods);
    table.add("a17_two_locations_are_none", two);
    table.add_in(Shop::Any, "a17_upto_a_redirect_to_what_is_sold_here_pays_for_that", upto);
}

/// From `/v1/reports/1` of `shop.example`, which is the shop's own name.
const SOLD_HERE: [(&str, &str); 5] = [
    ("to_the_path_beside_it", "2#top"),
    ("up_and_down", "../reports/./2"),
    ("to_the_same_host", "//shop.example/v1/reports/2"),
    ("to_the_same_host_by_https", "https://shop.example/v1/reports/2"),
    ("to_the_same_host_in_full", "HTTP://Shop.Example.:80/v1/reports/2"),
];

const CHARGED: [(&str, &str); 12] = [
    ("to_another_offer", "/v1/dear"),
    ("to_another_query", "?page=2"),
    ("with_what_may_open_it", "/v1/reports/2?signature=s"),
    ("to_another_host", "https://files.example/v1/reports/2"),
    ("to_another_port", "https://shop.example:8443/v1/reports/2"),
    ("to_a_host_behind_a_user", "https://shop.example@files.example/v1/reports/2"),
    ("to_what_is_free", "/docs/2"),
    ("to_what_nobody_names", "/elsewhere"),
    ("out_of_what_is_sold", "/v1/tree/../../docs/2"),
    ("out_of_what_is_sold_in_escapes", "/v1/tree/%2e%2e/%2E%2e/docs/2"),
    ("to_what_would_be_refused", "/v1/Reports/2"),
    ("behind_a_backslash", "/\\files.example/v1/reports/2"),
];

fn redirecting(asked: &RawRequest, status: u16, location: &str) -> RawRequest {
    let order = format!("location:{location}");
    asked.clone().header("x-test-status", status.to_string()).header("x-test-h", order)
}

/// Asserts that the upstream's redirect came through.
#[track_caller]
fn redirected(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.broken), (status, None), "{}", answer.text());
    assert_eq!((answer.count("location"), answer.count("payment-required")), (1, 0));
}

/// Under `after` the payment is taken, and serves what the redirect leads to.
fn pays_for_that(stage: &mut Stage<'_>, status: u16, location: &str) {
    let asked = stage.get("/v1/reports/1");
    let payment = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, status, location).pay(&payment));
    redirected(&answer, status);
    let transaction = receipt_of(&answer);
    let next = stage.get("/v1/reports/2").pay(&payment);
    let answer = stage.again(&next);
    served(&answer);
    assert_eq!(receipt_of(&answer), transaction);
    stage.charged_once(&payment, 2);
    refused(&stage.again(&next), 402, "payment_already_used");
}

fn charged(stage: &mut Stage<'_>, path: &str, location: &str) {
    let asked = stage.get(path);
    let payment = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, 302, location).pay(&payment));
    redirected(&answer, 302);
    receipt_of(&answer);
    stage.charged_once(&payment, 1);
    refused(&stage.again(&asked.pay(&payment)), 402, "payment_already_used");
}

fn same_payment(stage: &mut Stage<'_>) {
    let asked = stage.get(TILE);
    let payment = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, 301, NEXT_TILE).pay(&payment));
    redirected(&answer, 301);
    let transaction = receipt_of(&answer);
    let next = stage.get(NEXT_TILE).pay(&payment);
    let answer = stage.again(&next);
    served(&answer);
    assert_eq!(receipt_of(&answer), transaction);
    stage.charged_once(&payment, 2);
    refused(&stage.again(&next), 402, "payment_already_used");
}

fn next_payment(stage: &mut Stage<'_>) {
    let asked = stage.get(TILE);
    let first = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, 302, NEXT_TILE).pay(&first));
    redirected(&answer, 302);
    let transaction = receipt_of(&answer);
    let (second, request) = stage.paid(&stage.get(NEXT_TILE));
    let answer = stage.again(&request);
    served(&answer);
    assert_eq!(receipt_of(&answer), transaction, "the first one's receipt");
    assert_eq!((stage.settles(&second), stage.moved(&second).len()), (0, 0), "never submitted");
    stage.charged_once(&first, 2);
}

/// One payment, however often it leads to itself: as often as content is served that fails.
fn without_end(stage: &mut Stage<'_>) {
    let asked = stage.get(TILE);
    let payment = stage.pay(&asked);
    let request = redirecting(&asked, 302, TILE).pay(&payment);
    for _ in 0..4 {
        let answer = stage.again(&request);
        redirected(&answer, 302);
        receipt_of(&answer);
    }
    refused(&stage.again(&request), 402, "payment_already_used");
    stage.charged_once(&payment, 4);
}

/// A client does not know where it was led, and calls what it called, with a new signature.
fn failed_there(stage: &mut Stage<'_>) {
    let asked = stage.get(TILE);
    let first = stage.pay(&asked);
    redirected(&stage.send(&redirecting(&asked, 302, NEXT_TILE).pay(&first)), 302);
    let there = stage.get(NEXT_TILE);
    let failed = stage.send(&there.clone().header("x-test-status", "500").pay(&first));
    assert_eq!(failed.status, 500);
    let second = stage.pay(&asked);
    redirected(&stage.again(&redirecting(&asked, 302, NEXT_TILE).pay(&second)), 302);
    served(&stage.again(&there.clone().pay(&second)));
    assert_eq!((stage.settles(&second), stage.moved(&second).len()), (0, 0), "never submitted");
    stage.charged_once(&first, 4);
    refused(&stage.again(&there.pay(&second)), 402, "payment_already_used");
}

/// Its client never read the redirect.
fn lost(stage: &mut Stage<'_>, from: &str, to: &str) {
    let asked = stage.get(from);
    let first = stage.pay(&asked);
    redirected(&stage.send(&redirecting(&asked, 302, to).pay(&first)), 302);
    let second = stage.pay(&asked);
    redirected(&stage.again(&redirecting(&asked, 302, to).pay(&second)), 302);
    let there = stage.get(to).pay(&second);
    served(&stage.again(&there));
    assert_eq!((stage.settles(&second), stage.moved(&second).len()), (0, 0), "never submitted");
    stage.charged_once(&first, 3);
    refused(&stage.again(&there), 402, "payment_already_used");
}

/// What failed before is no redirect.
fn after_a_failure(stage: &mut Stage<'_>) {
    let asked = stage.get(TILE);
    let payment = stage.pay(&asked);
    let failed = stage.send(&asked.clone().header("x-test-status", "500").pay(&payment));
    assert_eq!(failed.status, 500);
    redirected(&stage.again(&redirecting(&asked, 302, NEXT_TILE).pay(&payment)), 302);
    let next = stage.get(NEXT_TILE).pay(&payment);
    served(&stage.again(&next));
    stage.charged_once(&payment, 3);
    refused(&stage.again(&next), 402, "payment_already_used");
}

/// An operator's own list decides.
fn said_so(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/named");
    let payment = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, 303, "/v1/named").pay(&payment));
    redirected(&answer, 303);
    receipt_of(&answer);
    stage.charged_once(&payment, 1);
    let unnamed = stage.pay(&asked);
    let answer = stage.send(&redirecting(&asked, 302, "/v1/named").pay(&unnamed));
    redirected(&answer, 302);
    assert_eq!((answer.count("payment-response"), stage.settles(&unnamed)), (0, 0));
}

/// `/v1/late` is sold by every method.
fn methods(stage: &mut Stage<'_>) {
    for (status, method, location, leads_on) in [
        (303, "POST", "/v1/late", true),
        (307, "POST", "/v1/late", true),
        (301, "HEAD", "/v1/late", true),
        (303, "POST", "/v1/orders", false),
        (308, "POST", "/v1/embeddings", false),
    ] {
        let asked = stage.request(method, "/v1/late");
        // A quote is the same by GET, and is read off its body.
        let payment = stage.pay(&stage.get("/v1/late"));
        let answer = stage.send(&redirecting(&asked, status, location).pay(&payment));
        redirected(&answer, status);
        receipt_of(&answer);
        let next = stage.again(&stage.get("/v1/late").pay(&payment));
        if leads_on {
            served(&next);
        } else {
            refused(&next, 402, "payment_already_used");
        }
        assert_eq!(stage.moved(&payment).len(), 1, "{status} of {method} to {location}");
    }
}

fn two(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/late");
    let payment = stage.pay(&asked);
    let request = redirecting(&asked, 302, "/v1/late").header("x-test-h", "location:/v1/late");
    let answer = stage.send(&request.pay(&payment));
    assert_eq!((answer.status, answer.count("payment-required")), (302, 0), "{}", answer.text());
    receipt_of(&answer);
    stage.charged_once(&payment, 1);
}

/// As much as the upstream says that it costs.
fn upto(stage: &mut Stage<'_>) {
    let asked = stage.get("/ways/upto/plain");
    let payment = stage.pay(&asked);
    let costs = |request: RawRequest| request.header("x-test-h", r#"settlement-overrides: {"amount":"5"}"#);
    let request = costs(redirecting(&asked, 307, "/ways/upto/plain"));
    let answer = stage.send(&request.pay(&payment));
    redirected(&answer, 307);
    assert_eq!(answer.count("settlement-overrides"), 0);
    let transaction = receipt_of(&answer);
    let answer = stage.again(&costs(asked).pay(&payment));
    served(&answer);
    assert_eq!(receipt_of(&answer), transaction);
    assert_eq!((stage.settles(&payment), stage.moved(&payment).len()), (1, 1));
}
