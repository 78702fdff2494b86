//! Declarations and documents, as operators write them.

use super::*;

fn mistakes(changes: &[(&str, Json)], expected: &[&str]) {
    let errors = read(&with(changes)).unwrap_err().to_string();
    for expected in expected {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn nothing_is_declared_or_published_by_default() {
    let policy = read(&example()).unwrap();
    assert_eq!(policy.discovery, Discovery::default());
    assert!(policy.listings.routes.is_empty());
    let tile = offer(&policy, "/v1/tiles/1/2/3");
    assert_eq!(*tile.extensions, Extensions { bazaar: None, payment_identifier: None, gas_sponsoring: true });
    assert!(policy.routes().all(|route| route.template().is_none()));
}

#[test]
fn declarations_are_read() {
    let policy = read(&with(&[
        (
            "/offers/tile/bazaar",
            json!({"input": {"queryParams": {"a": [1, 0.5, -2, null]}}, "output": {"type": "png"}}),
        ),
        ("/offers/tile/paymentIdentifier", json!("required")),
        ("/offers/tile/gasSponsoring", json!("off")),
    ]))
    .unwrap();
    let tile = offer(&policy, "/v1/tiles/1/2/3");
    assert_eq!(tile.extensions.payment_identifier, Some(Identifier::Required));
    assert!(!tile.extensions.gas_sponsoring);
    assert!(!tile.v1, "version 1 has no place for a name");
    let bazaar = tile.extensions.bazaar.as_ref().unwrap();
    assert_eq!(bazaar.query.as_ref().unwrap().json, r#"{"a":[1,0.5,-2,null]}"#);
    assert_eq!(bazaar.output.as_ref().map(|output| output.kind.as_str()), Some("png"));
    assert_eq!((bazaar.method("HEAD"), bazaar.method("POST")), (Some("HEAD"), None));
    let templates: Vec<_> = policy.routes().filter_map(|route| route.template()).collect();
    assert_eq!(templates, ["/v1/tiles/:z/:x/:y"]);
}

#[test]
fn examples_are_bounded() {
    let body = |value: Json| [("/offers/tile/bazaar", json!({"input": {"body": value}}))];
    let deep = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert!(read(&with(&body(deep(16)))).is_ok());
    assert!(read(&with(&body(json!("a".repeat(4_094))))).is_ok());
    mistakes(&body(deep(17)), &["offers.tile.bazaar.input.body: the example is nested deeper than 16"]);
    mistakes(&body(json!("a".repeat(4_095))), &["longer than 4096 bytes"]);
    mistakes(&body(json!(vec![0; 3_000])), &["longer than 4096 bytes"]);
    mistakes(&body(json!(1e300)), &["too many digits"]);
    let twice = with(&body(json!({"first": 1}))).to_string().replace(r#""first":1"#, r#""a":1,"a":2"#);
    assert!(read_text(twice.as_bytes())
        .unwrap_err()
        .to_string()
        .contains("a key is there twice in the example"));
}

#[test]
fn declarations_that_contradict_themselves_are_refused() {
    let bazaar = |value: Json| [("/offers/tile/bazaar", value)];
    for (value, expected) in [
        (json!(true), "bazaar: an object belongs here"),
        (json!({"toolName": "x"}), "bazaar.toolName: unknown key"),
        (json!({"method": "get"}), "bazaar.method: \"get\" is not one of its values"),
        (json!({"method": "POST"}), "bazaar.method: does not go with the input"),
        (json!({"method": "GET", "input": {"body": {}}}), "bazaar.method: does not go with the input"),
        (json!({"input": {"bodyType": "xml"}}), "bazaar.input.bodyType: \"xml\" is not one of its values"),
        (json!({"input": {"bodyType": "text", "body": {}}}), "bazaar.input.body: an object is no text"),
        (json!({"input": {"bodyType": "form-data", "body": "a"}}), "bazaar.input.body: text is no form-data"),
        (
            json!({"input": {"queryParams": ["q"]}}),
            "bazaar.input.queryParams: an object belongs here, not a list",
        ),
        (json!({"input": {"headers": "a"}}), "bazaar.input.headers: an object belongs here"),
        (json!({"output": {"type": ""}}), "bazaar.output.type: must be 1 to 64"),
    ] {
        mistakes(&bazaar(value), &[expected]);
    }
    mistakes(&[("/offers/tile/paymentIdentifier", json!("always"))], &["write optional or required"]);
    mistakes(&[("/offers/tile/paymentIdentifier", json!(true))], &["paymentIdentifier: text belongs here"]);
    mistakes(&[("/offers/tile/gasSponsoring", json!("on"))], &["write auto or off"]);
}

#[test]
fn a_document_of_the_filters_own_is_nobody_elses_path() {
    let on = json!({"catalogue": true, "openapi": true});
    let own = |path: &str| json!({"name": "own", "match": {"path": path}, "free": true});
    for (path, key) in [("/openapi.json", "openapi"), ("/.well-known/x402", "catalogue")] {
        mistakes(
            &[("/discovery", on.clone()), ("/routes/-", own(path))],
            &[
                &format!("routes[3].match.path: {path:?} is answered by the filter itself"),
                "switch that document off",
            ],
        );
        let off = json!({key: false});
        assert!(read(&with(&[("/discovery", off), ("/routes/-", own(path))])).is_ok(), "{path}");
    }
    assert!(read(&with(&[("/discovery", on), ("/routes/-", own("/**"))])).is_ok());
    mistakes(
        &[("/discovery", json!({"openapi": "yes"}))],
        &["discovery.openapi: true or false belongs here, not text"],
    );
    mistakes(&[("/discovery", json!({"mcp": true}))], &["discovery.mcp: unknown key"]);
}
