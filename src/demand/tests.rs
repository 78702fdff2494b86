//! A settlement as bytes, and what becomes of its claim.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::claims::{Next, Transaction};

pub(super) const NOW: UnixSeconds = 1_767_225_600;

/// One of many.
pub(super) fn demand(n: u64) -> Demand {
    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&n.to_be_bytes());
    Demand {
        identity: Identity {
            chain_id: 8_453,
            verifying_contract: Address::new([1; 20]),
            payer: Address::new([2; 20]),
            nonce,
        },
        binding: Binding([7; 16]),
        offered: Binding([8; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease: 15,
        settler: 77,
        amount: Some(Amount::from_u64(1_000)),
        payer: Some(Address::new([2; 20])),
        route: "tiles".into(),
        network: "base".to_owned(),
        caip2: "eip155:8453".to_owned(),
        judged: false,
        question: vec![1, 2, 3],
        body: br#"{"x402Version":2}"#.to_vec(),
    }
}

/// As it had when it was first asked for; of an account's transfer the token knows whose it is.
#[test]
fn what_is_asked_about_again_has_its_signature() {
    let body =
        |text: &str| format!(r#"{{"a":{{"signature":"{text}","b":1}},"signature":"0x9"}}"#).into_bytes();
    let whose = demand(1).identity;
    let permit = Demand {
        identity: Identity { verifying_contract: PERMIT2, ..whose },
        body: body("0xab"),
        ..demand(1)
    };
    let judged = Demand { judged: true, body: body("0xab"), ..demand(1) };
    for demand in [&permit, &judged] {
        let seal = demand.seal(NOW).unwrap();
        assert_eq!((seal.name, seal.takes), (Seal::named("0xab"), true));
        assert_eq!((seal.fingerprint, seal.expires), (demand.identity.public_hash(), NOW + 660));
        assert_eq!(demand.seal(NOW + 3_600).unwrap().expires, NOW + 4_200, "it is asked with now");
    }
    assert_eq!(Demand { judged: false, ..judged.clone() }.seal(NOW), None);
    assert_eq!(Demand { body: b"{}".to_vec(), ..judged }.seal(NOW), None);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "\\PC{0,40}", Just("é".repeat(500))]
}

prop_compose! {
    fn demands()(
        chain_id in any::<u64>(),
        addresses in prop::array::uniform3(any::<[u8; 20]>()),
        nonce in any::<[u8; 32]>(),
        bindings in prop::array::uniform2(any::<[u8; 16]>()),
        valid_before in any::<u64>(),
        numbers in prop::array::uniform3(any::<u32>()),
        amount in prop::option::of(any::<[u8; 32]>()),
        [paid_by_known, judged] in any::<[bool; 2]>(),
        texts in prop::array::uniform3(texts()),
        question in prop::collection::vec(any::<u8>(), 0..300),
        body in prop::collection::vec(any::<u8>(), 0..2_000),
    ) -> Demand {
        let [verifying_contract, wallet, payer] = addresses.map(Address::new);
        let [binding, offered] = bindings.map(Binding);
        let [redeem_for, lease, settler] = numbers;
        let [route, network, caip2] = texts;
        Demand {
            identity: Identity { chain_id, verifying_contract, payer: wallet, nonce },
            binding,
            offered,
            valid_before,
            redeem_for,
            lease,
            settler,
            amount: amount.map(Amount::from_be_bytes),
            payer: paid_by_known.then_some(payer),
            route: route.into(),
            network,
            caip2,
            judged,
            question,
            body,
        }
    }
}

proptest! {
    #[test]
    fn a_demand_survives_being_bytes(demand in demands()) {
        let bytes = demand.to_bytes().unwrap();
        prop_assert_eq!(Demand::from_bytes(&bytes), Some(demand));
    }

    #[test]
    fn bytes_are_one_demand_or_none(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Some(demand) = Demand::from_bytes(&bytes) {
            prop_assert_eq!(demand.to_bytes(), Some(bytes));
        }
    }

    #[test]
    fn bytes_changed_anywhere_do_not_panic(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = demand(1).to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Some(demand) = Demand::from_bytes(&bytes) {
            prop_assert_eq!(demand.to_bytes(), Some(bytes));
        }
    }
}

#[test]
fn bytes_that_are_short_long_or_of_another_layout_are_nobodys() {
    let good = demand(1).to_bytes().unwrap();
    for cut in 0..good.len() {
        assert_eq!(Demand::from_bytes(&good[..cut]), None, "cut at {cut}");
    }
    assert_eq!(Demand::from_bytes(&[&good[..], &[0]].concat()), None, "more than one");
    for layout in (0..=u8::MAX).filter(|layout| ![LAYOUT, LAYOUT_JUDGED].contains(layout)) {
        let mut other = good.clone();
        other[0] = layout;
        assert_eq!(Demand::from_bytes(&other), None);
    }
}

/// A demand's bytes with one of its parts, of a length of their own, in place of another.
fn with_part(index: usize, part: &[u8]) -> Vec<u8> {
    let bytes = demand(1).to_bytes().unwrap();
    let mut rest = &bytes[1 + 8 + 20 + 20 + 32 + 16 + 16 + 8 + 12..];
    let mut out = bytes[..bytes.len() - rest.len()].to_vec();
    let mut at = 0;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().unwrap();
        let (own, after) = after.split_at(usize::from(u16::from_le_bytes(*length)));
        let own = if at == index { part } else { own };
        out.extend_from_slice(&u16::try_from(own.len()).unwrap().to_le_bytes());
        out.extend_from_slice(own);
        rest = after;
        at += 1;
    }
    assert_eq!(at, 7, "an amount, a payer, three texts, a question and a body");
    out
}

