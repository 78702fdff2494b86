//! Which claims of a wallet stand open in the store, and what is made of them.

use super::*;
use crate::store::Ahead;

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
        assert_eq!((swap.before, swap.next, swap.ahead), (Before::Never, None, Ahead::Owing));
    });
    let taken = put(redeeming(), &Op::Undelivered { attempt: OWN }).expect("a claim");
    let open = vec![OpenClaim { nonce: [5; 32], value: to_text(&taken) }];
    let reply = |open| Reply::Differs { now: NOW, current: None, open };
    let told = errand.clone().on(reply(open), NOW);
    assert_eq!(told, Turn::Over { outcome: Outcome::Owed([5; 32]), adopt: Some(None), undo: None });
    let told = errand.on(reply(Vec::new()), NOW);
    assert_eq!(told, Turn::Over { outcome: Outcome::Absent, adopt: Some(None), undo: None });
}

/// Where a wallet buys one thing at a time, what is at work comes before a new claim, but after whatever
/// is owed; and a claim stands among the open ones from its beginning.
#[test]
fn one_at_a_time_what_is_at_work_is_waited_for() {
    let start = |one_at_a_time| {
        let Start::Away(errand) = Errand::start(names(), begin(Opening::Held), None, None, true, None, NOW)
        else {
            panic!("it is known here")
        };
        errand.one_at_a_time(one_at_a_time)
    };
    // However often it looks.
    let told = |one_at_a_time, claims: &[Option<Claim>], now| {
        let mut errand = start(one_at_a_time);
        loop {
            match errand.on(told_of(claims, now), now) {
                Turn::Over { outcome, .. } => return Some(outcome),
                Turn::Again(next) if next.ahead(now) == Ahead::Nothing => return None,
                Turn::Again(next) => errand = next,
            }
        }
    };
    let taken = put(redeeming(), &Op::Undelivered { attempt: OWN });
    let used = put(redeeming(), &Op::Delivered { attempt: OWN });
    for working in [held(), settling_claim(), redeeming()] {
        assert_eq!(told(false, &[working], NOW), None, "it is begun: {working:?}");
        assert_eq!(told(true, &[working], NOW), Some(Outcome::Awaited), "{working:?}");
        assert_eq!(told(true, &[working, taken], NOW), Some(Outcome::Owed([1; 32])), "{working:?}");
    }
    assert_eq!(told(true, &[held()], LEASE), None, "whoever held it is gone");
    assert_eq!(told(true, &[redeeming()], LEASE), Some(Outcome::Owed([0; 32])), "and owes what was paid");
    assert_eq!(told(true, &[used], NOW), None);

    let open = |one| start(one).with_swap(1, NOW, |swap| swap.open);
    assert_eq!((open(false), open(true)), (Change::Leave, Change::Put(())));
    assert_eq!([start(false).ahead(NOW), start(true).ahead(NOW)], [Ahead::Owing, Ahead::Any(&[])]);
    // Used up for another, given up, or bought without a signature that names a wallet: not any more.
    let credit = Op::Credit { attempt: OWN, nonce: [8; 32] };
    for (before, op) in [(held(), credit), (held(), Op::Release { attempt: OWN })] {
        let errand = Box::new(away(before, op)).one_at_a_time(true);
        assert_eq!(errand.with_swap(1, NOW, |swap| swap.open), Change::Remove, "{op:?}");
    }
}

fn told_of(claims: &[Option<Claim>], now: UnixSeconds) -> Reply {
    let open = claims.iter().enumerate().map(|(nonce, claim)| {
        let nonce = [u8::try_from(nonce).expect("a few"); 32];
        OpenClaim { nonce, value: to_text(&claim.expect("a claim")) }
    });
    Reply::OpenFirst { now, open: open.collect() }
}

/// What was delivered here is nobody's to wait for, although the store has yet to hear of it; it is named to
/// the store, which looks at the others once more.
#[test]
fn one_at_a_time_what_was_delivered_here_is_over() {
    let over = |nonce| nonce == [0; 32];
    let start = |one_at_a_time| {
        let Start::Away(errand) = Errand::start(names(), begin(Opening::Held), None, None, true, None, NOW)
        else {
            panic!("it is known here")
        };
        errand.one_at_a_time(one_at_a_time)
    };
    let reply = || told_of(&[redeeming()], NOW);
    let Turn::Again(errand) = start(true).knowing(&reply(), over).on(reply(), NOW) else { panic!() };
    assert_eq!(errand.ahead(NOW), Ahead::Any(&[[0; 32]]));
    let another = || told_of(&[redeeming(), held()], NOW);
    let mut errand = start(true);
    let looks = std::iter::from_fn(|| match errand.clone().knowing(&another(), over).on(another(), NOW) {
        Turn::Again(next) => {
            errand = next;
            Some(())
        }
        Turn::Over { outcome, .. } => {
            assert_eq!(outcome, Outcome::Awaited);
            None
        }
    });
    assert_eq!(looks.count(), 2, "looked at twice more");
    assert_eq!(start(false).knowing(&reply(), over), start(false), "where nobody waits nothing is asked");
    // A store that goes on about it is asked so often.
    let mut errand = start(true);
    let turns = std::iter::from_fn(|| match errand.clone().knowing(&reply(), over).on(reply(), NOW) {
        Turn::Again(next) => {
            errand = next;
            Some(())
        }
        Turn::Over { outcome, .. } => {
            assert_eq!(outcome, Outcome::Unavailable);
            None
        }
    });
    assert_eq!(turns.take(20).count(), 8);
}

/// A lapsed claim of its own is begun anew like any other, and one that stands decides alone.
#[test]
fn what_comes_first_is_looked_at_where_a_claim_is_begun() {
    for (local, now, expected) in [
        (None, NOW, Ahead::Owing),
        (held(), LEASE, Ahead::Owing),
        (put(redeeming(), &Op::Undelivered { attempt: OWN }), NOW, Ahead::Nothing),
    ] {
        let Start::Away(errand) = Errand::start(names(), begin(Opening::Held), local, None, true, None, now)
        else {
            panic!("it is known here")
        };
        assert_eq!(errand.ahead(now), expected, "{local:?}");
    }
}
