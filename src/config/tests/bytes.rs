//! JSON text and binary `Struct`s, honest and hostile.

use proptest::prelude::*;

use super::*;

/// Encodes JSON as `google.protobuf.Struct`, as Envoy's own library would.
fn to_struct(value: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in value.as_object().unwrap() {
        let mut entry = field(1, key.as_bytes());
        entry.extend(field(2, &to_value(value)));
        out.extend(field(1, &entry));
    }
    out
}

fn to_value(value: &Json) -> Vec<u8> {
    match value {
        Json::Null => vec![0x08, 0],
        Json::Bool(flag) => vec![0x20, u8::from(*flag)],
        Json::Number(number) => [vec![0x11], number.as_f64().unwrap().to_le_bytes().to_vec()].concat(),
        Json::String(text) => field(3, text.as_bytes()),
        Json::Array(list) => {
            field(6, &list.iter().flat_map(|value| field(1, &to_value(value))).collect::<Vec<u8>>())
        }
        Json::Object(_) => field(5, &to_struct(value)),
    }
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    out.push(u8::try_from(len).unwrap());
    out.extend(bytes);
    out
}

fn from(bytes: &[u8]) -> Result<Policy, String> {
    Policy::from_bytes(bytes, &env).map_err(|errors| errors.to_string())
}

#[test]
fn a_struct_means_what_its_json_means() {
    let policy = from(&to_struct(&example())).unwrap();
    assert_eq!(format!("{policy:?}"), format!("{:?}", read(&example()).unwrap()));
    let refused = from(&to_struct(&with(&[("/offers/tile/price", serde_json::json!(0.005))]))).unwrap_err();
    assert!(refused.contains("quote it: \"0.005\""), "{refused}");
}

#[test]
fn a_struct_whose_length_is_a_brace_is_still_a_struct() {
    // The first entry is 0x7b bytes long: the bytes start with "\n{".
    let mut found = 0;
    for padding in 0..200 {
        let mut object = serde_json::Map::new();
        object.insert("origin".to_owned(), Json::String(format!("https://{}.com", "a".repeat(padding))));
        let bytes = to_struct(&Json::Object(object));
        if bytes.starts_with(b"\n{") {
            found += 1;
            assert!(from(&bytes).unwrap_err().contains("version: missing"));
        }
    }
    assert_eq!(found, 1);
}

#[test]
fn text_may_start_with_white_space() {
    for start in ["", "\n", "\n\n", "\r\n \t", "\u{feff}"] {
        assert!(from(format!("{start}{}\n", example()).as_bytes()).is_ok(), "{start:?}");
    }
}

#[test]
fn nothing_is_said_plainly() {
    for bytes in [&b""[..], b" \n ", b"\n"] {
        assert!(from(bytes).unwrap_err().contains("empty"));
    }
    assert!(from(b"[]").unwrap_err().contains("neither a JSON object"));
    assert!(from(b"{\"version\": }").unwrap_err().contains("not JSON: expected value at line 1 column 13"));
    assert!(from(b"\n\x05\n").unwrap_err().contains("not a google.protobuf.Struct"));
    assert!(from(b"{} x").unwrap_err().contains("not JSON: trailing characters"));
}

#[test]
fn a_key_that_is_there_twice_is_a_mistake() {
    let text = example().to_string().replacen(
        "\"settle\":\"before\"",
        "\"settle\":\"before\",\"settle\":\"after\"",
        1,
    );
    assert!(from(text.as_bytes()).unwrap_err().contains("settle: the key is there twice"));
    let twice = [to_struct(&example()), to_struct(&serde_json::json!({"settle": "after"}))].concat();
    assert!(from(&twice).unwrap_err().contains("settle: the key is there twice"));
}

#[test]
fn bombs_do_not_go_off() {
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(from(deep.as_bytes()).unwrap_err().contains("nested too deeply"));
    assert!(from(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    let mut bomb = vec![0x08, 0];
    for _ in 0..2000 {
        bomb = field(6, &field(1, &bomb));
    }
    let entry = [field(1, b"a"), field(2, &bomb)].concat();
    assert!(from(&field(1, &entry)).unwrap_err().contains("nested too deeply"));
    assert!(from(b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), start in prop::sample::select(vec!["", "{", "\n", "\n{", "{\"version\":1,"])) {
        let _ = from(&[start.as_bytes(), &bytes].concat());
    }

    #[test]
    fn no_damage_panics(at in 0..2000_usize, byte in any::<u8>(), cut in 0..2000_usize) {
        for mut bytes in [to_struct(&example()), example().to_string().into_bytes()] {
            let len = bytes.len();
            bytes[at % len] = byte;
            let _ = from(&bytes);
            let _ = from(&bytes[..cut % len]);
        }
    }
}
