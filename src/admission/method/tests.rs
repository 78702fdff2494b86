use serde_json::{json, Value};

use super::*;
use crate::admission::head::fields;
use crate::admission::{admit, Admission};
use crate::protocol::abilities::Unasked;
use crate::route::effort;

fn policy(unmatched: &str) -> Policy {
    let priced =
        |name: &str, matching: Value, offer: Value| json!({"name": name, "match": matching, "offer": offer});
    let free = |name: &str, matching: Value| json!({"name": name, "match": matching, "free": true});
    let dear = json!({"price": "$5"});
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": unmatched, "settle": "before",
        "facilitators": {"main": {"cluster": "f", "authority": "f"}},
        "accepts": [{"network": "base", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "offers": {"write": {"price": "$0.01"}},
        "routes": [
            priced("all", json!({"path": "/all"}), dear.clone()),
            free("list", json!({"path": "/orders", "methods": ["GET"]})),
            priced("make", json!({"path": "/orders", "methods": ["POST"]}), json!("write")),
            priced("change", json!({"path": "/orders", "methods": ["PATCH"]}), json!("write")),
            priced("drop", json!({"path": "/orders", "methods": ["DELETE"]}), dear.clone()),
            free("free", json!({"path": "/free"})),
            free("free-get", json!({"path": "/free-get", "methods": ["GET"]})),
            priced("hosted", json!({"hosts": ["a.example"], "path": "/hosted", "methods": ["POST"]}), dear),
            free("hosted-free", json!({"hosts": ["a.example"], "path": "/hosted", "methods": ["GET"]})),
        ],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

fn asked_of(policy: &Policy, asked: (&str, &str, &str), headers: &[(&str, &[u8])]) -> &'static str {
    let (method, authority, path) = asked;
    let pairs = [(":method", method), (":authority", authority), (":path", path)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into_iter();
    let pairs: Vec<_> =
        pairs.chain(headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()))).collect();
    match admit(policy, &Head::read(&fields(&pairs)), &Unasked, 0) {
        Admission::Pass(_) => "passes",
        Admission::Refuse(_, refusal, _) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

/// What becomes of a request with one header.
fn asked(method: &str, path: &str, header: (&str, &str)) -> &'static str {
    asked_of(&policy("free"), (method, "x.example", path), &[(header.0, header.1.as_bytes())])
}

const NAME: &str = "x-http-method-override";

#[test]
fn free_by_its_own_method_and_for_sale_by_another_is_refused() {
    for name in [
        NAME,
        "x-http-method",
        "x-method-override",
        "x_http_method_override",
        "x_http_method",
        "x_method_override",
        "x-http_method_override",
    ] {
        for method in
            ["POST", "post", "dElEtE", " POST\t", "POST,GET", "GET, POST", "BREW", "HEADS", "CONNECT"]
        {
            assert_eq!(asked("GET", "/orders", (name, method)), "method_ambiguous", "{name}: {method}");
            assert_eq!(asked("HEAD", "/orders?a=b", (name, method)), "method_ambiguous", "{name}: {method}");
        }
        for method in ["GET", "get", "HEAD", "", " "] {
            assert_eq!(asked("GET", "/orders", (name, method)), "passes", "{name}: {method}");
        }
    }
    for name in
        ["x-http-methods", "http-method-override", "x-method", "x-http-method-override-x", "x.http.method"]
    {
        assert_eq!(asked("GET", "/orders", (name, "POST")), "passes", "{name}");
    }
}

#[test]
fn any_of_several_counts_and_so_does_what_is_no_text() {
    let policy = policy("free");
    let ask = |headers: &[(&str, &[u8])]| asked_of(&policy, ("GET", "x.example", "/orders"), headers);
    assert_eq!(ask(&[(NAME, b"GET"), (NAME, b"HEAD")]), "passes");
    assert_eq!(ask(&[(NAME, b"GET"), (NAME, b"POST")]), "method_ambiguous");
    assert_eq!(ask(&[(NAME, b"POST"), (NAME, b"GET")]), "method_ambiguous");
    assert_eq!(ask(&[("x-http-method", b"GET"), ("x_method_override", b"POST")]), "method_ambiguous");
    assert_eq!(ask(&[(NAME, b"PO\xffST")]), "method_ambiguous");
}

#[test]
fn a_price_is_not_paid_with_another_methods() {
    assert_eq!(asked("POST", "/orders", (NAME, "DELETE")), "method_ambiguous", "it costs more");
    assert_eq!(asked("DELETE", "/orders", (NAME, "POST")), "method_ambiguous", "it is something else");
    assert_eq!(asked("POST", "/orders", (NAME, "PUT")), "method_ambiguous", "nobody may");
    // What costs nothing, or is the same offer, is paid for.
    for method in ["POST", "PATCH", "GET"] {
        assert_eq!(asked("POST", "/orders", (NAME, method)), "payment_required", "{method}");
    }
    for method in ["GET", "DELETE", "BREW"] {
        assert_eq!(asked("POST", "/all", (NAME, method)), "payment_required", "{method}");
    }
}

#[test]
fn where_nothing_is_for_sale_methods_are_the_applications() {
    for method in ["POST", "DELETE", "BREW"] {
        assert_eq!(asked("GET", "/free", (NAME, method)), "passes", "{method}");
        assert_eq!(asked("GET", "/free-get", (NAME, method)), "passes", "{method}");
        assert_eq!(asked("GET", "/elsewhere", (NAME, method)), "passes", "{method}");
        assert_eq!(asked("PUT", "/orders", (NAME, method)), "method_not_allowed", "{method}");
    }
    let denied = asked_of(&policy("deny"), ("GET", "x.example", "/elsewhere"), &[(NAME, b"POST")]);
    assert_eq!(denied, "not_offered");
}

#[test]
fn the_host_and_every_reading_of_the_path_count() {
    let policy = policy("free");
    let ask = |host, path| asked_of(&policy, ("GET", host, path), &[(NAME, b"POST")]);
    assert_eq!(ask("a.example", "/hosted"), "method_ambiguous");
    assert_eq!(ask("b.example", "/hosted"), "passes");
    // No route of GET's is here that costs anything, so GET alone passes.
    assert_eq!(asked_of(&policy, ("GET", "x.example", "/Orders"), &[]), "passes");
    for path in ["/Orders", "/orders/", "//orders", "/%6frders", "/x/../orders"] {
        assert_eq!(ask("x.example", path), "method_ambiguous", "{path}");
    }
}

/// Routes, among them a tree of wildcards in which readings multiply, and what is sold elsewhere.
fn wild() -> Policy {
    let route = |path: String, name: String| json!({"name": name, "match": {"path": path}, "free": true});
    let mut routes = vec![route("/**".to_owned(), "all".to_owned())];
    routes.extend((1..20).map(|depth| route(format!("{}/q", "/*".repeat(depth)), format!("w{depth}"))));
    routes.push(json!({"name": "sold", "match": {"path": "/zz/zz/data", "methods": ["GET", "PUT"]}, "offer": {"price": "$1"}}));
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": "before",
        "facilitators": {"main": {"cluster": "f", "authority": "f"}},
        "accepts": [{"network": "base", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "routes": routes,
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

#[test]
fn a16_method_overrides_cost_one_look_at_the_path_however_many_there_are() {
    let policy = wild();
    let path = format!("/docs/{}", ["...%01.%01.%01.."; 20].join("/"));
    let many: Vec<String> = (0..88).map(|at| format!("M{at}")).collect();
    let ask = |values: &[&str]| {
        let headers: Vec<_> = values.iter().map(|value| (NAME, value.as_bytes())).collect();
        effort::of(|| asked_of(&policy, ("GET", "x.example", &path), &headers))
    };
    let (_, alone) = ask(&[]);
    let (verdict, one) = ask(&["GET"]);
    assert_eq!(verdict, "passes");
    assert!(alone > 500 && one <= 2 * alone, "{alone}, and {one} with a method");
    let unlisted: Vec<&str> = many.iter().map(String::as_str).collect();
    let listed = ["GET", "PUT", "HEAD", "OPTIONS", "POST", "get", "Put", "DELETE"].repeat(11);
    for values in [["GET"].repeat(88), unlisted, listed] {
        assert_eq!(ask(&values), ("passes", one), "{values:?}");
    }
}
