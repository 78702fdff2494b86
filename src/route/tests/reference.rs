//! The route table of the reference server (`tests/vectors/x402.json`), pattern by pattern,
//! and every difference to it.

use serde_json::Value;

use super::{ask, routes};

/// (pattern, request, theirs, ours). The reference ignores case, slashes and one layer of
/// escapes, and lets what is left pass; here each of those is refused unless every reading
/// agrees, because the upstream decides what a path means, not the gate.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    ("/api/*", "GET /api%2Fx", "free", "refused"),
    ("/api/*", "GET /api\\x", "free", "refused"),
    // `*` is one segment in Envoy's templates, anything at all in the reference.
    ("GET /a/*/b", "GET /a/1/2/b", "priced", "free"),
    ("GET /weather", "GET /weather/", "priced", "refused"),
    ("GET /weather", "GET //weather", "priced", "refused"),
    ("GET /weather", "GET /Weather", "priced", "refused"),
    ("GET /weather", "POST /weather", "free", "405"),
    ("GET /weather", "HEAD /weather", "free", "priced"),
    ("GET /weather", "OPTIONS /weather", "free", "405"),
    ("GET /weather", "GET /%77eather", "priced", "refused"),
    ("GET /weather", "GET /weather%2F", "free", "refused"),
    ("GET /weather", "GET /weather%3Fx", "free", "refused"),
    ("GET /weather", "GET /weather;v=1", "free", "refused"),
    ("GET /weather", "GET /./weather", "free", "refused"),
    ("GET /weather", "GET /x/../weather", "free", "refused"),
    ("GET /weather", "GET /weather%0a", "free", "refused"),
    ("get /Lower", "GET /lower", "priced", "refused"),
];

#[test]
fn differs_from_the_reference_exactly_where_listed() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/x402.json")).unwrap();
    let vectors = &vectors["pricing_routing_matching"];
    let mut differences = Vec::new();
    for (pattern, matched) in vectors["routes"].as_object().unwrap() {
        let line = match pattern.as_str() {
            "/api/*" => "price /api/**",
            "*" => "price /**",
            "POST /items/[id]" => "price POST /items/{id}",
            "GET /users/:userId/posts" => "price GET /users/{userId}/posts",
            "get /Lower" => "price GET /Lower",
            other => &format!("price {other}"),
        };
        let routes = routes(&[line]);
        for request in vectors["routes_paths_tested"].as_array().unwrap() {
            let theirs = if matched.as_array().unwrap().contains(request) { "priced" } else { "free" };
            let request = request.as_str().unwrap();
            let ours = match ask(&routes, request).as_str() {
                "unmatched" => "free",
                "ambiguous" => "refused",
                answer if answer.starts_with("405") => "405",
                _ => "priced",
            };
            if theirs != ours {
                differences.push((pattern.as_str(), request, theirs, ours));
            }
        }
    }
    assert_eq!(
        differences,
        DIFFERENCES,
        "\n{}",
        differences.iter().map(|d| format!("    {d:?},\n")).collect::<String>()
    );
}
