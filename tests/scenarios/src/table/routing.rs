//! A6 and A7: no spelling of a path, method or host walks around a price.

use super::Table;
use crate::stage::{refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    for (name, target) in TRICKS {
        table.add(format!("a6_{name}"), move |stage| never_free(stage, target));
    }
    for (name, target) in PLAIN {
        table.add(format!("a6_{name}_is_still_priced"), move |stage| priced(stage, target));
    }
    table.add("a7_head_is_priced_as_get", head);
    table.add("a7_preflight_is_free", preflight);
    table.add("a7_options_that_is_no_preflight_is_priced", |stage| {
        refused(&stage.send(&stage.request("OPTIONS", "/v1/cheap")), 402, "payment_required");
        assert_eq!(stage.hits(), 0);
    });
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
        table.add(format!("a7_{}_is_not_sold", method.to_lowercase()), move |stage| not_sold(stage, method));
    }
    for (name, method) in
        [("connect", "CONNECT"), ("trace", "TRACE"), ("lower_case_get", "get"), ("unknown", "BREW")]
    {
        table.add(format!("a7_{name}_is_never_free"), move |stage| {
            let answer = stage.send(&stage.request(method, "/v1/cheap"));
            assert!(answer.status == 0 || answer.status >= 400, "{}", answer.status);
            assert_eq!(stage.hits(), 0);
        });
    }
    table.add("a7_options_where_it_is_not_sold", |stage| {
        refused(&stage.send(&stage.request("OPTIONS", "/v1/tiles/1/2/3")), 405, "method_not_allowed");
        assert_eq!(stage.hits(), 0);
    });
    table.add("a7_websocket_upgrade_is_priced", |stage| {
        let upgrade = stage.get("/v1/cheap").header("connection", "upgrade").header("upgrade", "websocket");
        let answer = stage.send(&upgrade.header("sec-websocket-version", "13"));
        assert!(matches!(answer.status, 402 | 403), "{}", answer.status);
        assert_eq!(stage.hits(), 0);
    });
    for (name, host) in [
        ("plain", "api.shop.example"),
        ("port", "api.shop.example:8443"),
        ("case", "API.Shop.Example"),
        ("dot", "api.shop.example."),
        ("dot_and_port", "api.shop.example.:80"),
    ] {
        table.add(format!("a7_host_with_{name}_is_priced"), move |stage| {
            let answer = stage.send(&x402_devstack::client::RawRequest::get("/hosted").header("host", host));
            refused(&answer, 402, "payment_required");
        });
    }
    table.add("a7_grpc_settles_before_only", |stage| {
        let call = stage.request("POST", "/v1/late").header("content-type", "application/grpc");
        let answer = stage.send(&call);
        assert_eq!((answer.status, answer.header_text("grpc-status")), (200, Some("12")));
        assert_eq!(answer.header_text("x402-code"), Some("grpc_needs_settle_before"));
        assert_eq!(stage.hits(), 0);
    });
}

/// Every one of these reads as `/v1/cheap` to some server.
const TRICKS: [(&str, &[u8]); 65] = [
    ("encoded_slash", b"/v1%2Fcheap"),
    ("encoded_slash_in_lower_case", b"/v1%2fcheap"),
    ("twice_encoded_slash", b"/v1%252Fcheap"),
    ("encoded_backslash", b"/v1%5Ccheap"),
    ("twice_encoded_backslash", b"/v1%255ccheap"),
    ("backslash", b"/v1\\cheap"),
    ("leading_backslash", b"/\\v1/cheap"),
    ("encoded_letter", b"/v1/%63heap"),
    ("twice_encoded_letter", b"/v1/%2563heap"),
    ("double_slash", b"/v1//cheap"),
    ("leading_double_slash", b"//v1/cheap"),
    ("trailing_double_slash", b"/v1/cheap//"),
    ("dot_segment", b"/v1/./cheap"),
    ("leading_dot_segment", b"/./v1/cheap"),
    ("trailing_dot_segment", b"/v1/cheap/."),
    ("dot_dot", b"/v1/x/../cheap"),
    ("dot_dot_from_free", b"/docs/../v1/cheap"),
    ("encoded_dot_dot", b"/docs/%2e%2e/v1/cheap"),
    ("encoded_dot_dot_slash", b"/docs/..%2fv1/cheap"),
    ("twice_encoded_dot_dot", b"/docs/%252e%252e/v1/cheap"),
    ("dot_dot_semicolon", b"/docs/..;/v1/cheap"),
    ("parameter", b"/v1/cheap;x=1"),
    ("parameter_inside", b"/v1;x/cheap"),
    ("encoded_parameter", b"/v1/cheap%3bx"),
    ("trailing_slash", b"/v1/cheap/"),
    ("capitals", b"/v1/CHEAP"),
    ("one_capital", b"/V1/cheap"),
    ("malformed_escape", b"/v1/cheap%"),
    ("half_an_escape", b"/v1/cheap%2"),
    ("no_escape", b"/v1/cheap%zz"),
    ("encoded_nul", b"/v1/cheap%00"),
    ("nul_and_a_suffix", b"/v1/cheap%00.png"),
    ("encoded_space", b"/v1/cheap%20"),
    ("encoded_question_mark", b"/v1/cheap%3Fx=1"),
    ("encoded_hash", b"/v1/cheap%23x"),
    ("trailing_dot", b"/v1/cheap."),
    ("encoded_dot_dot_in_capitals", b"/docs/%2E%2E/v1/cheap"),
    ("half_encoded_dot_dot", b"/docs/.%2e/v1/cheap"),
    ("dot_dot_with_a_parameter", b"/docs/..;x=1/v1/cheap"),
    ("dot_dot_with_an_encoded_parameter", b"/docs/..%3bx/v1/cheap"),
    ("dot_dot_with_a_backslash", b"/docs/..\\v1/cheap"),
    ("dot_dot_with_an_encoded_backslash", b"/docs/..%5cv1/cheap"),
    ("dot_dot_from_nowhere", b"/../../../v1/cheap"),
    ("dot_dot_behind", b"/v1/cheap/x/.."),
    ("dot_dot_and_back", b"/v1/cheap/../cheap"),
    ("three_times_encoded_slash", b"/v1%25252Fcheap"),
    ("windows_escape", b"/v1%u002fcheap"),
    ("windows_escape_of_a_letter", b"/v1/%u0063heap"),
    ("overlong_slash", b"/v1%c0%afcheap"),
    ("overlong_slash_of_three_bytes", b"/v1%e0%80%afcheap"),
    ("overlong_dot_dot", b"/docs/%c0%ae%c0%ae/v1/cheap"),
    ("full_width_slash", b"/v1%ef%bc%8fcheap"),
    ("full_width_letter", b"/v1/%ef%bd%83heap"),
    ("full_width_dot_dot", b"/docs/%ef%bc%8e%ef%bc%8e/v1/cheap"),
    ("encoded_line_break", b"/v1/cheap%0a"),
    ("encoded_carriage_return", b"/v1/cheap%0d%0a"),
    ("encoded_tab", b"/v1/cheap%09"),
    ("encoded_delete", b"/v1/cheap%7f"),
    ("twice_encoded_nul", b"/v1/cheap%2500"),
    ("nul_inside", b"/v1/che%00ap"),
    ("parameter_before_the_end", b"/v1;jsessionid=1/cheap;x"),
    ("two_slashes_and_dots", b"//docs/..//v1/./cheap"),
    ("trailing_dots", b"/v1/cheap..."),
    ("encoded_trailing_dot", b"/v1/cheap%2e"),
    ("everything_at_once", b"/docs/%2e%2e;x/%56%31//cheap%20."),
];

