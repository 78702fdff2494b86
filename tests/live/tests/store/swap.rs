//! What a swap does to the claim, and to what is kept beside it.

use x402_devstack::redis::resp::Value;
use x402_proxy_wasm::claims::bucket::to_text;
use x402_proxy_wasm::claims::{Attempt, Claim, Owes, State, Transaction};
use x402_proxy_wasm::store::{
    Ahead, Before, Change, OpenClaim, Reply, Swap, KEY_MARGIN_SECONDS, MAX_OPEN, MAX_PAYMENT,
};

use crate::rig::{fresh_id, look, name, swap, Front, Rig};

/// The only key of a kind (`c:`, `o:`, `p:`) that a front wrote.
fn only(rig: &Rig, front: &Front, kind: &str) -> String {
    let all = rig.redis.run(&["KEYS", "*"]);
    let wanted = front.key(kind);
    let found: Vec<_> = all.texts().into_iter().filter(|key| key.starts_with(&wanted)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].to_owned()
}

fn expiry(rig: &Rig, key: &str) -> i64 {
    rig.count(&["EXPIRETIME", key])
}

#[tokio::test]
async fn a_claim_is_written_over_what_was_expected_and_over_nothing_else() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, claim, end) = (front.line(), name(1, 1), rig.now() + 600);
        let differs = |current: Option<&str>| {
            let current = current.map(str::to_owned);
            move |reply: &Reply| matches!(reply, Reply::Differs { current: c, open, .. } if *c == current && open.is_empty())
        };
        assert_eq!(look(&mut line, &claim).await, None, "{}", front.kind);
        let reply = line.swap(&swap(&claim, Before::Value("00"), Some("01"), end)).await;
        assert!(differs(None)(&reply), "{reply:?}");

        let written = line.swap(&swap(&claim, Before::Absent, Some("01"), end)).await;
        let Reply::Written { now, payment: None } = written else { panic!("{written:?}") };
        assert!(now.abs_diff(rig.now()) <= 1, "the store's clock");
        for before in [Before::Absent, Before::Value("02"), Before::Value("0"), Before::Never] {
            let reply = line.swap(&swap(&claim, before, Some("03"), end)).await;
            assert!(differs(Some("01"))(&reply), "{before:?} {reply:?}");
        }
        let key = only(&rig, front, "c:");
        assert_eq!(rig.text(&["GET", &key]).as_deref(), Some("01"));
        assert_eq!(expiry(&rig, &key), (end + KEY_MARGIN_SECONDS) as i64);

        let longest = "f".repeat(1024);
        let reply = line.swap(&swap(&claim, Before::Value("01"), Some(&longest), end + 1)).await;
        assert!(matches!(reply, Reply::Written { .. }));
        assert_eq!(expiry(&rig, &key), (end + 1 + KEY_MARGIN_SECONDS) as i64, "the later end");
        assert_eq!(look(&mut line, &claim).await, Some(longest.clone()));
        let reply = line.swap(&swap(&claim, Before::Value(&longest), None, end)).await;
        assert!(matches!(reply, Reply::Written { .. }));
        assert_eq!(look(&mut line, &claim).await, None);
        assert_eq!(rig.count(&["DBSIZE"]), 0, "nothing is left behind");
    }
}

#[tokio::test]
async fn a_claim_is_kept_for_a_while_however_late_it_is_written() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, claim) = (front.line(), name(1, 1));
        for (end, before, next) in [(0, Before::Absent, "01"), (u64::MAX, Before::Value("01"), "02")] {
            let reply = line.swap(&swap(&claim, before, Some(next), end)).await;
            assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
            assert_eq!(look(&mut line, &claim).await.as_deref(), Some(next), "end {end}");
        }
        let end = expiry(&rig, &only(&rig, front, "c:"));
        assert_eq!(end, i64::from(u32::MAX) + 5, "and no longer than Redis takes");
        let reply = line.swap(&swap(&claim, Before::Value("02"), Some("03"), 1)).await;
        assert!(matches!(reply, Reply::Written { .. }));
        tokio::time::sleep(std::time::Duration::from_millis(6_100)).await;
        assert_eq!(look(&mut line, &claim).await, None, "after that it is over");
    }
}

fn open<'a>(claim: &'a x402_proxy_wasm::store::Name, next: &'a str, end: u64) -> Swap<'a> {
    Swap { open: Change::Put(()), ..swap(claim, Before::Absent, Some(next), end) }
}

fn shown(open: &[OpenClaim]) -> Vec<(u16, &str)> {
    open.iter().map(|claim| (u16::from_be_bytes([claim.nonce[0], claim.nonce[1]]), &*claim.value)).collect()
}

