//! Bytes nobody meant: they never panic, never pay, and never reach a client.

use proptest::prelude::*;

use super::*;

const REASONS: [Reason; 7] = [
    Reason::InsufficientFunds,
    Reason::Signature,
    Reason::Expired,
    Reason::NotYetValid,
    Reason::Unsupported,
    Reason::Allowance,
    Reason::Other,
];

/// The words serde accepts, so that what is drawn comes close to an answer.
fn word() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!(null)),
        Just(json!(TX)),
        Just(json!("")),
        Just(json!(PAYER)),
        Just(json!("eip155:84532")),
        Just(json!("10000")),
        Just(json!("insufficient_funds")),
        Just(json!("settlement_pending")),
        any::<i64>().prop_map(|n| json!(n)),
        ".{0,20}".prop_map(|text| json!(text)),
    ]
}

fn object() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "success",
        "errorReason",
        "transaction",
        "network",
        "payer",
        "amount",
        "isValid",
        "invalidReason",
        "x",
    ]);
    prop::collection::btree_map(key, word(), 0..9).prop_map(|fields| json!(fields))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn arbitrary_bytes_never_pay(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        status in any::<u16>(),
        from_upstream in any::<bool>(),
    ) {
        let delivery = Delivery::Answered { status, from_upstream, body: Some(&bytes) };
        prop_assert!(matches!(Answer::read(&delivery, &expected()), Answer::Unknown(_)));
        prop_assert_eq!(Verdict::read(&delivery), Verdict::Unavailable);
    }

    #[test]
    fn a_success_with_one_byte_changed_pays_only_if_it_still_says_the_same(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = success().to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Answer::Accepted(_) = read(200, &bytes) {
            let said: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&said["success"], true);
            prop_assert_eq!(&said["network"], "eip155:84532");
            prop_assert_eq!(said["transaction"].as_str().map(str::len), Some(66));
        }
    }

    #[test]
    fn near_answers_pay_only_when_everything_agrees(
        body in object(),
        status in prop::sample::select(vec![200u16, 201, 302, 400, 402, 429, 500, 503]),
        from_upstream in any::<bool>(),
    ) {
        let agrees = |key: &str, same: &str| body[key].is_null() || body[key] == "" || body[key] == same;
        let answer = answered(status, from_upstream, body.to_string().as_bytes());
        let pays = status < 300
            && body["success"] == true
            && body["transaction"] == TX
            && body["network"] == "eip155:84532"
            && agrees("payer", PAYER)
            && agrees("amount", "10000")
            && (body["errorReason"].is_null() || body["errorReason"].is_string());
        prop_assert_eq!(matches!(answer, Answer::Accepted(_)), pays, "{}", body);
        let may_release = body["success"] == false
            && status < 500
            && body["errorReason"] == "insufficient_funds"
            && (body["transaction"].is_null() || body["transaction"] == "");
        prop_assert!(!matches!(answer, Answer::Rejected(_)) || may_release, "{}", body);
        prop_assert!(answer != Answer::NotSent);
    }

    #[test]
    fn no_text_of_a_facilitators_reaches_a_client(reason in ".{0,200}", settle in any::<bool>()) {
        let body = if settle { npm(&reason) } else { json!({"isValid": false, "invalidReason": reason}) };
        let body = body.to_string();
        let delivery = Delivery::Answered { status: 200, from_upstream: true, body: Some(body.as_bytes()) };
        if let (true, Answer::Rejected(reason)) = (settle, Answer::read(&delivery, &expected())) {
            prop_assert!(told(reason));
        }
        if let (false, Verdict::Invalid(reason)) = (settle, Verdict::read(&delivery)) {
            prop_assert!(told(reason));
        }
    }
}

/// Whether what a client is told of a reason is on the closed list, with its sentence.
fn told(reason: Reason) -> bool {
    !crate::reply::code::explain(reason.code()).is_empty()
}

#[test]
fn every_reason_is_told_by_a_code_of_the_closed_list() {
    for reason in REASONS {
        assert!(told(reason), "{reason:?}");
    }
    let codes: std::collections::HashSet<_> = REASONS.map(Reason::code).into_iter().collect();
    assert_eq!(codes.len(), REASONS.len(), "one code each");
}

#[test]
fn doubts_are_told_to_the_log_in_our_own_words() {
    let doubts = [
        Doubt::Broken,
        Doubt::NotProtocol,
        Doubt::Redirected,
        Doubt::TooLarge,
        Doubt::Contradicts,
        Doubt::Inconclusive,
        Doubt::Pending,
    ];
    let texts: std::collections::HashSet<_> = doubts.map(|doubt| doubt.to_string()).into_iter().collect();
    assert_eq!(texts.len(), doubts.len());
}
