//! Scenarios over tables: a policy in three columns, a request, what it is.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a sum or slice out of bounds fails the test"
)]

mod effort;
mod guard;
mod methods;
mod reference;

use std::sync::Arc;

use super::*;
use crate::config::{Conditions, Offer, Settle, SettleOn, Target, Text, Verify, Wallets};

fn offer() -> Arc<Offer> {
    let conditions = Conditions {
        name: None,
        accepts: Vec::new(),
        others: Vec::new(),
        meter: None,
        wallets: Wallets::Any,
        v1: true,
        facilitators: Arc::default(),
        weights: Box::default(),
        settle: Settle::Before,
        verify: Verify::Local,
        settle_on: SettleOn::default(),
        max_timeout_seconds: 60,
        redeem_for_seconds: 3600,
        mime_type: Text::default(),
        seller: None,
        labels: Arc::default(),
        extensions: Default::default(),
        in_dollars: true,
    };
    Arc::new(Offer::new(Arc::new(conditions), Text::default(), Vec::new()))
}

/// Each line is `price|free [METHOD,METHOD] [host]/path`; the route's name is the line.
pub(super) fn entries(lines: &[&str]) -> Vec<Entry> {
    let entry = |(index, line): (usize, &&str)| {
        let words: Vec<&str> = line.split(' ').collect();
        let (methods, place) = match words[1..] {
            [place] => (vec![], place),
            [methods, place] => (methods.split(',').map(str::to_owned).collect(), place),
            _ => panic!("{line}"),
        };
        let (host, path) = place.split_at(place.find('/').unwrap());
        let hosts = if host.is_empty() { vec![] } else { vec![HostPattern::parse(host).unwrap()] };
        let target = if words[0] == "free" { Target::Free } else { Target::Offer(offer()) };
        let route = Arc::new(Route { name: (*line).into(), index, target, template: None });
        Entry { hosts, methods, path: Pattern::parse(path).unwrap(), route }
    };
    lines.iter().enumerate().map(entry).collect()
}

pub(super) fn build(entries: &[Entry]) -> Result<Routes, Vec<Clash>> {
    let mut builder = Builder::new(entries.len());
    entries.iter().for_each(|entry| builder.add(entry));
    builder.finish()
}

pub(super) fn routes(lines: &[&str]) -> Routes {
    build(&entries(lines)).unwrap()
}

/// What a request is, in a word: the first and last words of the route, or the refusal.
pub(super) fn ask(routes: &Routes, request: &str) -> String {
    let (method, target) = request.split_once(' ').unwrap();
    let (authority, path) = match target.split_once('|') {
        Some((authority, path)) => (authority, path),
        None => ("example.com", target),
    };
    match routes.resolve(method, authority, path) {
        Resolution::Route(route) => route.name.to_string(),
        Resolution::Unmatched => "unmatched".to_owned(),
        Resolution::Ambiguous => "ambiguous".to_owned(),
        Resolution::MethodNotAllowed { allow, .. } => format!("405 {}", allow.list()),
    }
}

pub(super) fn check(lines: &[&str], table: &[(&str, &str)]) {
    let routes = routes(lines);
    let reversed: Vec<&str> = lines.iter().rev().copied().collect();
    let backwards = super::tests::routes(&reversed);
    for (request, expected) in table {
        assert_eq!(ask(&routes, request), *expected, "{request}");
        assert_eq!(ask(&backwards, request), *expected, "order must not matter: {request}");
    }
}

#[test]
fn the_most_specific_pattern_wins_whatever_the_order() {
    check(
        &[
            "a /**",
            "b /v1/**",
            "c /v1/{kind}/latest",
            "d /v1/tiles/{z}",
            "free /v1/tiles/meta",
            "e /v1/{kind}",
        ],
        &[
            ("GET /", "a /**"),
            ("GET /x", "a /**"),
            ("GET /v1", "b /v1/**"),
            ("GET /v1/tiles", "e /v1/{kind}"),
            ("GET /v1/tiles/7", "d /v1/tiles/{z}"),
            ("GET /v1/tiles/meta", "free /v1/tiles/meta"),
            ("GET /v1/tiles/latest", "d /v1/tiles/{z}"),
            ("GET /v1/roads/latest", "c /v1/{kind}/latest"),
            ("GET /v1/tiles/7/x", "b /v1/**"),
        ],
    );
}

#[test]
fn a_branch_that_leads_nowhere_is_left_again() {
    check(
        &["a /a/{x}/c", "b /a/b/d"],
        &[("GET /a/b/c", "a /a/{x}/c"), ("GET /a/b/d", "b /a/b/d"), ("GET /a/b", "unmatched")],
    );
}

#[test]
fn path_first_then_method() {
    check(
        &["a GET /x", "b POST,PUT /x", "free /**", "c PROPFIND /y"],
        &[
            ("GET /x", "a GET /x"),
            ("HEAD /x", "a GET /x"),
            ("POST /x", "b POST,PUT /x"),
            ("DELETE /x", "405 GET, HEAD, OPTIONS, POST, PUT"),
            ("get /x", "405 GET, HEAD, OPTIONS, POST, PUT"),
            ("OPTIONS /x", "405 GET, HEAD, OPTIONS, POST, PUT"),
            ("BREW /y", "405 OPTIONS, PROPFIND"),
            ("BREW /z", "free /**"),
        ],
    );
}

