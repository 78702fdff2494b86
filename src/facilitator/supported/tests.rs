//! Answers as they are recorded, as they might be meant badly, and what they are worth.
//! `turns` is about who asks and when, `pinned` about addresses that stay.

#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::{json, Value};

use super::super::Delivery;
use super::*;

mod pinned;
mod turns;

const POOL: [&str; 3] = [
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
];

fn address(index: usize) -> Address {
    Address::parse(POOL[index]).unwrap()
}

/// What the reference facilitator answers; `member` of the pool is in it.
fn npm(member: usize) -> Value {
    json!({
        "kinds": [
            {"x402Version": 2, "scheme": "exact", "network": "eip155:84532"},
            {"x402Version": 1, "scheme": "exact", "network": "base-sepolia"},
            {"x402Version": 2, "scheme": "upto", "network": "eip155:84532",
             "extra": {"facilitatorAddress": POOL[member]}},
            {"x402Version": 2, "scheme": "exact", "network": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
             "extra": {"feePayer": "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"}},
        ],
        "extensions": ["bazaar", "eip2612GasSponsoring"],
        "signers": {"eip155:*": POOL, "solana:*": ["2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"]},
    })
}

fn fetched(body: &Value) -> Fetched {
    read(200, body.to_string().as_bytes())
}

fn read(status: u16, body: &[u8]) -> Fetched {
    Fetched::read(&Delivery::arrived(status, true, None, Some(body)))
}

fn answer(body: &Value) -> Supported {
    match fetched(body) {
        Fetched::Supported(answer) => answer,
        Fetched::Failed(trouble) => panic!("{trouble}: {body}"),
    }
}

/// A snapshot that was told this at `now`.
fn told(body: &Value, now: u64) -> Snapshot {
    Snapshot::default().on(Event::Over(fetched(body), 0), now)
}

