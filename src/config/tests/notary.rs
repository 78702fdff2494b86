//! Who signs offers and receipts.

use serde_json::json;

use super::*;

const SECTION: &str = "/offerReceipt";

fn section(format: &str, key: &str) -> Json {
    json!({"format": format, "key": {"env": key}})
}

fn mistakes(section: Json) -> Vec<String> {
    let errors = read(&with(&[(SECTION, section)])).unwrap_err();
    errors.mistakes().iter().map(ToString::to_string).collect()
}

#[test]
fn a_notary_signs_under_the_origins_name() {
    assert!(read(&example()).unwrap().notary.is_none());
    for (format, key, kind) in [
        ("jws", "OFFER_KEY", "JsonWebKey2020"),
        ("jws", "SECP256K1", "JsonWebKey2020"),
        ("eip712", "SECP256K1", "EcdsaSecp256k1RecoveryMethod2020"),
    ] {
        let policy = read(&with(&[(SECTION, section(format, key))])).unwrap();
        assert_eq!(policy.warnings(), [] as [String; 0]);
        let document = policy.notary.as_ref().unwrap().did_document(&policy.origin).unwrap();
        let document: Json = serde_json::from_str(&document).unwrap();
        let method = &document["verificationMethod"][0];
        assert_eq!(method["id"], "did:web:api.example.com#key-1");
        assert_eq!(method["type"], kind);
        assert!(!format!("{policy:?}").contains("BwcH"));
    }
}

#[test]
fn mistakes_are_named_and_never_show_the_key() {
    let with_key = |key: &str, value: Json| {
        let mut section = section("jws", "OFFER_KEY");
        section[key] = value;
        section
    };
    for (section, expected) in [
        (json!({}), "offerReceipt.format: missing (write jws or eip712)"),
        (with_key("format", json!("jwt")), "offerReceipt.format: \"jwt\" is not one of its values"),
        (with_key("key", json!(null)), "offerReceipt.key: missing"),
        (with_key("key", json!("BwcH")), "offerReceipt.key: a secret does not stand here"),
        (with_key("key", json!({"insecureLiteral": "BwcH"})), "offerReceipt.key: this is no private key"),
        (with_key("key", json!({"env": "TOKEN"})), "offerReceipt.key: this is no private key"),
        (section("eip712", "OFFER_KEY"), "offerReceipt.key: EIP-712 is signed with a secp256k1 key (use one"),
        (with_key("kid", json!("key-1")), "offerReceipt.kid: \"key-1\" is not a DID URL"),
        (with_key("kid", json!("did:web:a.com")), "offerReceipt.kid: \"did:web:a.com\" is not a DID URL"),
        (with_key("kid", json!("did:web:#k")), "offerReceipt.kid: \"did:web:#k\" is not a DID URL"),
        (with_key("kid", json!("did:web:a\"b#k")), "offerReceipt.kid: "),
        (with_key("kid", json!(7)), "offerReceipt.kid: text belongs here"),
        (
            with_key("includeTxHash", json!("yes")),
            "offerReceipt.includeTxHash: true or false belongs here, not text",
        ),
        (with_key("algorithm", json!("EdDSA")), "offerReceipt.algorithm: unknown key"),
    ] {
        let found = mistakes(section.clone());
        assert!(found.iter().any(|mistake| mistake.starts_with(expected)), "{section}: {found:?}");
        assert!(!found.concat().contains("BwcH") && !found.concat().contains("s3cret"), "{found:?}");
    }
}

#[test]
fn a_key_that_is_named_elsewhere_has_to_be_published_there() {
    for (id, warned) in [
        ("did:web:api.example.com#2026", false),
        ("did:web:keys.example.com#key-1", true),
        ("did:key:z6Mk#z6Mk", true),
    ] {
        let mut section = section("jws", "OFFER_KEY");
        section["kid"] = json!(id);
        let policy = read(&with(&[(SECTION, section)])).unwrap();
        assert_eq!(policy.warnings().len(), usize::from(warned), "{id}: {:?}", policy.warnings());
        let document = policy.notary.as_ref().unwrap().did_document(&policy.origin);
        assert_eq!(document.is_none(), warned, "{id}");
    }
}