#[test]
fn hosts_are_compared_without_port_case_and_trailing_dot() {
    check(
        &["a api.example.com/x", "b *.example.com/x", "c *.eu.example.com/x", "free /x", "d [::1]/x"],
        &[
            ("GET api.example.com|/x", "a api.example.com/x"),
            ("GET API.Example.com.:8443|/x", "a api.example.com/x"),
            ("GET v2.example.com|/x", "b *.example.com/x"),
            ("GET a.b.example.com|/x", "b *.example.com/x"),
            ("GET a.eu.example.com|/x", "c *.eu.example.com/x"),
            ("GET example.com|/x", "free /x"),
            ("GET [::1]:80|/x", "d [::1]/x"),
            ("GET |/x", "free /x"),
            ("GET 10.0.0.1:80|/x", "free /x"),
        ],
    );
}

#[test]
fn a_host_that_can_be_read_in_two_ways_is_refused_where_anything_is_priced() {
    for authority in [
        "api.example.com%2e",
        "me@api.example.com",
        "api.example.com..",
        "api..example.com",
        "api.example.com:80:80",
        "api.example.com:8o",
        " api.example.com",
        "api.example.com/x",
        "äpi.example.com",
    ] {
        let request = format!("GET {authority}|/y");
        assert_eq!(ask(&routes(&["a api.example.com/x", "free /y"]), &request), "ambiguous", "{authority}");
        assert_eq!(ask(&routes(&["free api.example.com/x", "free /y"]), &request), "free /y", "{authority}");
    }
}

#[test]
fn a_path_that_the_host_does_not_know_falls_to_less_specific_hosts() {
    check(
        &["free a.com/health", "a /**", "b *.com/x"],
        &[
            ("GET a.com|/health", "free a.com/health"),
            ("GET a.com|/x", "b *.com/x"),
            ("GET a.com|/y", "a /**"),
            ("GET b.com|/health", "a /**"),
        ],
    );
}

#[test]
fn what_is_no_path_is_refused_where_anything_is_priced() {
    check(
        &["a priced.com/x", "free open.com/x"],
        &[
            ("CONNECT priced.com|/x", "ambiguous"),
            ("CONNECT priced.com|", "ambiguous"),
            ("GET priced.com|http://priced.com/x", "ambiguous"),
            ("GET priced.com|x", "ambiguous"),
            ("GET priced.com| /x", "ambiguous"),
            ("GET priced.com|*", "ambiguous"),
            ("OPTIONS priced.com|*", "unmatched"),
            ("CONNECT open.com|", "unmatched"),
            ("GET open.com|http://open.com/x", "unmatched"),
        ],
    );
}

#[test]
fn rest_is_zero_or_more_segments() {
    check(
        &["a /api/**"],
        &[
            ("GET /api", "a /api/**"),
            ("GET /api/", "a /api/**"),
            ("GET /api/x/y", "a /api/**"),
            ("GET /apix", "unmatched"),
            ("GET /", "unmatched"),
        ],
    );
}

#[test]
fn clashes_are_all_reported() {
    let clash = |lines: &[&str]| {
        build(&entries(lines)).unwrap_err().into_iter().map(|c| (c.route, c.kind)).collect::<Vec<_>>()
    };
    let tie = |name: &str| ClashKind::Tie(name.to_owned());
    assert_eq!(
        clash(&["a /x/{y}", "b /x/*", "c GET /z", "d HEAD /z", "e POST,GET /z"]),
        [(1, tie("a /x/{y}")), (3, tie("c GET /z")), (4, tie("c GET /z"))]
    );
    assert_eq!(clash(&["a /x/**", "b /x/**"]), [(1, tie("a /x/**"))]);
    assert_eq!(
        clash(&["a /Docs", "b /docs/x"]),
        [(1, ClashKind::Spelling("docs".to_owned(), "Docs".to_owned()))]
    );
    assert_eq!(clash(&["a /docs", "b POST /docs/"]), [(1, ClashKind::Slash("a /docs".to_owned()))]);
    assert!(build(&entries(&["a h.com/x", "b /x", "c *.com/x", "d GET /y", "e POST /y"])).is_ok());
}

#[test]
fn patterns_that_servers_would_read_differently_are_refused() {
    for text in [
        "x", "", "/a//b", "/a/../b", "/a/.", "/a;b", "/a%2Fb", "/a%2", "/%2541", "/a\\b", "/a#b", "/a?b",
        "/a b", "/a.", "/%20a", "/**/a", "/**/", "/a*", "/{a", "/{}", "/{a=*}", "/{a}/{a}", "/a%00", "/é",
    ] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
    for text in
        ["/", "/a", "/a/", "/A", "/caf%C3%A9", "/a%20b", "/{a}/{b}/*/**", "/.well-known/x", "/@me", "/a.b"]
    {
        assert!(Pattern::parse(text).is_ok(), "{text}");
    }
    assert!(Pattern::parse(&"/a".repeat(33)).is_err());
}

#[test]
fn a_hundred_thousand_routes_are_found_one_by_one() {
    let lines: Vec<String> =
        (0..100_000).map(|i| format!("a GET /v1/t{}/items/i{i}/{{id}}", i % 1000)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let routes = routes(&lines);
    for i in (0..100_000).step_by(997) {
        assert_eq!(ask(&routes, &format!("GET /v1/t{}/items/i{i}/9", i % 1000)), lines[i]);
        assert_eq!(ask(&routes, &format!("GET /v1/T{}/items/i{i}/9", i % 1000)), "ambiguous");
    }
}
