use proptest::prelude::*;

use super::*;

const INNER: Schema = Schema(&[Field { name: "key", path: "inner.key", schema: None }]);
const OUTER: Schema = Schema(&[
    Field { name: "text", path: "text", schema: None },
    Field { name: "inner", path: "inner", schema: Some(&INNER) },
]);

fn refusal(text: &str) -> Option<Malformed> {
    read(text, &OUTER).err()
}

#[test]
fn known_fields_are_read_and_others_skipped() {
    let text = r#" {"a":[1,{"text":2}],"te\u0078t":"\ud83c\udf6a","inner":{"z":null,"key":7}} "#;
    let mut outer = read(text, &OUTER).unwrap();
    assert_eq!(outer.text("text").unwrap().0, "\u{1f36a}");
    assert_eq!(outer.object("inner").unwrap().number("key"), Ok(7));
    assert_eq!(outer.text("text").unwrap_err(), Malformed::Shape("text"));
    assert!(outer.text("no such field").is_err());
}

#[test]
fn a_known_name_appears_once() {
    let repeated = [
        r#"{"text":"a","text":"a"}"#,
        r#"{"text":null,"text":"a"}"#,
        r#"{"text":"a","\u0074ext":"b"}"#,
        r#"{"inner":{"key":1,"key":1}}"#,
        r#"{"inner":{},"inner":{}}"#,
    ];
    for text in repeated {
        assert_eq!(refusal(text), Some(Malformed::Repeated), "{text}");
    }
    assert_eq!(refusal(r#"{"other":1,"other":2}"#), None);
    assert_eq!(refusal(r#"{"other":{"text":1,"text":2}}"#), None);
}

/// Go's `encoding/json` would take each of these for the known name.
#[test]
fn a_name_that_folds_to_a_known_one_is_refused_even_alone() {
    for text in [
        r#"{"Text":"a"}"#,
        r#"{"TEXT":"a","text":"b"}"#,
        r#"{"inner":{"\u212aey":1}}"#,
        r#"{"inner":{"KEY":1}}"#,
    ] {
        assert_eq!(refusal(text), Some(Malformed::Repeated), "{text}");
    }
    assert!(folds_to("\u{17f}ignature", "signature"));
    assert!(!folds_to("signatures", "signature") && !folds_to("signatur", "signature"));
    assert_eq!(refusal(r#"{"te\u0301xt":1,"texts":1,"":1}"#), None);
}

#[test]
fn an_array_is_not_an_object() {
    for text in [r#"["a",{"key":1}]"#, "[]", "null", "7", r#""text""#, "true"] {
        assert_eq!(refusal(text), Some(Malformed::Shape("JSON object")), "{text}");
    }
    let mut outer = read(r#"{"inner":[1]}"#, &OUTER).unwrap();
    assert_eq!(outer.object("inner").unwrap_err(), Malformed::Shape("inner"));
}

#[test]
fn only_non_negative_integers_are_numbers() {
    for number in ["-1", "1.0", "1e3", "18446744073709551616", "true", "null", r#""1""#, "[1]"] {
        let text = format!(r#"{{"inner":{{"key":{number}}}}}"#);
        let mut inner = read(&text, &OUTER).unwrap().object("inner").unwrap();
        assert_eq!(inner.number("key"), Err(Malformed::Shape("inner.key")), "{number}");
    }
}

#[test]
fn what_is_not_one_json_text_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "{}{}",
        "{} x",
        "{,}",
        "{\"a\":1,}",
        "{'a':1}",
        "\u{feff}{}",
        "nul",
        "{\"a\":\"\n\"}",
        "{\"a\":01}",
        "{\"a\":1e999, \"text\":1e999}",
        r#"{"text":"\ud800"}"#,
        r#"{"a":"\x"}"#,
    ] {
        assert_eq!(refusal(text), Some(Malformed::NotJson), "{text:?}");
    }
}

#[test]
fn depth_is_bounded_wherever_it_is() {
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(refusal(&nested(MAX_DEPTH)), None);
    assert_eq!(refusal(&nested(MAX_DEPTH + 1)), Some(Malformed::TooDeep));
    assert_eq!(refusal(&"[".repeat(12_000)), Some(Malformed::TooDeep));
    let quoted = format!(r#"{{"a":"\\\"{}"}}"#, "[".repeat(100));
    assert_eq!(refusal(&quoted), None);
    let behind_escape = format!(r#"{{"a":"\\","b":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    assert_eq!(refusal(&behind_escape), Some(Malformed::TooDeep));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = read(&text, &OUTER);
    }

    #[test]
    fn json_like_text_is_read_only_if_serde_json_reads_it(
        text in r#"(\{|\}|\[|\]|"text"|"inner"|"key"|:|,|1|null|"\\u0041"| ){0,12}"#
    ) {
        if read(&text, &OUTER).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }

    #[test]
    fn strings_are_written_as_serde_json_writes_them(text: String, control in "[\\x00-\\x7f]*") {
        for text in [text, control] {
            let mut ours = String::new();
            push_string(&mut ours, &text);
            let back: String = serde_json::from_str(&ours).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}

proptest! {
    #[test]
    fn brackets_are_counted_as_one_by_one(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let one_by_one = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
        prop_assert_eq!(opening(&bytes), one_by_one);
    }
}

#[test]
fn every_byte_is_counted_beside_every_other() {
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            let word = [first, second, first, second, b'[', second, b'{', first];
            let one_by_one = word.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
            assert_eq!(opening(&word), one_by_one, "{word:?}");
        }
    }
}
