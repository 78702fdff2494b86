use proptest::prelude::*;

use super::*;

const OUTER: [Field; 5] = schema(["text", "inner", "inner.key", "inner.deep", "last"]);

const TEXT: usize = place(&OUTER, "text");
const INNER: usize = place(&OUTER, "inner");
const KEY: usize = place(&OUTER, "inner.key");

fn refusal(text: &str) -> Option<Malformed> {
    read(text, &OUTER).err()
}

#[test]
fn known_fields_are_read_and_others_skipped() {
    let text = r#" {"a":[1,{"text":2}],"te\u0078t":"\ud83c\udf6a","inner":{"z":null,"key":7}} "#;
    let outer = read(text, &OUTER).unwrap();
    assert_eq!(outer.text(TEXT), Ok(("\u{1f36a}", "text")));
    assert_eq!(outer.object(INNER), Ok(()));
    assert_eq!(outer.number(KEY), Ok(7));
    assert_eq!(outer.text(KEY), Err(Malformed::Shape("inner.key")));
    assert_eq!(outer.text(OUTER.len()), Err(Malformed::Shape("unknown field")));
}

#[test]
fn each_slot_holds_what_the_text_says_in_whatever_order() {
    let said = |text: &str| format!("{:?}", read(text, &OUTER).unwrap().slots);
    for (text, slots) in [
        (r#"{}"#, "[Absent, Absent, Absent, Absent, Absent]"),
        (
            r#"{"last":1,"inner":{"deep":2,"key":3},"text":4}"#,
            "[Number(4), Object, Number(3), Number(2), Number(1)]",
        ),
        (r#"{"inner":{},"key":1,"deep":{"inner":{}},"last":[]}"#, "[Absent, Object, Absent, Absent, Other]"),
        (r#"{"inner":null,"text":true,"last":{"key":1}}"#, "[Flag(true), Null, Absent, Absent, Other]"),
        (r#"{"inner":[{"key":1}],"text":"","last":"\/"}"#, r#"[Text(""), Other, Absent, Absent, Text("/")]"#),
    ] {
        assert_eq!(said(text), slots, "{text}");
    }
}

#[test]
fn members_are_an_objects_own() {
    let outer = read(r#"{"text":1,"inner":{"key":2},"last":3}"#, &OUTER).unwrap();
    let members: Vec<_> = outer.members(INNER).map(|(node, name)| format!("{name} {node:?}")).collect();
    assert_eq!(members, ["key Number(2)", "deep Absent"]);
    assert_eq!(outer.members(TEXT).count(), 0);
}

#[test]
fn a_known_name_appears_once() {
    let repeated = [
        r#"{"text":"a","text":"a"}"#,
        r#"{"text":null,"text":"a"}"#,
        r#"{"text":"a","\u0074ext":"b"}"#,
        r#"{"inner":{"key":1,"key":1}}"#,
        r#"{"inner":{},"inner":{}}"#,
        r#"{"inner":{},"inner":null}"#,
        r#"{"inner":[],"last":1,"inner":{"key":1}}"#,
    ];
    for text in repeated {
        assert_eq!(refusal(text), Some(Malformed::Repeated), "{text}");
    }
    assert_eq!(refusal(r#"{"other":1,"other":2}"#), None);
    assert_eq!(refusal(r#"{"other":{"text":1,"text":2}}"#), None);
    assert_eq!(refusal(r#"{"other":[1e999,"\ud800"]}"#), None, "what nobody reads");
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
    let folds_to = schema::folds_to;
    assert!(folds_to("\u{17f}ignature", "signature"));
    assert!(!folds_to("signatures", "signature") && !folds_to("signatur", "signature"));
    assert_eq!(refusal(r#"{"te\u0301xt":1,"texts":1,"":1}"#), None);
    assert_eq!(refusal(r#"{"KEY":1,"inner":{"TEXT":1}}"#), None, "another object's");
}

#[test]
fn an_array_is_not_an_object() {
    for text in [r#"["a",{"key":1}]"#, "[]", "null", "7", r#""text""#, "true"] {
        assert_eq!(refusal(text), Some(Malformed::Shape("JSON object")), "{text}");
    }
    let outer = read(r#"{"inner":[1]}"#, &OUTER).unwrap();
    assert_eq!(outer.object(INNER), Err(Malformed::Shape("inner")));
}

#[test]
fn only_non_negative_integers_are_numbers() {
    for number in ["-1", "1.0", "1e3", "18446744073709551616", "true", "null", r#""1""#, "[1]"] {
        let text = format!(r#"{{"inner":{{"key":{number}}}}}"#);
        let outer = read(&text, &OUTER).unwrap();
        assert_eq!(outer.number(KEY), Err(Malformed::Shape("inner.key")), "{number}");
    }
    for number in [0, 7, 10, 99, u64::MAX] {
        for spelled in [format!("{number}}}"), format!("{number} }}"), format!(" {number},\"x\":0}}")] {
            let text = format!("{{\"inner\":{{\"key\":{spelled}}}");
            assert_eq!(read(&text, &OUTER).unwrap().number(KEY), Ok(number), "{text}");
        }
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
        "{\"text\":01}",
        "{\"text\":+1}",
        "{\"text\":1.}",
        "{\"text\":nulls}",
        "{\"text\":}",
        "{\"text\":1\"\"}",
        "{\"text\":1;}",
        "{\"text\":\"a\u{1f}\"}",
        "{\"text\":\"a",
        "{\"text\":\"a\\",
        "{\"text\":\"a\\\"}",
        "{\"te\nxt\":1}",
        "{\"text\" 1}",
        "{\"text\":1 \"last\":1}",
        "{\"text\":1,\"last\":2,}",
        "{\"text\":1]",
        "{\"inner\":{\"key\":1}",
        "{\"a\":[1,]}",
        "{\"a\":1\"\"}",
        "{\"a\":[}",
        "{1:1}",
        "{\"text\":1e999}",
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
    let beside = format!("{{\"a\":[{}{{}}],\"inner\":{{}}}}", "[[]],".repeat(40));
    assert_eq!(refusal(&beside), None);
    for deep in ["\"a\":", "\"last\":", "\"text\":1,\"text\":", "\"inner\":{\"key\":"] {
        let ends = if deep.contains('{') { "}}" } else { "}" };
        let nested = |levels: usize| format!("{{{deep}{}{}{ends}", "[".repeat(levels), "]".repeat(levels));
        let levels = MAX_DEPTH - ends.len();
        assert_ne!(refusal(&nested(levels)), Some(Malformed::TooDeep), "{deep}");
        assert_eq!(refusal(&nested(levels + 1)), Some(Malformed::TooDeep), "{deep}");
    }
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

    /// And is refused as no JSON only if that does not read it either.
    #[test]
    fn a_member_is_read_if_and_only_if_serde_json_reads_it(
        value in r#"(\{|\}|\[|\]|"[a-z\\"/u0-9]{0,7}"|"k":|,|[0-9.eE+-]{1,6}|[1-9]|null|true|false| ){0,5}"#,
        name in "(text|key|other)",
    ) {
        let text = format!("{{\"{name}\":{value},\"inner\":{{\"key\":{value}}}}}");
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match read(&text, &OUTER) {
            Ok(outer) => {
                let theirs = theirs.unwrap();
                for (pointer, place) in [("/text", TEXT), ("/inner/key", KEY)] {
                    let theirs = theirs.pointer(pointer);
                    prop_assert_eq!(outer.text(place).ok().map(|found| found.0), theirs.and_then(|v| v.as_str()));
                    prop_assert_eq!(outer.number(place).ok(), theirs.and_then(|v| v.as_u64()));
                    prop_assert_eq!(outer.flag(place).ok(), theirs.and_then(|v| v.as_bool()));
                }
            }
            Err(Malformed::NotJson) => prop_assert!(theirs.is_err()),
            Err(_) => prop_assert!(theirs.is_ok()),
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

#[test]
fn a_schema_knows_which_fields_are_whose_members() {
    const FIELDS: [Field; 7] = schema(["a", "a.b", "a.b.c", "a.b.d", "a.e", "f", ".g"]);
    let members = FIELDS.map(|field| (field.name(), field.members()));
    assert_eq!(members, [("a", 4), ("b", 2), ("c", 0), ("d", 0), ("e", 0), ("f", 1), ("g", 0)]);
    assert_eq!((place(&FIELDS, "a"), place(&FIELDS, "a.e"), place(&FIELDS, ".g")), (0, 4, 6));
}