#[test]
fn the_recorded_answers_are_read() {
    let npm = answer(&npm(1));
    assert_eq!(npm.kinds().len(), 4);
    assert_eq!(npm.extensions(), ["bazaar", "eip2612GasSponsoring"]);
    let upto = npm.kind(2, "upto", "eip155:84532").unwrap();
    assert_eq!(upto.extra.as_deref(), Some(&*format!(r#"{{"facilitatorAddress":"{}"}}"#, POOL[1])));
    assert_eq!(upto.address(), Some(address(1)));
    let rust = answer(&json!({"kinds": [
        {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "extra": null},
        {"x402Version": 2, "scheme": "exact", "network": "eip155:*"},
    ]}));
    assert_eq!((rust.kinds().len(), rust.extensions(), rust.signers.len()), (2, &[][..], 0));
    let nulls = json!({"kinds": [], "extensions": null, "signers": null});
    assert_eq!(answer(&nulls), Supported::default());
}

#[test]
fn never_told_known_and_not_settled_are_three_things() {
    let never = Snapshot::default();
    assert_eq!(never.kind(2, "exact", "eip155:84532"), Kindness::Unknown);
    assert_eq!((never.extension("bazaar"), never.knowledge()), (None, Knowledge::Never));
    assert_eq!(never.facilitator_address("eip155:84532"), None);
    assert!(!never.accepts_facilitator("eip155:84532", &address(0), 100));
    let known = told(&npm(0), 100);
    assert_eq!(known.knowledge(), Knowledge::Known(100));
    let is =
        |version, scheme, network| matches!(known.kind(version, scheme, network), Kindness::Supported(_));
    assert!(
        is(2, "exact", "eip155:84532") && is(1, "exact", "base-sepolia") && is(2, "upto", "eip155:84532")
    );
    for (version, scheme, network) in [
        (1, "exact", "eip155:84532"),
        (2, "exact", "base-sepolia"),
        (2, "exact", "eip155:8453"),
        (2, "exact", "eip155:845321"),
        (2, "Exact", "eip155:84532"),
        (1, "upto", "eip155:84532"),
    ] {
        assert_eq!(
            known.kind(version, scheme, network),
            Kindness::Unsupported,
            "{version} {scheme} {network}"
        );
    }
    assert_eq!((known.extension("bazaar"), known.extension("siwx")), (Some(true), Some(false)));
    let nothing = told(&json!({"kinds": []}), 100);
    assert_eq!(nothing.kind(2, "exact", "eip155:84532"), Kindness::Unsupported);
}

#[test]
fn a_pattern_covers_its_namespace_and_a_name_goes_before_it() {
    let answer = answer(&json!({"kinds": [
        {"x402Version": 2, "scheme": "upto", "network": "eip155:*", "extra": {"a": 1}},
        {"x402Version": 2, "scheme": "upto", "network": "eip155:8453", "extra": {"a": 2}},
        {"x402Version": 2, "scheme": "exact", "network": "*"},
        {"x402Version": 2, "scheme": "exact", "network": "eip*"},
    ]}));
    let extra = |network| answer.kind(2, "upto", network).and_then(|kind| kind.extra.clone());
    assert_eq!(extra("eip155:8453").as_deref(), Some(r#"{"a":2}"#));
    assert_eq!(extra("eip155:84532").as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(extra("solana:x"), None);
    assert_eq!(answer.kind(2, "exact", "eip155:1"), None, "a pattern of everything is none");
}

#[test]
fn what_is_no_answer_is_a_failure_by_its_name() {
    let unreadable = [
        "",
        "null",
        "[]",
        "{}",
        "true",
        "<html>",
        r#"{"kinds":null}"#,
        r#"{"kinds":{}}"#,
        r#"{"kinds":[]"#,
        r#"{"kinds":[]} {}"#,
        r#"{"kinds":[],"kinds":[]}"#,
        r#"{"Kinds":[]}"#,
        r#"{"kinds":[],"KINDS":[]}"#,
        r#"{"kinds":[],"extensions":{}}"#,
        r#"{"kinds":[],"signers":[]}"#,
        r#"{"kinds":[],"signers":{"a":{}}}"#,
        r#"{"kinds":[],"signers":{"a":"0x"}}"#,
        r#"{"kind\ud800":[]}"#,
    ];
    for body in unreadable {
        assert_eq!(read(200, body.as_bytes()), Fetched::Failed(Trouble::Unreadable), "{body}");
    }
    assert_eq!(read(200, &[0xff, b'{']), Fetched::Failed(Trouble::Unreadable));
    let whole = npm(0).to_string();
    for status in [0, 100, 199, 300, 304, 401, 404, 429, 500, 503] {
        assert_eq!(read(status, whole.as_bytes()), Fetched::Failed(Trouble::Status(status)));
    }
    assert_eq!(Fetched::read(&Delivery::Refused), Fetched::Failed(Trouble::NotSent));
    assert_eq!(Fetched::read(&Delivery::Broken), Fetched::Failed(Trouble::Broken));
    let large = Delivery::arrived(200, true, None, None);
    assert_eq!(Fetched::read(&large), Fetched::Failed(Trouble::TooLarge));
    let moved = Delivery::arrived(308, true, Some(b"https://www.example.com/x?k=1"), Some(whole.as_bytes()));
    let Fetched::Failed(trouble @ Trouble::Redirected(_)) = Fetched::read(&moved) else { panic!() };
    assert!(trouble.to_string().starts_with("answered 308 to https://www.example.com/x: "), "{trouble}");
}

#[test]
fn lists_are_bounded_and_a_kind_that_cannot_be_read_hides_no_other() {
    let kind = |n: usize| json!({"x402Version": 2, "scheme": "exact", "network": format!("eip155:{n}")});
    let kinds = |n: usize| json!({"kinds": (0..n).map(kind).collect::<Vec<_>>()});
    assert_eq!(answer(&kinds(256)).kinds().len(), 256);
    assert_eq!(fetched(&kinds(257)), Fetched::Failed(Trouble::TooMany));
    let listed = |n: usize| vec![POOL[0]; n];
    for body in [
        json!({"kinds": [], "extensions": listed(65)}),
        json!({"kinds": [], "signers": {"eip155:*": listed(65)}}),
        json!({"kinds": [], "signers": (0..65).map(|n| (n.to_string(), json!([]))).collect::<serde_json::Map<_, _>>()}),
    ] {
        assert_eq!(fetched(&body), Fetched::Failed(Trouble::TooMany));
    }
    let mixed = answer(&json!({"kinds": [
        7, null, "exact", [], {},
        {"x402Version": "2", "scheme": "exact", "network": "eip155:1"},
        {"x402Version": -2, "scheme": "exact", "network": "eip155:1"},
        {"x402Version": 2.0, "scheme": "exact", "network": "eip155:1"},
        {"x402Version": 2, "scheme": "ex act", "network": "eip155:1"},
        {"x402Version": 2, "scheme": "exact", "network": "é"},
        {"x402Version": 2, "scheme": "exact", "network": "n".repeat(129)},
        {"x402Version": 2, "scheme": "exact", "Scheme": "upto", "network": "eip155:1"},
        {"x402Version": 2, "scheme": "exact", "network": "eip155:8453", "extra": {"a": "x".repeat(1_100)}},
        {"x402Version": 2, "scheme": "exact", "network": "eip155:8453", "extra": {"later": 1}},
        {"x402Version": 2, "scheme": "exact", "network": "eip155:84532", "extra": ["a"]},
        {"x402Version": 2, "scheme": "exact", "network": "eip155:137", "extra": {}},
    ], "extensions": [7, "bazaar", "a b"], "signers": {"eip155:*": [7, "0x1"]}}));
    let read: Vec<_> = mixed.kinds().iter().map(|kind| (&*kind.network, kind.extra.as_deref())).collect();
    assert_eq!(read, [("eip155:8453", None), ("eip155:84532", None), ("eip155:137", None)]);
    assert_eq!(mixed.extensions(), ["bazaar"]);
    assert_eq!(mixed.signers, [("eip155:*".to_owned(), vec!["0x1".to_owned()])]);
}

/// Answers close to real ones.
fn near() -> impl Strategy<Value = Value> {
    let network = prop::sample::select(vec!["eip155:84532", "eip155:8453", "eip155:*", "base", "x:1"]);
    let extra = prop_oneof![
        Just(json!(null)),
        (0..3usize).prop_map(|n| json!({"facilitatorAddress": POOL[n], "name": "USDC"})),
        (0..3usize).prop_map(|n| json!({"feePayer": POOL[n], "n": [1.5, {"b": null}]})),
        ".{0,20}".prop_map(|text| json!({"facilitatorAddress": text})),
    ];
    let scheme = prop::sample::select(vec!["exact", "upto", "batch-settlement"]);
    let kind = (1..4u32, scheme, network.clone(), extra)
        .prop_map(|(v, s, n, e)| json!({"x402Version": v, "scheme": s, "network": n, "extra": e}));
    let signers = prop::option::of((network, prop::collection::vec(0..3usize, 0..3)));
    let words = prop::collection::vec("[a-z]{0,6}", 0..4);
    (prop::collection::vec(kind, 0..6), words, signers).prop_map(|(kinds, words, signers)| {
        let listed = |(network, members): (&str, Vec<usize>)| {
            json!({network: members.iter().map(|n| POOL[*n]).collect::<Vec<_>>()})
        };
        json!({"kinds": kinds, "extensions": words, "signers": signers.map(listed)})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn arbitrary_bytes_are_no_answer(bytes in prop::collection::vec(any::<u8>(), 0..300), status in any::<u16>()) {
        prop_assert!(matches!(read(status, &bytes), Fetched::Failed(_)));
    }

    #[test]
    fn an_answer_with_one_byte_changed_does_no_harm(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = npm(0).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Fetched::Supported(answer) = read(200, &bytes) {
            prop_assert!(answer.kinds().iter().all(|kind| kind.network.is_ascii() && kind.scheme.is_ascii()));
        }
    }

    #[test]
    fn what_is_stored_is_read_back(bodies in prop::collection::vec((near(), 0..2_000u64, any::<bool>()), 0..6)) {
        let mut snapshot = Snapshot::default();
        let mut now = 1_000;
        for (body, pause, broken) in bodies {
            now += pause;
            let over = if broken { Fetched::Failed(Trouble::Broken) } else { fetched(&body) };
            snapshot = snapshot.on(Event::Asking(15), now).on(Event::Over(over, pause), now);
            let bytes = snapshot.encode();
            let stored = Snapshot::decode(&bytes);
            prop_assert_eq!(stored.as_ref(), Some(&snapshot));
            for cut in 0..bytes.len() {
                prop_assert_eq!(Snapshot::decode(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn foreign_bytes_are_not_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(snapshot) = Snapshot::decode(&bytes) {
            prop_assert_eq!(snapshot.encode(), bytes);
        }
    }
}
