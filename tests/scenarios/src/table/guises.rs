//! A7, A9 and A18: requests that dress up as something free, headers that dress up as ours,
//! and what caches are told about each kind of refusal.

use x402_devstack::client::RawRequest;
use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::Payment;

use super::Table;
use crate::shop::Shop;
use crate::stage::{refused, served, Stage};

const PATH: &str = "/v1/cheap";

pub(super) fn add(table: &mut Table) {
    add_preflights(table);
    add_hosts(table);
    add_upgrades(table);
    add_spoofs(table);
    add_cookies(table);
    add_refusals(table);
}

/// A request, unpaid, that must not be served.
pub(super) fn unserved(stage: &mut Stage<'_>, request: &RawRequest) {
    let answer = stage.send(request);
    assert!(answer.status == 0 || answer.status >= 400, "{} {}", answer.status, answer.text());
    assert_eq!(stage.hits(), 0, "it was served for free");
}

fn add_preflights(table: &mut Table) {
    const ORIGIN: (&str, &str) = ("origin", "https://page.example");
    const METHOD: (&str, &str) = ("access-control-request-method", "GET");
    const HEADERS: (&str, &str) = ("access-control-request-headers", "payment-signature");
    type Lookalike = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    let lookalikes: [Lookalike; 7] = [
        ("get_with_a_preflights_headers", "GET", &[ORIGIN, METHOD, HEADERS]),
        ("head_with_a_preflights_headers", "HEAD", &[ORIGIN, METHOD, HEADERS]),
        ("options_without_an_origin", "OPTIONS", &[METHOD, HEADERS]),
        ("options_without_a_method", "OPTIONS", &[ORIGIN, HEADERS]),
        ("options_with_an_empty_method", "OPTIONS", &[ORIGIN, ("access-control-request-method", "")]),
        ("options_in_lower_case", "options", &[ORIGIN, METHOD]),
        (
            "a_preflights_headers_in_underscores",
            "OPTIONS",
            &[ORIGIN, ("access_control_request_method", "GET")],
        ),
    ];
    for (name, method, headers) in lookalikes {
        table.add(format!("a7_{name}_is_never_free"), move |stage| {
            let request = stage.request(method, PATH);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            unserved(stage, &request);
        });
    }
    table.add("a7_a_preflight_with_a_payment_spends_nothing", |stage| {
        let payment = stage.pay(&stage.get(PATH));
        let asked = stage.request("OPTIONS", PATH).header(ORIGIN.0, ORIGIN.1).header(METHOD.0, METHOD.1);
        assert_eq!(stage.send(&asked.pay(&payment)).status, 204);
        stage.untouched(&payment);
    });
    table.add("a7_a_preflight_with_a_body_forwards_nothing", |stage| {
        let asked = stage.request("OPTIONS", PATH).header(ORIGIN.0, ORIGIN.1).header(METHOD.0, METHOD.1);
        assert_eq!(stage.send(&asked.body("GET /v1/cheap HTTP/1.1\r\n\r\n")).status, 204);
        assert_eq!(stage.hits(), 0);
    });
    table.add("a7_a_preflight_for_methods_in_a_list_forwards_nothing", |stage| {
        for asked_for in ["GET, POST", "*", "get", "G E T", "\u{fc}"] {
            let asked = stage.request("OPTIONS", "/v1/tiles/1/2/3").header(ORIGIN.0, ORIGIN.1);
            stage.send(&asked.header("access-control-request-method", asked_for));
        }
        assert_eq!(stage.hits(), 0);
    });
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-path", "x-envoy-original-path"] {
        table.add(format!("a6_{}_changes_no_price", name.replace('-', "_")), move |stage| {
            unserved(stage, &stage.get(PATH).header(name, "/healthz"));
        });
    }
}

