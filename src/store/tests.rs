//! Calls as they are written, and replies that are not what they should be.

#![allow(clippy::string_slice, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::json;

use super::call::{id_text, Call};
use super::*;
use crate::config::Policy;
use crate::evm::address::Address;
use crate::facilitator::Delivery;

mod beside;

const ID: u64 = 0x0102_0304_0506_0708;
const BINDING: Binding = Binding([0xbb; 16]);

fn store(kind: &str, extra: &[(&str, serde_json::Value)]) -> std::sync::Arc<SharedStore> {
    let mut shared = json!({"cluster": "store", "authority": "webdis:7379", "kind": kind});
    for (key, value) in extra {
        shared[key] = value.clone();
    }
    let config = json!({
        "version": 1,
        "origin": "https://api.example.com",
        "unmatched": "deny",
        "claims": {"shared": shared},
        "routes": [{"name": "free", "match": {"path": "/**"}, "free": true}],
    });
    let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap();
    std::sync::Arc::clone(policy.shared_claims().unwrap())
}

fn who(payer: u8) -> Identity {
    Identity {
        chain_id: 8453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([payer; 20]),
        nonce: [0xcd; 32],
    }
}

fn swap<'a>(claim: &'a Name, before: Before<'a>, next: Option<&'a str>) -> Swap<'a> {
    Swap {
        id: ID,
        claim,
        binding: &BINDING,
        before,
        next,
        expires: 1_900_000_000,
        open: Change::Put(()),
        ahead: Ahead::Owing,
        payment: Change::Put("cGF5+/="),
        want_payment: true,
        due: Change::Put(1_800_000_000),
        lease: Some(1_700_000_015),
        seal: None,
    }
}

fn answered(status: u16, body: &str) -> Delivery<'_> {
    Delivery::Answered { status, from_upstream: true, body: Some(body.as_bytes()) }
}

/// An answer of either front to the call [`ID`].
fn read(words: &[&str]) -> [Reply; 2] {
    let words: Vec<&str> = words.to_vec();
    ["EVALSHA", "result"].map(|name| Reply::read(&answered(200, &json!({ name: words }).to_string()), ID))
}

#[test]
fn a_call_is_written_in_the_dialect_of_the_front() {
    let claim = Name::of(&who(2));
    let (wallet, nonce) = (hex::encode(claim.wallet), "cd".repeat(32));
    let swap = swap(&claim, Before::Absent, Some("0a"));
    let words = [
        "EVALSHA",
        call::SWAP.sha1,
        "4",
        &format!("x402:c:{wallet}:{nonce}"),
        &format!("x402:o:{wallet}:{}", "bb".repeat(16)),
        &format!("x402:p:{wallet}:{nonce}"),
        "x402:d",
        "",
        "0a",
        "1900000000",
        &format!("x402:c:{wallet}:"),
        &nonce,
        "+",
        "1",
        "cGF5+/=",
        "1800000000",
        "1700000015",
        "0102030405060708",
    ];
    let upstash = swap.call(&store("upstash", &[]), false).unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(&upstash.body).unwrap(), words);
    assert_eq!(upstash.content_type, "application/json");
    let webdis = swap.call(&store("webdis", &[]), false).unwrap();
    let escaped: Vec<String> = webdis.body.split('/').map(unescape).collect();
    assert_eq!(escaped, words);
    assert!(
        webdis.body.bytes().all(|b| b.is_ascii_alphanumeric() || b"/%-_".contains(&b)),
        "{}",
        webdis.body
    );

    for kind in ["webdis", "upstash"] {
        let full = swap.call(&store(kind, &[]), true).unwrap();
        let named = swap.call(&store(kind, &[]), false).unwrap();
        assert!(full.body.len() > named.body.len() + call::SWAP.text.len() - 100);
        let due = Due { id: ID, most: u32::MAX, waits: &[5, 30] }.call(&store(kind, &[]), false);
        let words: Vec<String> = match kind {
            "webdis" => due.body.split('/').map(unescape).collect(),
            _ => serde_json::from_str(&due.body).unwrap(),
        };
        let due = ["EVALSHA", call::DUE.sha1, "1", "x402:d", "x402:", "16", "0102030405060708", "5", "30"];
        assert_eq!(words, due);
    }
}

