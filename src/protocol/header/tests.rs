use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::protocol::tests::vectors;

/// Where this reader differs from the TypeScript SDK, the strictest of the three.
const DIFFERENCES: [(&str, &str); 1] =
    [("leading_space", "whitespace around a field value is no part of it (RFC 9110, 5.5)")];

#[test]
fn base64_forms_are_read_as_the_typescript_sdk_reads_them() {
    let forms = &vectors()["base64_forms"];
    let inputs = forms["inputs"].as_object().unwrap();
    let mut different = BTreeSet::new();
    for (verdict, by) in forms["accepted_by"].as_object().unwrap() {
        let name = match verdict.as_str() {
            "url_padded(-_)" => "url_padded",
            "extra_pad(===)" => "extra_pad",
            name => name,
        };
        let ours = decode(inputs[name].as_str().unwrap().as_bytes()).is_ok();
        if ours != (by["ts"] == Value::Bool(true)) {
            different.insert(name);
        }
    }
    assert_eq!(different, DIFFERENCES.map(|(name, _)| name).into());
}

#[test]
fn every_accepted_form_says_the_same() {
    let inputs = &vectors()["base64_forms"]["inputs"];
    let decoded = |name: &str| decode(inputs[name].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(decoded("std_padded"), decoded("leading_space"));
    assert_eq!(decoded("std_unpadded"), decoded("has_pad"));
    assert_eq!(decode(b"\t eyJ9 \t\t").unwrap(), decode(b"eyJ9").unwrap());
}

#[test]
fn every_other_form_is_refused() {
    let refused: [&[u8]; 17] = [
        b"",
        b" ",
        b"=",
        b"==",
        b"A",
        b"AA=",
        b"AAA==",
        b"AA===",
        b"AAAA=",
        b"A=AA",
        b"AA A",
        b"AAA\n",
        b"AA\0A",
        b"AA-A",
        b"AA_A",
        b"AB",
        b"\xff\xfe\xfd\xfc",
    ];
    for bytes in refused {
        assert_eq!(decode(bytes), Err(Malformed::NotBase64), "{bytes:?}");
    }
}

#[test]
fn the_cap_is_on_what_was_sent() {
    assert!(decode(&[b'A'; MAX_ENCODED]).is_ok());
    assert_eq!(decode(&[b'A'; MAX_ENCODED + 1]), Err(Malformed::TooLarge));
    assert_eq!(decode(&[b' '; MAX_ENCODED + 1]), Err(Malformed::TooLarge));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>) {
        let _ = decode(&bytes);
    }

    #[test]
    fn what_was_encoded_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        prop_assert_eq!(decode(STANDARD.encode(&bytes).as_bytes()), Ok(bytes.clone()));
        prop_assert_eq!(decode(STANDARD_NO_PAD.encode(&bytes).as_bytes()), Ok(bytes));
    }
}