#[tokio::test]
async fn open_claims_of_the_wallet_come_before_a_new_one() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, end) = (front.line(), rig.now() + 600);
        let (first, second, fresh, stranger) = (name(1, 1), name(1, 2), name(1, 3), name(2, 3));
        line.swap(&open(&first, "a1", end)).await;
        line.swap(&open(&second, "a2", end + 9)).await;
        let want = |claim, before| Swap { ahead: Ahead::Owing, ..swap(claim, before, Some("a3"), end) };

        let reply = line.swap(&want(&fresh, Before::Absent)).await;
        let Reply::OpenFirst { open, .. } = &reply else { panic!("{reply:?}") };
        assert_eq!(shown(open), [(2, "a2"), (1, "a1")], "those that end last come first");
        assert_eq!(look(&mut line, &fresh).await, None, "nothing was written");

        let reply = line.swap(&want(&fresh, Before::Never)).await;
        assert!(matches!(&reply, Reply::Differs { current: None, open, .. } if open.len() == 2), "{reply:?}");
        let reply = line.swap(&want(&first, Before::Absent)).await;
        let Reply::Differs { current: Some(current), open, .. } = &reply else { panic!("{reply:?}") };
        assert_eq!((&**current, shown(open)), ("a1", vec![(2, "a2")]), "its own claim is none of the others");

        let other =
            Swap { binding: &x402_proxy_wasm::claims::Binding([8; 16]), ..want(&fresh, Before::Absent) };
        assert!(matches!(line.swap(&other).await, Reply::Written { .. }), "another purchase");
        let reply = line.swap(&want(&stranger, Before::Absent)).await;
        assert!(matches!(reply, Reply::Written { .. }), "another wallet");

        // A claim that is begun anew over one of its own is held up; one that does not ask is not.
        let reply = line.swap(&want(&fresh, Before::Value("a3"))).await;
        assert!(matches!(&reply, Reply::OpenFirst { open, .. } if open.len() == 2), "{reply:?}");
        let reply = line.swap(&Swap { ahead: Ahead::Nothing, ..want(&fresh, Before::Value("a3")) }).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
        let reply = line.swap(&swap(&name(1, 4), Before::Absent, Some("a4"), end)).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");

        // One is closed, of the other only the member is left: nothing is in the way any more.
        let closed = Swap { open: Change::Remove, ..swap(&first, Before::Value("a1"), Some("b1"), end) };
        assert!(matches!(line.swap(&closed).await, Reply::Written { .. }));
        let gone = swap(&second, Before::Value("a2"), None, end);
        assert!(matches!(line.swap(&gone).await, Reply::Written { .. }));
        let reply = line.swap(&want(&name(1, 5), Before::Absent)).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
    }
}

/// A full set keeps what it has: what would be beyond is not noted, however late it ends. And all of it
/// fits into one answer.
#[tokio::test]
async fn members_that_are_over_are_dropped_and_a_full_set_takes_no_more() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        let taken = to_text(&Claim { lease: 0, ..claim(State::Taken, now) });
        let room = u16::try_from(MAX_OPEN).expect("a number");
        for nonce in 0..room + 2 {
            let reply = line.swap(&open(&name(1, nonce), &taken, now + 600 + u64::from(nonce))).await;
            assert!(matches!(reply, Reply::Written { .. }));
        }
        let set = only(&rig, front, "o:");
        assert_eq!(rig.count(&["ZCARD", &set]), i64::from(room), "the set is bounded");
        // What stands there may be noted again.
        let first = name(1, 0);
        let again = Swap { before: Before::Value(&taken), ..open(&first, &taken, now + 999) };
        assert!(matches!(line.swap(&again).await, Reply::Written { .. }));
        assert_eq!(
            expiry(&rig, &set),
            (now + 999 + KEY_MARGIN_SECONDS) as i64,
            "it lives as long as its last member"
        );
        let fresh = name(1, 999);
        let want = Swap { ahead: Ahead::Owing, ..swap(&fresh, Before::Absent, Some("ff"), now + 600) };
        let reply = line.swap(&want).await;
        let Reply::OpenFirst { open, .. } = &reply else { panic!("{reply:?}") };
        let told: Vec<u16> = shown(open).iter().map(|(nonce, _)| *nonce).collect();
        assert_eq!(told, [0].into_iter().chain((1..room).rev()).collect::<Vec<_>>(), "{}", front.kind);
        let differs = Swap { ahead: Ahead::Owing, ..swap(&first, Before::Never, None, 0) };
        let reply = line.swap(&differs).await;
        assert!(
            matches!(&reply, Reply::Differs { current: Some(_), open, .. } if open.len() == MAX_OPEN - 1)
        );

        // As if their time had come.
        for member in rig.redis.run(&["ZRANGE", &set, "0", "-1"]).texts() {
            rig.redis.run(&["ZADD", &set, "1", member]);
        }
        let reply = line.swap(&Swap { id: fresh_id(), open: Change::Put(()), ..want }).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
        assert_eq!(rig.count(&["ZCARD", &set]), 1, "and they are dropped");
    }
}