#[test]
fn parts_of_the_wrong_length_or_alphabet_make_it_nobodys() {
    let (amount, payer) = (Amount::from_u64(1_000).to_be_bytes(), [2; 20]);
    assert_eq!(Demand::from_bytes(&with_part(0, &amount)), Some(demand(1)));
    for length in (0..40).filter(|length| ![0, 32].contains(length)) {
        assert_eq!(Demand::from_bytes(&with_part(0, &vec![1; length])), None, "an amount of {length} bytes");
    }
    assert_eq!(Demand::from_bytes(&with_part(0, &[])), Some(Demand { amount: None, ..demand(1) }));
    assert_eq!(Demand::from_bytes(&with_part(1, &payer)), Some(demand(1)));
    for length in (0..40).filter(|length| ![0, 20].contains(length)) {
        assert_eq!(Demand::from_bytes(&with_part(1, &vec![1; length])), None, "a payer of {length} bytes");
    }
    assert_eq!(Demand::from_bytes(&with_part(1, &[])), Some(Demand { payer: None, ..demand(1) }));
    for index in 2..5 {
        for text in [&[0xff][..], &[0xc3], &[0xed, 0xa0, 0x80]] {
            assert_eq!(Demand::from_bytes(&with_part(index, text)), None, "text {index}: {text:?}");
        }
    }
}

#[test]
fn what_is_larger_than_is_kept_is_not_cut() {
    let with = |length: usize| Demand { body: vec![b'x'; length], ..demand(1) };
    let largest = with(MAX_BODY_BYTES);
    assert_eq!(Demand::from_bytes(&largest.to_bytes().unwrap()), Some(largest));
    assert_eq!(with(MAX_BODY_BYTES + 1).to_bytes(), None);
    let long = "x".repeat(usize::from(u16::MAX) + 1);
    assert_eq!(Demand { route: long.as_str().into(), ..demand(1) }.to_bytes(), None);
    assert_eq!(Demand { caip2: long.clone(), ..demand(1) }.to_bytes(), None);
    assert_eq!(Demand { question: long.into_bytes(), ..demand(1) }.to_bytes(), None);
}

