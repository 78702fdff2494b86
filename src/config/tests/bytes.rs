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
    read_both(bytes).map_err(|errors| errors.to_string())
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

/// The example with its routes as this text, whatever that is.
fn with_routes(routes: &str) -> String {
    let mut config = example();
    let ours = config.as_object_mut().unwrap().remove("routes").unwrap().to_string();
    let rest = config.to_string();
    format!("{},{}}}", rest.strip_suffix('}').unwrap(), routes.replace('@', &ours))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Where a route ends is found without reading it: whatever stands in its texts.
    #[test]
    fn routes_end_where_they_end(texts in proptest::collection::vec(r#"[]\[{}:,"\\ a\u{e9}]{0,12}"#, 1..12)) {
        let mut config = example();
        let routes = config["routes"].as_array_mut().unwrap();
        for (place, text) in texts.iter().enumerate() {
            let own = json!({"price": "$0.01", "description": text, "labels": {"a": text}});
            routes.push(json!({"name": format!("own-{place}"), "match": {"path": format!("/{place}")}, "offer": own}));
        }
        for bytes in [config.to_string().into_bytes(), format!("{config:#}").into_bytes(), to_struct(&config)] {
            let policy = from(&bytes).unwrap();
            for (place, text) in texts.iter().enumerate() {
                let own = offer(&policy, &format!("/{place}"));
                prop_assert_eq!(own.description(), text);
            }
        }
    }
}

#[test]
fn routes_are_read_wherever_and_however_they_stand() {
    let policy = format!("{:?}", read(&example()).unwrap());
    let first = format!("{{{},{}", r#""routes":@"#, &with_routes("")[1..]);
    let ours = example()["routes"].to_string();
    let first = first.replace('@', &ours).replace(",}", "}");
    for text in [with_routes(r#""routes":@"#), with_routes(r#""\u0072outes" : @ "#), first] {
        assert_eq!(format!("{:?}", from(text.as_bytes()).unwrap()), policy, "{text}");
    }
}

#[test]
fn of_routes_that_are_there_twice_the_first_are_read() {
    let twice = "routes: the key is there twice";
    let missing = "routes[0].name: missing";
    for (text, read) in [
        (r#""routes":@,"routes":[{}]"#, false),
        (r#""routes":null,"routes":[{}]"#, true),
        (r#""routes":[{}],"routes":@"#, true),
        (r#""routes":[{}],"routes":null"#, true),
        (r#""routes":null,"routes":@,"routes":[{}]"#, false),
    ] {
        let refused = from(with_routes(text).as_bytes()).unwrap_err();
        assert!(refused.contains(twice), "{text}: {refused}");
        assert_eq!(refused.contains(missing), read, "{text}: {refused}");
    }
    let nested = from(with_routes(r#""routes":{"routes":@}"#).as_bytes()).unwrap_err();
    assert!(nested.contains("routes: a list belongs here, not an object"), "{nested}");
    let deep = from(with_routes(r#""limit":{"routes":@},"routes":@"#).as_bytes()).unwrap_err();
    assert!(deep.contains("1 mistake in") && deep.contains("limit.routes: unknown key"), "{deep}");
    for (list, why) in [("[]", "remove the key, or add one"), ("[7]", "routes[0]: an object belongs here")] {
        let refused = from(with_routes(&format!("\"routes\":{list}")).as_bytes()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let many = with_routes(&format!("\"routes\":[{}0]", "0,".repeat(200_000)));
    let refused = from(many.as_bytes()).unwrap_err();
    assert!(refused.contains("routes: the list must have 1 to 200000 entries (remove some)"), "{refused}");
}

#[test]
fn a_struct_may_say_its_routes_in_any_order() {
    let mut config = example();
    let routes = config.as_object_mut().unwrap().remove("routes").unwrap();
    let rest = to_struct(&config);
    let [key, ours] = [field(1, b"routes"), to_value(&routes)];
    let other = to_value(&serde_json::json!([{}]));
    let whole = |entry: &[&[u8]]| [rest.clone(), field(1, &entry.concat())].concat();
    let policy = format!("{:?}", read(&example()).unwrap());
    for entry in [
        whole(&[&key, &field(2, &ours)]),
        whole(&[&field(2, &ours), &key]),
        whole(&[&key, &field(2, &other), &field(2, &ours)]),
        whole(&[&key, &field(2, &[&other[..], &ours[..]].concat())]),
        whole(&[&key, &field(2, &ours), &key]),
    ] {
        assert_eq!(format!("{:?}", from(&entry).unwrap()), policy);
    }
    for (entry, why) in [
        (whole(&[&key, &field(2, &ours), &field(1, b"paywall")]), "paywall: not true or false"),
        (whole(&[&key, &field(2, &[&ours[..], &[0x08, 0]].concat())]), "routes: missing"),
    ] {
        let refused = from(&entry).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn each_name_is_held_against_the_last_of_its_kind() {
    let route = |number: usize, name: &str| {
        format!(r#"{{"name":"{name}","match":{{"path":"/{number}"}},"free":true}}"#)
    };
    let list = |names: &[&str]| {
        let routes: Vec<String> =
            names.iter().enumerate().map(|(number, name)| route(number, name)).collect();
        with_routes(&format!("\"offers\":{{}},\"routes\":[{}]", routes.join(",")))
    };
    let refused = from(list(&["a", "b", "a", "a"]).as_bytes()).unwrap_err();
    assert!(refused.contains("routes[2].name: routes[0] has the name \"a\" too"), "{refused}");
    assert!(refused.contains("routes[3].name: routes[2] has the name \"a\" too"), "{refused}");
    let names: Vec<String> = (0..2_000).map(|number| format!("r{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    let offers = |text: String| text.replacen(r#""offers":{},"#, "", 1);
    assert_eq!(from(offers(list(&names)).as_bytes()).unwrap().routes().count(), 2_000);
    names.push("r77");
    let refused = from(offers(list(&names)).as_bytes()).unwrap_err();
    assert!(
        refused.contains("1 mistake in") && refused.contains("routes[2000].name: routes[77] has"),
        "{refused}"
    );
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