fn unescape(word: &str) -> String {
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.extend(hex::decode(&part[..2]).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_call_goes_where_the_operator_said() {
    let headers = json!({"x-key": {"insecureLiteral": "s3cret"}});
    let call = Call { content_type: "application/json", body: String::new() };
    for (extra, path, last) in [
        (vec![], "/", ("content-type", "application/json")),
        (vec![("pathPrefix", json!("/redis/")), ("headers", headers)], "/redis", ("x-key", "s3cret")),
    ] {
        let store = store("upstash", &extra);
        let head = store.head(&call);
        assert_eq!(head[..3], [(":method", "POST"), (":path", path), (":authority", "webdis:7379")]);
        assert_eq!(head.last(), Some(&last));
        assert_eq!((store.cluster(), store.timeout_millis()), ("store", 500));
        assert!(!format!("{store:?}").contains("s3cret"));
    }
}

#[test]
fn wallets_and_nonces_tell_claims_apart() {
    let name = Name::of(&who(2));
    assert_eq!(Name::parse(&name.text()), Some(name));
    assert_eq!((name.text().len(), name.nonce()), (97, &[0xcd; 32]));
    assert_eq!(name.sibling([1; 32]).wallet, name.wallet);
    assert_eq!(name.sibling([1; 32]).nonce(), &[1; 32]);
    for other in [
        Identity { chain_id: 1, ..who(2) },
        Identity { verifying_contract: Address::new([9; 20]), ..who(2) },
        who(3),
    ] {
        assert_ne!(Name::of(&other).wallet, name.wallet);
    }
    for text in
        ["", ":", "ab:cd", &name.text()[1..], &name.text().replace(':', "/"), &name.text().replace('c', "g")]
    {
        assert_eq!(Name::parse(text), None, "{text}");
    }
}

#[test]
fn texts_that_are_not_kept_make_no_call() {
    let (claim, store) = (Name::of(&who(2)), store("upstash", &[]));
    let long = "0".repeat(MAX_VALUE + 1);
    for value in ["", "?", "0A", "0x", "\"", "é", " 0", &long] {
        let as_next = swap(&claim, Before::Absent, Some(value));
        let as_before = swap(&claim, Before::Value(value), Some("00"));
        assert_eq!([as_next.call(&store, false), as_before.call(&store, false)], [None, None], "{value}");
    }
    assert!(swap(&claim, Before::Never, None).call(&store, false).is_some());
    assert!(swap(&claim, Before::Value(&long[1..]), Some(&long[1..])).call(&store, false).is_some());
    let long = "A".repeat(MAX_PAYMENT + 1);
    for (payment, fits) in
        [("", false), ("-", false), ("a b", false), ("\n", false), (&long, false), (&long[1..], true)]
    {
        let put = Swap { payment: Change::Put(payment), ..swap(&claim, Before::Absent, Some("00")) };
        assert_eq!(put.call(&store, false).is_some(), fits, "{} bytes", payment.len());
    }
    // Redis takes no time beyond its own, and would leave a claim without an end.
    let far =
        Swap { expires: u64::MAX, due: Change::Put(u64::MAX), ..swap(&claim, Before::Absent, Some("00")) };
    let body = far.call(&store, false).unwrap().body;
    assert_eq!(body.matches("\"4294967295\"").count(), 2, "{body}");
}

#[test]
fn an_answer_of_the_script_says_what_it_did() {
    let id = id_text(ID);
    let nonce = "ab".repeat(32);
    let open = vec![OpenClaim { nonce: [0xab; 32], value: "0b".to_owned() }];
    let differs =
        |current: Option<&str>, open| Reply::Differs { now: 7, current: current.map(str::to_owned), open };
    for (words, expected) in [
        (vec![&*id, "1", "7", ""], Reply::Written { now: 7, payment: None }),
        (vec![&*id, "1", "7", "cGF5"], Reply::Written { now: 7, payment: Some("cGF5".to_owned()) }),
        (vec![&*id, "3", "7", ""], Reply::Sealed { now: 7 }),
        (vec![&*id, "4", "7", ""], Reply::Late { now: 7 }),
        (vec![&*id, "0", "7", ""], differs(None, vec![])),
        (vec![&*id, "0", "7", "0a"], differs(Some("0a"), vec![])),
        (vec![&*id, "0", "7", "0a", &nonce, "0b"], differs(Some("0a"), open.clone())),
        (vec![&*id, "2", "7", "", &nonce, "0b"], Reply::OpenFirst { now: 7, open: open.clone() }),
        (vec![&*id, "2", "7", "0a", &nonce, "0b"], Reply::OpenFirst { now: 7, open: open.clone() }),
    ] {
        assert_eq!(read(&words), [expected.clone(), expected], "{words:?}");
    }
}

/// Nothing else may be taken for a swap that was or was not written.
#[test]
fn whatever_else_comes_leaves_it_open() {
    let id = id_text(ID);
    let other = id_text(ID + 1);
    let nonce = "ab".repeat(32);
    let (long, huge) = ("0".repeat(MAX_VALUE + 1), "0".repeat(MAX_PAYMENT + 1));
    let many: Vec<&str> =
        [&*id, "0", "7", ""].into_iter().chain([&*nonce, "0b"].repeat(MAX_OPEN + 1)).collect();
    for words in [
        &[][..] as &[&str],
        &[&id],
        &[&id, "1"],
        &[&id, "1", "7"],
        &["1", "7", ""],
        &[&other, "1", "7", ""],
        &["", "1", "7", ""],
        &[&id, "1", "7", "?"],
        &[&id, "1", "7", &huge],
        &[&id, "1", "7", "", &nonce, "0b"],
        &[&id, "2", "7", ""],
        &[&id, "4", "7", "0a"],
        &[&id, "5", "7", ""],
        &[&id, "3", "7", "0a"],
        &[&id, "3", "7", "", &nonce, "0b"],
        &[&id, "", "7", ""],
        &[&id, "1", "", ""],
        &[&id, "1", "-7", ""],
        &[&id, "1", "7.5", ""],
        &[&id, "1", "999999999999", ""],
        &[&id, "0", "7", "0A"],
        &[&id, "0", "7", "?"],
        &[&id, "0", "7", &long],
        &[&id, "0", "7", "", &nonce],
        &[&id, "0", "7", "", &nonce, ""],
        &[&id, "0", "7", "", &nonce[2..], "0b"],
        &many,
    ] {
        for reply in read(words) {
            assert_eq!(reply, Reply::Unsure(Doubt::Foreign), "{words:?}");
        }
    }
    let written = format!(r#"["{id}","1","7",""]"#);
    for (status, body, doubt) in [
        (500, format!(r#"{{"result":{written}}}"#), Doubt::Foreign),
        (201, format!(r#"{{"result":{written}}}"#), Doubt::Foreign),
        (200, format!(r#"{{"GET":{written}}}"#), Doubt::Foreign),
        (200, format!(r#"{{"result":{written},"result":{written}}}"#), Doubt::Foreign),
        (200, format!(r#"{{"result":{written},"error":"x"}}"#), Doubt::Foreign),
        (200, format!(r#"{{"result":["{id}",1,"7",""]}}"#), Doubt::Foreign),
        (200, format!(r#"{{"result":["{id}","1","7",null]}}"#), Doubt::Foreign),
        (200, r#"{"result":null}"#.to_owned(), Doubt::Foreign),
        (200, "{}".to_owned(), Doubt::Foreign),
        (200, written.clone(), Doubt::Error),
        (200, format!(r#"{{"result":{written}}} {{}}"#), Doubt::Error),
        (200, String::new(), Doubt::Error),
        (503, "<html>".to_owned(), Doubt::Error),
        (200, r#"{"EVALSHA":[true,"NOSCRIPT"]}"#.to_owned(), Doubt::Foreign),
        (200, r#"{"EVALSHA":[false,"OOM command not allowed"]}"#.to_owned(), Doubt::Error),
        (400, r#"{"error":"ERR value is not an integer"}"#.to_owned(), Doubt::Error),
        (401, r#"{"error":"Unauthorized"}"#.to_owned(), Doubt::Error),
        (200, "[".repeat(60_000), Doubt::Error),
        (200, format!("{{\"result\":{}{}}}", "[".repeat(40), "]".repeat(40)), Doubt::Error),
    ] {
        assert_eq!(Reply::read(&answered(status, &body), ID), Reply::Unsure(doubt), "{status} {body}");
    }
    let bytes =
        Delivery::Answered { status: 200, from_upstream: true, body: Some(b"{\"result\":[\"\xff\"]}") };
    assert_eq!(Reply::read(&bytes, ID), Reply::Unsure(Doubt::Error));
}

#[test]
fn what_the_host_says_of_the_call() {
    let nobody = b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, x";
    let says = |from_upstream| Delivery::Answered { status: 503, from_upstream, body: Some(nobody) };
    let moved = Delivery::arrived(307, true, Some(b"/elsewhere"), Some(b""));
    let large = Delivery::Answered { status: 200, from_upstream: true, body: None };
    let store = store("webdis", &[]);
    for (delivery, expected) in [
        (Delivery::Refused, None),
        (says(false), None),
        (says(true), Some(Doubt::Error)),
        (Delivery::Broken, Some(Doubt::Broken)),
        (moved, Some(Doubt::Error)),
        (large, Some(Doubt::TooLarge)),
    ] {
        let reply = expected.map_or(Reply::Down, Reply::Unsure);
        assert_eq!(Reply::read(&delivery, ID), reply, "{delivery:?}");
        let listed = expected.map_or(Listed::Down, Listed::Unsure);
        assert_eq!(Listed::read(&delivery, &store, ID), listed, "{delivery:?}");
    }
}

/// Redis says it in these words, Upstash's client looks for the one.
#[test]
fn a_script_that_is_not_known_is_sent() {
    for (status, body) in [
        (200, r#"{"EVALSHA":[false,"NOSCRIPT No matching script. Please use EVAL."]}"#),
        (400, r#"{"error":"NOSCRIPT No matching script. Please use EVAL."}"#),
        (400, r#"{"error":"ERR NOSCRIPT no script"}"#),
    ] {
        assert_eq!(Reply::read(&answered(status, body), ID), Reply::Unscripted);
        assert_eq!(Listed::read(&answered(status, body), &store("webdis", &[]), ID), Listed::Unscripted);
    }
}

#[test]
fn rows_that_are_strange_are_left_out_of_what_is_due() {
    let (id, store, name) = (id_text(ID), store("upstash", &[]), Name::of(&who(2)));
    let key = format!("x402:c:{}", name.text());
    let row = [&*key, "0a", "cGF5"];
    let list = |words: Vec<&str>| {
        let body = json!({ "result": words }).to_string();
        Listed::read(&answered(200, &body), &store, ID)
    };
    let claim = DueClaim { name, value: "0a".to_owned(), payment: Some("cGF5".to_owned()) };
    let bare = DueClaim { payment: None, ..claim.clone() };
    let head = [&*id, "7"];
    let strange = [
        ["x402:c:1", "0a", ""],
        ["y402:c:1", "0a", ""],
        [&*key, "0A", ""],
        [&*key, "0a", "a b"],
        [&*key, "", ""],
    ];
    let words = [&head[..], &row, &strange.concat(), &[&*key, "0a", ""]].concat();
    assert_eq!(list(words), Listed::Claims { now: 7, claims: vec![claim.clone(), bare] });
    assert_eq!(list(head.to_vec()), Listed::Claims { now: 7, claims: vec![] });
    let many = [&head[..], &row.repeat(40)].concat();
    assert!(matches!(list(many), Listed::Claims { claims, .. } if claims.len() == MAX_DUE as usize));
    for words in [vec![&*id], vec![&*id, "x"], vec![&*id, "7", &key], vec!["7"]] {
        assert_eq!(list(words), Listed::Unsure(Doubt::Foreign));
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(body in prop::collection::vec(any::<u8>(), 0..300), status in 0..600_u16) {
        let delivery = Delivery::Answered { status, from_upstream: false, body: Some(&body) };
        prop_assert!(matches!(Reply::read(&delivery, ID), Reply::Unsure(_)));
        prop_assert!(matches!(Listed::read(&delivery, &store("webdis", &[]), ID), Listed::Unsure(_)));
    }

    #[test]
    fn no_words_do_harm(words in prop::collection::vec("[0-9a-f]{0,4}|0102030405060708|(ab){32}", 0..9)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let [webdis, upstash] = read(&words);
        let sure = words.first() == Some(&"0102030405060708") && words.len() >= 4 && words.len().is_multiple_of(2);
        prop_assert!(sure || webdis == Reply::Unsure(Doubt::Foreign));
        prop_assert_eq!(webdis, upstash);
    }
}