fn claim(state: State, now: u64) -> Claim {
    Claim {
        state,
        attempt: Attempt(0x0102_0304_0506_0708),
        lease: now + 15,
        expires: now + 3_600,
        valid_before: now + 60,
        redeem_for: 3_600,
        redeems: 0,
        asks: 1,
        binding: x402_proxy_wasm::claims::Binding([9; 16]),
        settler: 0xffff_ffff,
        orphan: false,
        foreign: None,
        transaction: None,
        amount: None,
    }
}

/// The script passes over what is at work, and tells everything else: whatever a claim owes is decided
/// by whoever reads it.
#[tokio::test]
async fn what_is_at_work_is_passed_over_and_whatever_may_be_owed_is_told() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        let mut expected = Vec::new();
        let (mut nonce, mut gone) = (0, 0);
        for state in [State::Settling, State::Taken, State::Redeeming, State::Unknown] {
            for (lease, asks) in
                [(now + 256, 1), (now + 65_536, 0), (now - 1, 1), (now + 256, 2), (now + 256, 16)]
            {
                for (orphan, foreign, some) in
                    [(false, false, false), (true, false, true), (true, true, false), (false, true, true)]
                {
                    let foreign = foreign.then_some(0);
                    let transaction = some.then_some(Transaction([0x0a; 32]));
                    let owing = Claim { lease, asks, orphan, foreign, transaction, ..claim(state, now) };
                    nonce += 1;
                    line.swap(&open(&name(1, nonce), &to_text(&owing), now + 600 + u64::from(nonce))).await;
                    if owing.at(now).expect("a claim").owes() != Owes::Nothing {
                        expected.push(nonce);
                    }
                }
            }
        }
        // Of whatever form another release may write.
        let odd = [format!("04{}", "0".repeat(176)), format!("08{}", "0".repeat(174)), "04".to_owned()];
        for text in &odd {
            nonce += 1;
            line.swap(&open(&name(1, nonce), text, now + 600 + u64::from(nonce))).await;
            expected.push(nonce);
        }
        assert!(expected.len() > 30 && expected.len() < usize::from(nonce));
        let fresh = name(1, 999);
        let want = Swap { ahead: Ahead::Owing, ..swap(&fresh, Before::Absent, Some("ff"), now + 600) };
        let reply = line.swap(&want).await;
        let Reply::OpenFirst { open, .. } = &reply else { panic!("{reply:?}") };
        let mut told: Vec<u16> = shown(open).iter().map(|(nonce, _)| *nonce).collect();
        told.sort_unstable();
        assert_eq!(told, expected, "{}", front.kind);
        // Unless a wallet buys one thing at a time: then who held it and is gone, and what was tried too often,
        // is all that is passed over. What is used up is taken out.
        for (lease, told) in [(now - 1, false), (now + 256, true)] {
            nonce += 1;
            let held = Claim { lease, asks: 0, ..claim(State::Held, now) };
            line.swap(&self::open(&name(1, nonce), &to_text(&held), now + 600 + u64::from(nonce))).await;
            gone += usize::from(!told);
        }
        for over in [State::Delivered, State::Credited, State::Taken] {
            (nonce, gone) = (nonce + 1, gone + 1);
            let over = Claim { redeems: 3, transaction: Some(Transaction([0x0a; 32])), ..claim(over, now) };
            line.swap(&self::open(&name(1, nonce), &to_text(&over), now + 600 + u64::from(nonce))).await;
        }
        let set = only(&rig, front, "o:");
        let noted = rig.count(&["ZCARD", &set]);
        let reply = line.swap(&Swap { ahead: Ahead::Any(&[]), id: fresh_id(), ..want }).await;
        let Reply::OpenFirst { open, .. } = &reply else { panic!("{reply:?}") };
        assert_eq!(open.len(), usize::from(nonce) - gone, "{}", front.kind);
        // But those that are over, as a host knows: with all of them named it is written.
        let over: Vec<_> = open.iter().map(|claim| claim.nonce).collect();
        let (one, rest) = over.split_first().expect("some");
        let reply = line.swap(&Swap { ahead: Ahead::Any(rest), id: fresh_id(), ..want }).await;
        let Reply::OpenFirst { open, .. } = &reply else { panic!("{reply:?}") };
        assert_eq!(open.iter().map(|claim| claim.nonce).collect::<Vec<_>>(), [*one], "{}", front.kind);
        assert_eq!(rig.count(&["ZCARD", &set]), noted - 2, "what is used up is taken out");
    }
}

