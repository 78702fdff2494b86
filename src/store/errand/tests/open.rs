//! Which claims of a wallet stand open in the store, and what is made of them.

use super::*;

/// What was tried too often is owed to nobody and makes room among the open ones; what is given back
/// uncounted is open again.
#[test]
fn a_claim_that_was_tried_too_often_is_open_no_more() {
    let open = |store: Option<Claim>, op: Op| {
        let mut store = store;
        let mut errand = away(store, op);
        loop {
            let open = errand.with_swap(1, NOW, |swap| swap.open);
            let reply = arrive(&mut store, &errand);
            match errand.on(reply, NOW) {
                Turn::Again(next) => errand = *next,
                Turn::Over { outcome, .. } => {
                    assert_eq!(outcome, Outcome::Done, "{op:?}");
                    return open;
                }
            }
        }
    };
    for (redeems, given_back, returned) in [
        (0, Change::Put(()), Change::Put(())),
        (2, Change::Put(()), Change::Put(())),
        (3, Change::Remove, Change::Put(())),
    ] {
        let claim = redeeming().map(|claim| Claim { redeems, ..claim });
        assert_eq!(open(claim, Op::Undelivered { attempt: OWN }), given_back, "{redeems}");
        assert_eq!(open(claim, Op::Return { attempt: OWN }), returned, "{redeems}");
    }
}

/// However many are told, and in whichever order: content comes first, then an answer, then patience.
#[test]
fn what_is_owed_is_found_among_many() {
    let text = |claim: Option<Claim>| to_text(&claim.expect("a claim"));
    let unknown = put(settling_claim(), &Op::Unknown { attempt: OWN });
    let orphan = put(settling_claim(), &Op::Orphan { attempt: OWN });
    let taken = put(redeeming(), &Op::Undelivered { attempt: OWN });
    let first = |open: Vec<OpenClaim>| {
        let Start::Away(errand) = Errand::start(names(), begin(Opening::Held), None, None, true, None, NOW)
        else {
            panic!("it is known here")
        };
        match errand.on(Reply::OpenFirst { now: NOW, open }, NOW) {
            Turn::Over { outcome, .. } => Some(outcome),
            Turn::Again(_) => None,
        }
    };
    let many = |extra: &[(u8, Option<Claim>)]| {
        let others = (0..250).map(|nonce| OpenClaim { nonce: [nonce; 32], value: text(redeeming()) });
        let mut open: Vec<OpenClaim> = others.collect();
        open.extend(
            extra.iter().map(|(nonce, claim)| OpenClaim { nonce: [*nonce; 32], value: text(*claim) }),
        );
        open
    };
    assert_eq!(first(many(&[])), None, "it is begun");
    assert_eq!(first(many(&[(251, orphan)])), Some(Outcome::Awaited));
    assert_eq!(first(many(&[(251, orphan), (252, unknown)])), Some(Outcome::Owed([252; 32])));
    assert_eq!(first(many(&[(251, unknown), (252, taken), (253, orphan)])), Some(Outcome::Owed([252; 32])));
}

/// Who may not buy for himself looks what his wallet is owed, and begins nothing.
#[test]
fn who_only_looks_is_told_what_is_owed_and_begins_nothing() {
    let look = begin(Opening::Nothing);
    let Start::Away(errand) = Errand::start(names(), look, None, None, true, None, NOW) else {
        panic!("known")
    };
    errand.with_swap(1, NOW, |swap| {
        assert_eq!((swap.before, swap.next, swap.want_open), (Before::Never, None, true));
    });
    let taken = put(redeeming(), &Op::Undelivered { attempt: OWN }).expect("a claim");
    let open = vec![OpenClaim { nonce: [5; 32], value: to_text(&taken) }];
    let reply = |open| Reply::Differs { now: NOW, current: None, open };
    let told = errand.clone().on(reply(open), NOW);
    assert_eq!(told, Turn::Over { outcome: Outcome::Owed([5; 32]), adopt: Some(None), undo: None });
    let told = errand.on(reply(Vec::new()), NOW);
    assert_eq!(told, Turn::Over { outcome: Outcome::Absent, adopt: Some(None), undo: None });
}
