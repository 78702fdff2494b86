//! Who we are to a facilitator.

use serde_json::json;

use super::*;

const AUTH: &str = "/facilitators/main/auth";

fn cdp(id: Json, secret: Json) -> Json {
    json!({"cdp": {"keyId": id, "secret": secret}})
}

fn mistakes(changes: &[(&str, Json)]) -> Vec<String> {
    read(&with(changes)).unwrap_err().mistakes().iter().map(ToString::to_string).collect()
}

fn env_of(name: &str) -> Json {
    json!({"env": name})
}

#[test]
fn a_cdp_key_signs_each_call() {
    let policy = read(&with(&[
        (AUTH, cdp(env_of("CDP_API_KEY_ID"), env_of("CDP_API_KEY_SECRET"))),
        ("/facilitators/main/authority", json!("api.cdp.coinbase.com")),
    ]))
    .unwrap();
    assert_eq!(policy.warnings(), [] as [String; 0]);
    let vectors: Json = serde_json::from_str(include_str!("../../../tests/vectors/x402.json")).unwrap();
    let jwt = &vectors["extensions_offer_receipt_siwx_builder_cdp"]["cdp_jwt_eddsa"]["jwt"];
    let mut nonce = [0; 16];
    hex::decode_to_slice("00112233445566778899aabbccddeeff", &mut nonce).unwrap();
    let authorization =
        policy.facilitators[0].authorization("POST", "/platform/v2/x402/verify", 1_767_225_600, &nonce);
    assert_eq!(authorization.unwrap(), format!("Bearer {}", jwt.as_str().unwrap()));
    assert!(read(&example()).unwrap().facilitators[0].authorization("POST", "/", 0, &nonce).is_none());
    assert!(!format!("{policy:?}").contains("BwcH"));
}

#[test]
fn mistakes_in_keys_are_named_and_never_show_them() {
    let id = || env_of("CDP_API_KEY_ID");
    let literal = |text: &str| json!({"insecureLiteral": text});
    for (auth, expected) in [
        (json!({}), "facilitators.main.auth.cdp: missing"),
        (json!({"cdp": {}, "jwt": 1}), "facilitators.main.auth.jwt: unknown key"),
        (json!({"cdp": {"keyId": id()}}), "facilitators.main.auth.cdp.secret: missing"),
        (
            cdp(id(), env_of("UNSET")),
            "facilitators.main.auth.cdp.secret.env: the environment variable UNSET is not set",
        ),
        (cdp(id(), json!("MC4CAQAw")), "facilitators.main.auth.cdp.secret: a secret does not stand here"),
        (cdp(id(), env_of("TOKEN")), "facilitators.main.auth.cdp.secret: this is no private key"),
        (cdp(id(), literal("MC4CAQAw")), "facilitators.main.auth.cdp.secret: this is no private key"),
        (
            cdp(id(), env_of("SECP256K1")),
            "facilitators.main.auth.cdp.secret: Coinbase takes Ed25519 and P-256",
        ),
        (
            cdp(env_of("BROKEN"), env_of("CDP_API_KEY_SECRET")),
            "facilitators.main.auth.cdp.keyId: the value is not 1 to 256",
        ),
        (
            cdp(id(), json!({"env": "TOKEN", "prefix": "x"})),
            "facilitators.main.auth.cdp.secret.prefix: unknown key",
        ),
        (cdp(id(), json!({})), "facilitators.main.auth.cdp.secret: exactly one of env and insecureLiteral"),
    ] {
        let found = mistakes(&[(AUTH, auth.clone())]);
        assert!(found.iter().any(|mistake| mistake.starts_with(expected)), "{auth}: {found:?}");
        for secret in ["MC4CAQAw", "s3cret", "0707"] {
            assert!(!found.concat().contains(secret), "{found:?}");
        }
    }
    let halves = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==";
    let found = mistakes(&[(AUTH, cdp(id(), literal(halves)))]);
    assert_eq!(found, ["facilitators.main.auth.cdp.secret: the public half of the key does not belong to its secret half (rewrite it)"]);
}

#[test]
fn two_sources_of_one_header_clash() {
    let auth = cdp(env_of("CDP_API_KEY_ID"), env_of("CDP_API_KEY_SECRET"));
    for header in ["Authorization", "correlation-context"] {
        let headers = json!({header: {"env": "TOKEN"}});
        let found = mistakes(&[(AUTH, auth.clone()), ("/facilitators/main/headers", headers)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("facilitators.main.auth: it writes the header"), "{found:?}");
    }
}

#[test]
fn a_literal_key_is_warned_about_and_an_id_is_not() {
    let literal = |text: String| json!({"insecureLiteral": text});
    let policy =
        read(&with(&[(AUTH, cdp(literal("id".to_owned()), literal(env("CDP_API_KEY_SECRET").unwrap())))]))
            .unwrap();
    let warning =
        "facilitators.main.auth.cdp.secret: a literal value can be seen by all who read the configuration";
    assert_eq!(policy.warnings(), [warning]);
}
