//! The public URL and the pages that may read.

use super::*;

fn behind(changes: &[(&str, Json)]) -> Result<Policy, error::Errors> {
    let mut origin =
        json!({"trustedHops": 1, "hosts": ["api.example.com"], "fallback": "https://api.example.com/"});
    for (key, value) in changes {
        origin[*key] = value.clone();
    }
    read(&with(&[("/origin", origin)]))
}

#[test]
fn an_origin_behind_proxies_has_a_fallback() {
    let policy = behind(&[]).unwrap();
    assert_eq!((policy.origin(), policy.forwarded.as_ref().unwrap().hops()), ("https://api.example.com", 1));
    assert!(read(&example()).unwrap().forwarded.is_none());
    assert_eq!(behind(&[("fallback", json!("http://a.test"))]).unwrap().warnings().len(), 1);
    for (key, value, expected) in [
        ("trustedHops", json!(0), "origin.trustedHops: not a whole number from 1 to 8"),
        ("trustedHops", json!(9), "origin.trustedHops: not a whole number from 1 to 8"),
        ("trustedHops", json!(null), "origin.trustedHops: missing"),
        ("hosts", json!(null), "origin.hosts: missing"),
        ("hosts", json!(["*"]), "origin.hosts[0]: \"*\" does not belong here"),
        ("hosts", json!(["a.test:80"]), "origin.hosts[0]: \"a.test:80\" does not belong here"),
        ("hosts", json!([]), "origin.hosts: the list must have 1 to 64 entries"),
        ("fallback", json!(null), "origin.fallback: missing"),
        ("fallback", json!("https://a.test/x"), "origin.fallback: \"https://a.test/x\" is not https://host"),
        ("hops", json!(1), "origin.hops: unknown key"),
    ] {
        let errors = behind(&[(key, value)]).unwrap_err();
        let [mistake] = errors.mistakes() else { panic!("{expected}: {errors}") };
        assert!(mistake.to_string().starts_with(expected), "{mistake}");
    }
}

#[test]
fn pages_are_let_in_by_name_or_all_or_none() {
    let cors = |value: Json| read(&with(&[("/cors", value)])).map(|policy| policy.cors);
    assert_eq!(read(&example()).unwrap().cors, Cors::Any);
    assert_eq!(cors(json!("any")).unwrap(), Cors::Any);
    assert_eq!(cors(json!("off")).unwrap(), Cors::Off);
    assert_eq!(cors(json!(false)).unwrap(), Cors::Off, "as YAML reads off");
    let listed = cors(json!({"origins": ["HTTPS://App.Example.com:443/", "http://localhost:3000"]})).unwrap();
    assert_eq!(listed, Cors::Origins(vec!["https://app.example.com".into(), "http://localhost:3000".into()]));
    for (value, expected) in [
        (json!("on"), "cors: not one of its values"),
        (json!(true), "cors: not one of its values"),
        (json!(["https://a.test"]), "cors: not one of its values"),
        (json!({}), "cors.origins: missing"),
        (json!({"origins": []}), "cors.origins: the list must have 1 to 64 entries"),
        (json!({"origins": ["*"]}), "cors.origins[0]: \"*\" is not https://host"),
        (json!({"origins": ["null"]}), "cors.origins[0]: \"null\" is not https://host"),
        (json!({"origins": ["https://a.test"], "credentials": true}), "cors.credentials: unknown key"),
    ] {
        let errors = cors(value).unwrap_err();
        let [mistake] = errors.mistakes() else { panic!("{expected}: {errors}") };
        assert!(mistake.to_string().starts_with(expected), "{mistake}");
    }
}