fn add_hosts(table: &mut Table) {
    // To some server each of these is `api.shop.example`.
    let aliases: [(&str, &[u8]); 12] = [
        ("a_user", b"user@api.shop.example"),
        ("a_user_and_a_password", b"user:word@api.shop.example"),
        ("another_in_front", b"elsewhere.example@api.shop.example"),
        ("a_user_behind", b"api.shop.example@"),
        ("two_ports", b"api.shop.example:80:80"),
        ("a_port_by_name", b"api.shop.example:http"),
        ("an_escaped_dot", b"api%2eshop.example"),
        ("two_dots", b"api.shop.example.."),
        ("a_list", b"api.shop.example, elsewhere.example"),
        ("a_path", b"api.shop.example/healthz"),
        ("a_backslash", b"api.shop.example\\x"),
        ("a_full_width_dot", "api\u{ff0e}shop.example".as_bytes()),
    ];
    for (name, host) in aliases {
        table.add(format!("a7_host_with_{name}_is_never_free"), move |stage| {
            let marker = stage.get("/");
            let marker = marker.headers.into_iter().find(|(name, _)| name == b"x-test-marker").expect("one");
            let asked = RawRequest::get("/hosted").header("host", host).header(marker.0, marker.1);
            unserved(stage, &asked);
        });
    }
    // A price without a host is a price under every host.
    let others: [(&str, &[u8]); 9] = [
        ("none_of_ours", b"elsewhere.example"),
        ("an_ipv6_address", b"[::1]"),
        ("an_ipv6_address_and_a_port", b"[::1]:8080"),
        ("a_mapped_address", b"[::ffff:127.0.0.1]"),
        ("an_address", b"127.0.0.1"),
        ("an_address_as_a_number", b"2130706433"),
        ("localhost", b"localhost"),
        ("a_user_elsewhere", b"shop.example@elsewhere.example"),
        ("three_hundred_letters", &[b'a'; 300]),
    ];
    for (name, host) in others {
        table.add(format!("a7_host_that_is_{name}_is_priced"), move |stage| {
            let mut asked = stage.get(PATH);
            asked.headers.retain(|(name, _)| name != b"host");
            unserved(stage, &asked.header("host", host));
        });
    }
}