#[tokio::test]
async fn what_is_needed_to_ask_again_lives_as_long_as_its_claim() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, claim, end) = (front.line(), name(1, 1), rig.now() + 600);
        let payment = "aZ09+/-_=".repeat(MAX_PAYMENT / 9);
        let with = |before, next, end, payment, due| Swap { payment, due, ..swap(&claim, before, next, end) };
        let put = with(Before::Absent, Some("01"), end, Change::Put(&*payment), Change::Put(end - 500));
        let reply = line.swap(&put).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
        let (kept, due) = (only(&rig, front, "p:"), front.key("d"));
        assert_eq!(rig.text(&["GET", &kept]), Some(payment.clone()));
        assert_eq!(expiry(&rig, &kept), (end + KEY_MARGIN_SECONDS) as i64);
        let claim_key = only(&rig, front, "c:");
        let score = |rig: &Rig| rig.redis.run(&["ZSCORE", &due, &claim_key]);
        assert_eq!(score(&rig), Value::Bulk((end - 500).to_string()));

        let later = with(Before::Value("01"), Some("02"), end + 60, Change::Leave, Change::Leave);
        assert!(matches!(line.swap(&later).await, Reply::Written { .. }));
        assert_eq!(expiry(&rig, &kept), (end + 60 + KEY_MARGIN_SECONDS) as i64, "it stays with its claim");
        assert_eq!(score(&rig), Value::Bulk((end - 500).to_string()));

        // Told to who wants it, if it is written.
        for (before, next, told) in [("01", "02", false), ("02", "02", true)] {
            let wanted = Swap {
                want_payment: true,
                ..with(Before::Value(before), Some(next), end + 90, Change::Leave, Change::Leave)
            };
            let reply = line.swap(&wanted).await;
            assert_eq!(
                matches!(&reply, Reply::Written { payment: Some(text), .. } if *text == payment),
                told,
                "{reply:?}"
            );
            assert_eq!(matches!(reply, Reply::Differs { .. }), !told);
        }
        assert_eq!(rig.text(&["GET", &kept]), Some(payment.clone()));
        assert_eq!(expiry(&rig, &kept), (end + 90 + KEY_MARGIN_SECONDS) as i64);

        let lost = with(Before::Value("01"), Some("03"), end, Change::Remove, Change::Remove);
        assert!(matches!(line.swap(&lost).await, Reply::Differs { .. }));
        assert!(rig.exists(&kept) && score(&rig) != Value::Nil, "who differs changes nothing");

        let done = with(Before::Value("02"), Some("04"), end, Change::Remove, Change::Remove);
        assert!(matches!(line.swap(&done).await, Reply::Written { .. }));
        assert!(!rig.exists(&kept) && !rig.exists(&due));
        let none = with(Before::Value("04"), Some("05"), end, Change::Leave, Change::Leave);
        let reply = line.swap(&Swap { want_payment: true, ..none }).await;
        assert!(matches!(reply, Reply::Written { payment: None, .. }), "{reply:?}");
        assert!(!rig.exists(&kept), "and nothing is made");
        rig.redis.run(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_server_without_the_script_is_told_it() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, end) = (front.line(), rig.now() + 600);
        for nonce in 0..3 {
            rig.redis.run(&["SCRIPT", "FLUSH"]);
            let claim = name(1, nonce);
            let by_hash = swap(&claim, Before::Absent, Some("01"), end);
            assert_eq!(line.swap_once(&by_hash, false).await, Reply::Unscripted, "{}", front.kind);
            assert_eq!(look(&mut line, &claim).await, None);
            let reply = line.swap_once(&by_hash, true).await;
            assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
            // From then on the hash is enough.
            let by_hash = swap(&claim, Before::Value("01"), Some("02"), end);
            assert!(matches!(line.swap_once(&by_hash, false).await, Reply::Written { .. }));
        }
    }
}

/// What the module calls a script by is what Redis makes of its text.
#[tokio::test]
async fn hashes_are_those_of_redis() {
    let Some(rig) = Rig::start() else { return };
    let claim = name(1, 1);
    for front in &rig.fronts {
        let due = x402_proxy_wasm::store::Due { id: 1, most: 1, waits: &[1] };
        let swap = swap(&claim, Before::Never, None, 0);
        let calls = [
            (include_str!("../../../../src/store/swap.lua"), swap.call(&front.store, false).unwrap()),
            (include_str!("../../../../src/store/due.lua"), due.call(&front.store, false)),
        ];
        for (script, call) in calls {
            let hash = rig.text(&["SCRIPT", "LOAD", script]).expect("a hash");
            assert!(call.body.contains(&hash), "{hash} is not in {}", call.body);
        }
    }
}