#[test]
fn a_demand_asks_for_its_own_claim_and_opens_none() {
    let begin = demand(1).begin(Attempt(9), NOW);
    let expected = Begin {
        attempt: Attempt(9),
        opening: Opening::Nothing,
        binding: Binding([7; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease: NOW + 15,
        settler: 77,
        vouched: true,
    };
    assert_eq!(begin, expected);
    let forever = Demand { lease: u32::MAX, ..demand(1) }.begin(Attempt(9), u64::MAX);
    assert_eq!(forever.lease, u64::MAX, "no time wraps");
}

/// Where the chain does not say what was burnt, the payload is known as long as its transaction is.
#[test]
fn what_only_the_facilitator_reads_is_remembered_as_long_as_its_transaction() {
    let transaction = Transaction([3; 32]);
    for (redeem_for, kept) in [(60, 3_600), (3_600, 3_600), (86_400, 86_400)] {
        let demand = Demand { payer: None, redeem_for, ..demand(1) };
        let Some((_, Op::Mark { expires, .. })) = demand.spends(&transaction, NOW) else { panic!("no mark") };
        assert_eq!(expires, NOW + kept);
        let op = demand.op(Step::Settled { transaction, deliver: true }, Attempt(9), NOW);
        let mut claim = None;
        for op in [Op::Begin(Begin { opening: Opening::Settling, ..demand.begin(Attempt(9), NOW) }), op] {
            let (Next::Put(next), _) = Claim::apply(claim, &op, NOW) else { panic!("not written") };
            claim = Some(next);
        }
        let (Next::Put(used), _) = Claim::apply(claim, &Op::Delivered { attempt: Attempt(9) }, NOW) else {
            panic!("not written")
        };
        assert!(used.at(expires).is_some(), "the payload is forgotten before its transaction");
        // Of what was forgotten while it was asked for no less.
        let (Next::Put(late), _) = Claim::apply(None, &op, NOW) else { panic!("not written") };
        assert!(late.at(expires).is_some());
    }
}

/// One claim of its payer, where the payer is the facilitator's word; and where he is proven, or the
/// chain burns what he signed, whatever the facilitator settles at once.
#[test]
fn a_transaction_pays_one_claim_of_a_payer_whom_only_the_facilitator_knows() {
    let transaction = Transaction([3; 32]);
    let spends = |demand: &Demand| demand.spends(&transaction, NOW);
    assert_eq!(spends(&demand(1)), None);
    let judged = |n| Demand { judged: true, ..demand(n) };
    let (name, op) = spends(&judged(1)).unwrap();
    assert_eq!(spends(&judged(1)), Some((name, op)), "again");
    let (same, other) = spends(&judged(2)).unwrap();
    assert_eq!(same, name);
    assert_ne!(other, op, "another claim");
    let permit2 = Identity { verifying_contract: Address::new([9; 20]), ..demand(1).identity };
    let (same, other) = spends(&Demand { identity: permit2, ..judged(1) }).unwrap();
    assert_eq!(same, name);
    assert_ne!(other, op, "another contract burns it");
    for differs in [
        Demand { payer: Some(Address::new([5; 20])), ..judged(1) },
        Demand { caip2: "eip155:1".to_owned(), ..judged(1) },
        Demand { payer: None, ..judged(1) },
    ] {
        assert_ne!(spends(&differs).unwrap().0, name);
    }
    assert_ne!(judged(1).spends(&Transaction([4; 32]), NOW).unwrap().0, name);
}

#[test]
fn each_step_of_a_settlement_is_one_op_on_its_claim() {
    let (demand, attempt, lease) = (demand(1), Attempt(9), NOW + 15);
    let transaction = Transaction([3; 32]);
    let otherwise = demand.begin(attempt, NOW);
    let settled = |deliver| Op::Settled { attempt, transaction, deliver, until: 0, otherwise };
    let steps = [
        (Step::Settled { transaction, deliver: true }, settled(Some(lease))),
        (Step::Settled { transaction, deliver: false }, settled(None)),
        (Step::Release, Op::Release { attempt }),
        (Step::Unknown, Op::Unknown { attempt }),
        (Step::Void { transaction }, Op::Void { attempt, transaction }),
        (Step::Undelivered, Op::Undelivered { attempt }),
        (Step::Orphan, Op::Orphan { attempt }),
        (Step::Move { settler: 78 }, Op::Move { attempt, lease, settler: 78 }),
        (Step::Disprove, Op::Disprove { attempt }),
        (Step::Cancel, Op::Cancel { attempt }),
    ];
    for (step, op) in steps {
        assert_eq!(demand.op(step, attempt, NOW), op, "{step:?}");
    }
}

/// A store that says one authorisation's demand is another's moves no money with it.
#[test]
fn what_is_kept_under_anothers_name_is_nobodys() {
    let text = demand(1).to_text().unwrap();
    assert_eq!(Demand::kept_for(&demand(1).identity, &text), Some(demand(1)));
    assert_eq!(Demand::kept_for(&demand(2).identity, &text), None);
    let (short, long, garbled) = (text.replacen("01", "", 1), text.clone() + "00", text.replace('0', "g"));
    for strange in ["", "0", "zz", &short, &long, &garbled] {
        assert_eq!(Demand::kept_for(&demand(1).identity, strange), None);
    }
}

/// Whoever was asked last is asked again, and if the claim does not say who that was, whoever the
/// demand was kept for.
#[test]
fn who_was_asked_last_is_who_the_claim_says() {
    let kept = Demand { settler: 7, ..demand(1) };
    let begun = |settler| {
        let terms = Begin { opening: Opening::Settling, settler, ..kept.begin(Attempt(1), NOW) };
        match Claim::apply(None, &Op::Begin(terms), NOW).0 {
            Next::Put(claim) => claim,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([begun(9), begun(0)].map(|claim| kept.asked_last(Some(&claim))), [9, 7]);
    assert_eq!(kept.asked_last(None), 7);
}