fn add_upgrades(table: &mut Table) {
    let upgrades: [(&str, &[(&str, &str)]); 6] = [
        (
            "to_h2c",
            &[
                ("connection", "Upgrade, HTTP2-Settings"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMAAABkAAQAAP__"),
            ],
        ),
        ("to_tls", &[("connection", "Upgrade"), ("upgrade", "TLS/1.0")]),
        ("to_anything", &[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket, h2c")]),
        ("without_a_key", &[("connection", "upgrade"), ("upgrade", "WebSocket")]),
        ("to_nothing", &[("connection", "upgrade"), ("upgrade", "")]),
        ("by_its_name_alone", &[("upgrade", "websocket")]),
    ];
    for (name, headers) in upgrades {
        table.add(format!("a7_upgrade_{name}_is_never_free"), move |stage| {
            let request = stage.get(PATH);
            unserved(
                stage,
                &headers.iter().fold(request, |request, (name, value)| request.header(name, value)),
            );
        });
    }
    for content_type in [
        "application/grpc",
        "application/grpc+json",
        "application/grpc-web",
        "application/grpc-web-text",
        "Application/GRPC",
    ] {
        let name = content_type.replace(['/', '+', '-'], "_");
        for path in [PATH, "/v1/late"] {
            let settle = if path == PATH { "before" } else { "after" };
            table.add(format!("a7_{name}_{settle}_is_never_free"), move |stage| {
                let call = stage.request("POST", path).header("content-type", content_type);
                let answer = stage.send(&call.header("te", "trailers").body([0_u8; 5].to_vec()));
                assert!(matches!(answer.status, 200 | 400 | 402), "{}", answer.status);
                assert!(answer.status != 200 || answer.header("grpc-status").is_some(), "{answer:?}");
                assert_eq!(stage.hits(), 0, "it was served for free");
            });
        }
    }
}

fn add_spoofs(table: &mut Table) {
    table.add("a9_connection_takes_none_of_our_headers_away", |stage| {
        for nominated in ["x402-payer", "X402-Payer, x402-receipt-id, close", "x402-receipt-id"] {
            let asked = stage.get(PATH).header("connection", nominated);
            let (_, request) = stage.paid(&asked);
            served(&stage.send(&request));
            let upstream = stage.received().pop().expect("served");
            assert_eq!(upstream.header_text("x402-payer"), Some(&*stage.wallet.address().to_string()));
            assert_eq!(upstream.count("x402-receipt-id"), 1);
        }
    });
    table.add("a9_connection_hides_no_payment", |stage| {
        let (payment, request) = stage.paid(&stage.get(PATH));
        let answer = stage.send(&request.header("connection", "payment-signature"));
        // Taken off before the filter saw it, or paid with; but nothing in between.
        assert!(matches!(answer.status, 200 | 400 | 402), "{}", answer.status);
        assert_eq!(stage.hits(), u64::from(answer.status == 200));
        assert_eq!(stage.moved(&payment).len(), usize::from(answer.status == 200));
    });
    for (name, spoofed) in [
        ("twice", &[("x402-payer", "0x1"), ("x402-payer", "0x2")][..]),
        ("in_capitals", &[("X402-PAYER", "0x1"), ("x402-Payer", "0x2")]),
        ("with_nothing_in_it", &[("x402-payer", "")]),
        ("beyond_what_exists", &[("x402-", "a"), ("x402-admin", "true"), ("x402-payer-", "b")]),
    ] {
        table.add(format!("a9_payer_spoofed_{name}"), move |stage| {
            for (path, payers) in [(PATH, 1), ("/healthz", 0)] {
                let asked = stage.get(path).header("x-test-echo", "1");
                let asked = spoofed.iter().fold(asked, |asked, (name, value)| asked.header(name, value));
                let request = if payers == 1 { stage.paid(&asked).1 } else { asked };
                assert_eq!(stage.send(&request).status, 200);
                let upstream = stage.received().pop().expect("served");
                assert_eq!(upstream.count("x402-payer"), payers, "{path}");
                assert_eq!(upstream.count("x402-") + upstream.count("x402-admin"), 0, "{path}");
            }
        });
    }
    table.add("a9_the_payer_is_who_signed_and_not_who_is_named", |stage| {
        let asked = stage.get(PATH);
        let payment = stage.pay(&asked).tamper("/payer", "0x000000000000000000000000000000000000dEaD".into());
        served(&stage.send(&asked.pay(&payment)));
        let upstream = stage.received().remove(0);
        assert_eq!(upstream.header_text("x402-payer"), Some(&*stage.wallet.address().to_string()));
    });
}

fn add_cookies(table: &mut Table) {
    fn navigation(stage: &Stage<'_>) -> RawRequest {
        stage.get(PATH).header("accept", "text/html").header("sec-fetch-mode", "navigate")
    }
    fn cookie(payment: &Payment) -> String {
        format!("x402-payment={}", payment.header())
    }
    table.add("a8_two_payments_in_cookies_are_one", |stage| {
        for split in [false, true] {
            let asked = navigation(stage);
            let (one, other) = (stage.pay(&asked), stage.pay(&asked));
            let hits = stage.hits();
            let asked = if split {
                asked.header("cookie", cookie(&one)).header("cookie", cookie(&other))
            } else {
                asked.header("cookie", format!("{}; {}", cookie(&one), cookie(&other)))
            };
            served(&stage.send(&asked));
            assert_eq!(stage.moved(&one).len() + stage.moved(&other).len(), 1);
            assert_eq!(stage.hits() - hits, 1);
            assert!(stage.received().iter().all(|received| received.count("cookie") == 0));
        }
    });
    table.add("a8_a_payment_in_a_header_counts_before_one_in_a_cookie", |stage| {
        let asked = navigation(stage);
        let (named, kept) = (stage.pay(&asked), stage.pay(&asked));
        served(&stage.send(&asked.header("cookie", cookie(&kept)).pay(&named)));
        stage.charged_once(&named, 1);
        assert!(stage.calls(kept.nonce).is_empty() && stage.moved(&kept).is_empty());
    });
    for (name, spelled) in [
        ("in_capitals", "X402-Payment"),
        ("with_a_dollar", "$x402-payment"),
        ("with_a_prefix", "__Host-x402-payment"),
        ("with_a_suffix", "x402-payment2"),
        ("escaped", "x402%2Dpayment"),
        ("in_quotes", "\"x402-payment\""),
    ] {
        table.add(format!("a8_a_cookie_named_{name}_is_no_payment"), move |stage| {
            let asked = navigation(stage);
            let payment = stage.pay(&asked);
            let answer = stage.send(&asked.header("cookie", format!("{spelled}={}", payment.header())));
            assert_eq!((answer.status, answer.count("payment-required")), (402, 1));
            stage.untouched(&payment);
        });
    }
    table.add("a1_a_cookie_and_a_header_are_one_payment", |stage| {
        let asked = navigation(stage);
        let payment = stage.pay(&asked);
        served(&stage.send(&asked.clone().header("cookie", cookie(&payment))));
        let again = stage.again(&asked.pay(&payment));
        assert_eq!((again.status, again.receipt().is_some()), (402, true));
        stage.charged_once(&payment, 1);
    });
}

/// [`refused`] asserts `no-store`; here every kind of refusal that needs no trouble meets it.
fn add_refusals(table: &mut Table) {
    let kept_by_nobody =
        |table: &mut Table, name: &str, status, code: &'static str, ask: fn(&mut Stage<'_>) -> RawRequest| {
            table.add(format!("a18_{name}_is_not_stored"), move |stage| {
                let asked = ask(stage);
                let answer = stage.again(&asked);
                refused(&answer, status, code);
                let stored = ["age", "etag", "expires", "last-modified", "surrogate-control"];
                assert!(stored.iter().all(|name| answer.count(name) == 0), "{answer:?}");
            });
        };
    kept_by_nobody(table, "a_quote", 402, "payment_required", |stage| stage.get(PATH));
    kept_by_nobody(table, "a_malformed_payment", 402, "invalid_payload", |stage| {
        stage.get(PATH).header("payment-signature", "?")
    });
    kept_by_nobody(table, "a_forged_payment", 402, "invalid_exact_evm_signature", |stage| {
        let payment = stage
            .pay(&stage.get(PATH))
            .tamper("/payload/authorization/nonce", format!("0x{}", "5".repeat(64)).into());
        stage.get(PATH).pay(&payment)
    });
    kept_by_nobody(table, "a_used_payment", 402, "payment_already_used", |stage| {
        let (_, request) = stage.paid(&stage.get(PATH));
        served(&stage.send(&request));
        request
    });
    kept_by_nobody(table, "another_method", 405, "method_not_allowed", |stage| {
        stage.request("DELETE", "/v1/tiles/1/2/3")
    });
    kept_by_nobody(table, "a_payment_bound_elsewhere", 409, "payment_bound_elsewhere", |stage| {
        let payment = stage.pay(&stage.get(PATH));
        stage.send(&stage.get(PATH).header("x-test-status", "500").pay(&payment));
        stage.get("/v1/twin").pay(&payment)
    });
    table.add_in(Shop::Closed, "a18_what_is_not_offered_is_not_stored", |stage| {
        refused(&stage.send(&stage.get("/elsewhere")), 403, "not_offered");
    });
    table.add_on_lane("a18_an_open_outcome_is_not_stored", |stage| {
        let (payment, request) = stage.paid(&stage.get(stage.lane("before")));
        stage.fault(&payment, FaultKind::ResetAfter);
        super::spine::pending(&stage.send(&request));
    });
    table.add("a18_a_failure_that_was_paid_for_is_private", |stage| {
        let asked = stage.get(PATH).header("x-test-status", "500").header("x-test-h", "cache-control:public");
        let (_, request) = stage.paid(&asked);
        let answer = stage.send(&request);
        let kept = answer.header_text("cache-control").unwrap_or_default().to_owned();
        assert_eq!(answer.status, 500);
        assert!(kept.contains("private"), "{kept}");
    });
    table.add("a18_what_is_free_is_left_alone", |stage| {
        let asked = stage.get("/docs/x").header("x-test-h", "cache-control:public, max-age=60");
        let kept = stage.send(&asked).header_text("cache-control").map(str::to_owned);
        assert_eq!(kept.as_deref(), Some("public, max-age=60"));
    });
    for (name, header) in [
        ("cdn_cache_control", "CDN-Cache-Control:max-age=60"),
        ("a_vendors_cdn_cache_control", "Cloudflare-CDN-Cache-Control:max-age=60"),
        ("surrogate_control", "Surrogate-Control:max-age=60"),
        ("x_accel_expires", "X-Accel-Expires:60"),
        ("edge_control", "Edge-Control:max-age=60"),
        ("litespeeds_cache_control", "X-LiteSpeed-Cache-Control:max-age=60"),
        ("akamais_cache_control", "Akamai-Cache-Control:max-age=60"),
        ("fastlys_cache_control", "Fastly-Cache-Control:max-age=60"),
        ("an_x_cache_control", "X-Cache-Control:max-age=60"),
    ] {
        table.add(format!("a18_{name}_is_not_passed_on"), move |stage| {
            for path in [PATH, "/v1/late"] {
                let (_, request) = stage.paid(&stage.get(path).header("x-test-h", header));
                let answer = stage.send(&request);
                served(&answer);
                let name = header.split(':').next().unwrap_or_default();
                assert_eq!(answer.count(name), 0, "{path}");
            }
        });
    }
    for (name, given) in
        [("an_open_quote", "public, x=\""), ("an_escaped_quote", "public, x=\"a\\\", private, \"")]
    {
        table.add(format!("a18_{name}_hides_no_private"), move |stage| {
            let (_, request) =
                stage.paid(&stage.get(PATH).header("x-test-h", format!("cache-control:{given}")));
            let answer = stage.send(&request);
            assert_eq!((answer.status, answer.header_text("cache-control")), (200, Some("private")));
        });
    }
}