/// These are `/v1/cheap` to every server.
const PLAIN: [(&str, &str); 5] = [
    ("query", "/v1/cheap?a=1&b=2"),
    ("query_with_a_path", "/v1/cheap?/healthz"),
    ("query_with_dot_dot", "/v1/cheap?x=/../healthz"),
    ("absolute_form", "http://shop.example/v1/cheap"),
    ("empty_query", "/v1/cheap?"),
];

fn never_free(stage: &mut Stage<'_>, target: &[u8]) {
    let answer = stage.send(&stage.get(target));
    assert!(matches!(answer.status, 301 | 307 | 400 | 402 | 404), "{}", answer.status);
    assert_eq!(stage.hits(), 0, "it was served for free");
    if !stage.has_front_end() {
        refused(&answer, 400, "path_ambiguous");
    }
}

fn priced(stage: &mut Stage<'_>, target: &str) {
    let asked = stage.get(target);
    refused(&stage.send(&asked), 402, "payment_required");
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
}

fn head(stage: &mut Stage<'_>) {
    let asked = stage.request("HEAD", "/v1/tiles/1/2/3");
    let answer = stage.send(&asked);
    assert_eq!((answer.status, answer.body.len()), (402, 0));
    assert_eq!(stage.hits(), 0);
    let (payment, request) = stage.paid(&asked);
    assert_eq!(payment.requirements["amount"], "5000");
    let answer = stage.send(&request);
    assert_eq!((answer.status, answer.broken), (200, None));
    crate::stage::receipt_of(&answer);
    stage.charged_once(&payment, 1);
}

fn preflight(stage: &mut Stage<'_>) {
    for path in ["/v1/cheap", "/v1/tiles/1/2/3", "/v1/late"] {
        let asked = stage.request("OPTIONS", path).header("origin", "https://page.example");
        let answer = stage.send(&asked.header("access-control-request-method", "GET"));
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(answer.header_text("access-control-allow-origin"), Some("*"));
        let allowed = answer.header_text("access-control-allow-headers").unwrap_or_default();
        assert!(allowed.contains("PAYMENT-SIGNATURE"), "{allowed}");
        assert_eq!(answer.count("access-control-allow-credentials"), 0);
    }
    assert_eq!(stage.hits(), 0);
    let unpaid = stage.send(&stage.get("/v1/cheap").header("origin", "https://page.example"));
    let exposed = unpaid.header_text("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("PAYMENT-REQUIRED"), "{exposed}");
}

fn not_sold(stage: &mut Stage<'_>, method: &str) {
    let answer = stage.send(&stage.request(method, "/v1/tiles/1/2/3"));
    if stage.has_front_end() && answer.status == 400 {
        // Envoy's HTTP/1 parser knows a fixed list of methods.
        return assert_eq!((method, stage.hits()), ("BREW", 0));
    }
    refused(&answer, 405, "method_not_allowed");
    let allow = answer.header_text("allow").unwrap_or_default();
    assert!(allow.contains("GET") && allow.contains("HEAD") && !allow.contains(method), "{allow}");
    assert_eq!(stage.hits(), 0);
}
