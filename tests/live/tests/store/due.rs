//! Claims that are handed out to be asked about.

use std::time::Duration;

use x402_proxy_wasm::claims::{Attempt, Begin, Identity, Op, Opening, Outcome};
use x402_proxy_wasm::demand::ring::waits;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::store::errand::{Errand, Start, Turn};
use x402_proxy_wasm::store::{Before, Change, DueClaim, Listed, Name, Reply, Swap, MAX_DUE};

use crate::rig::{delivery, fresh_id, name, swap, Front, Line, Rig, BINDING};

async fn put(line: &mut Line, claim: &Name, value: &str, payment: Option<&str>, end: u64, due: u64) {
    let payment = payment.map_or(Change::Leave, Change::Put);
    let put = Swap { payment, due: Change::Put(due), ..swap(claim, Before::Absent, Some(value), end) };
    let reply = line.swap(&put).await;
    assert!(matches!(reply, x402_proxy_wasm::store::Reply::Written { .. }), "{reply:?}");
}

fn claims(listed: Listed) -> Vec<DueClaim> {
    match listed {
        Listed::Claims { claims, .. } => claims,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_claim_is_handed_out_once_its_time_has_come_and_to_one_asker() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        put(&mut line, &name(1, 1), "01", Some("cGF5"), now + 600, now - 1).await;
        put(&mut line, &name(2, 2), "02", None, now + 600, now - 2).await;
        put(&mut line, &name(1, 3), "03", Some("cGF5"), now + 600, now + 300).await;

        let listed = line.due(8, &[2, 600]).await;
        let Listed::Claims { now: clock, .. } = listed else { panic!("{listed:?}") };
        assert!(clock.abs_diff(rig.now()) <= 1);
        let expected = [
            DueClaim { name: name(2, 2), value: "02".to_owned(), payment: None },
            DueClaim { name: name(1, 1), value: "01".to_owned(), payment: Some("cGF5".to_owned()) },
        ];
        assert_eq!(claims(listed), expected, "{}", front.kind);
        assert_eq!(claims(line.due(8, &[2, 600]).await), [], "they are somebody's");
        tokio::time::sleep(Duration::from_millis(3_050)).await;
        assert_eq!(claims(line.due(8, &[2, 600]).await).len(), 2, "who does not come back loses them");
        tokio::time::sleep(Duration::from_millis(3_050)).await;
        assert_eq!(claims(line.due(8, &[2, 600]).await), [], "the second time for longer");
    }
}

/// Each look puts the next one off for longer, and nothing else puts it off: not the tries of those
/// who come with a payment, however many.
#[tokio::test]
async fn a_claim_is_handed_out_later_and_later_and_no_try_puts_it_off() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, due) = (front.line(), front.key("d"));
        rig.redis.run(&["FLUSHALL"]);
        run(&mut line, &rig, begin(1, Opening::Settling, rig.now()), Some("0a0b")).await;
        run(&mut line, &rig, Op::Unknown { attempt: Attempt(1) }, None).await;
        let key = rig.redis.run(&["ZRANGE", &due, "0", "-1"]).texts()[0].to_owned();
        let score = |rig: &Rig| rig.text(&["ZSCORE", &due, &key]).unwrap().parse::<f64>().unwrap();
        let first = score(&rig);
        assert!((first - rig.now() as f64 - 2.0).abs() <= 1.0, "{first}");
        for (look, wait) in [5, 15, 30, 60, 120, 300, 300, 300, 300].into_iter().enumerate() {
            // As if its time had come.
            let moment = rig.now() as f64 - 1.0 + score(&rig).fract();
            rig.redis.run(&["ZADD", &due, &format!("{moment:.3}"), &key]);
            let attempt = look as u64 + 2;
            run(&mut line, &rig, begin(attempt, Opening::Nothing, rig.now()), None).await;
            run(&mut line, &rig, Op::Unknown { attempt: Attempt(attempt) }, None).await;
            assert_eq!(score(&rig), moment, "{}: no try puts it off", front.kind);
            let listed = claims(line.due(8, waits()).await);
            assert_eq!(listed.len(), 1, "{}: look {look}", front.kind);
            assert_eq!(listed[0].payment.as_deref(), Some("0a0b"));
            let put_off = score(&rig) - rig.now() as f64;
            assert!((put_off - f64::from(wait)).abs() <= 1.9, "{}: look {look}: {put_off}", front.kind);
            assert_eq!(claims(line.due(8, waits()).await), []);
        }
    }
}

fn begin(attempt: u64, opening: Opening, now: u64) -> Op {
    Op::Begin(Begin {
        attempt: Attempt(attempt),
        opening,
        binding: BINDING,
        valid_before: now + 600,
        redeem_for: 3_600,
        // Each try a second after the one before: what is asked about often is asked about no more often.
        lease: now + 15 + attempt,
        settler: 7,
        vouched: false,
    })
}

/// One op on the one claim, until it is written; it is told what is kept if it comes without.
async fn run(line: &mut Line, rig: &Rig, op: Op, payment: Option<&str>) {
    let identity = Identity {
        chain_id: 8453,
        verifying_contract: Address::new([3; 20]),
        payer: Address::new([1; 20]),
        nonce: [5; 32],
    };
    let (names, now) = ((identity, BINDING), rig.now());
    let start = Errand::start(names, op, None, payment.map(str::to_owned), false, None, now);
    let Start::Away(mut errand) = start else { panic!("{start:?}") };
    loop {
        let (call, id) = (fresh_id(), |swap: &Swap<'_>| swap.call(&line.front.store, true));
        let call = (call, errand.with_swap(call, now, id).expect("a call"));
        let answer = line.send(&call.1).await;
        let reply = Reply::read(&delivery(&answer), call.0);
        if let (Reply::Written { payment: told, .. }, Op::Begin(_)) = (&reply, op) {
            assert_eq!(told.as_deref(), payment.is_none().then_some("0a0b"));
        }
        match errand.on(reply, now) {
            Turn::Again(next) => errand = next,
            Turn::Over { outcome, .. } => {
                let expected = [Outcome::Granted, Outcome::Resolve(None), Outcome::Doubtful];
                assert!(expected.contains(&outcome), "{op:?}: {outcome:?}");
                return;
            }
        }
    }
}

#[tokio::test]
async fn what_is_handed_out_is_bounded() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        for nonce in 0..40 {
            put(&mut line, &name(1, nonce), "01", None, now + 600, now - 1).await;
        }
        let large = "A".repeat(x402_proxy_wasm::store::MAX_PAYMENT);
        for nonce in 40..44 {
            put(&mut line, &name(1, nonce), &"f".repeat(1024), Some(&large), now + 600, now - 9).await;
        }
        // Large ones come first, one at a time: the answer has to fit.
        let mut seen: Vec<Name> = Vec::new();
        for expected in [1, 1, 1, 1, 5, 16, 16, 3] {
            let asked = if expected == 5 { 5 } else { u32::MAX };
            let listed = claims(line.due(asked, &[600]).await);
            assert_eq!(listed.len(), expected, "{}", front.kind);
            assert!(listed.len() <= MAX_DUE as usize);
            assert!(seen.len() >= 4 || listed[0].payment.as_deref() == Some(&large));
            seen.extend(listed.iter().map(|claim| claim.name));
        }
        assert!((0..44).all(|nonce| seen.contains(&name(1, nonce))), "none is passed over");
        assert_eq!(seen.len(), 44, "none twice");
    }
}

#[tokio::test]
async fn what_is_gone_or_not_ours_is_not_handed_out() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now, due) = (front.line(), rig.now(), front.key("d"));
        let (gone, kept) = (name(1, 1), name(1, 2));
        put(&mut line, &gone, "01", None, now + 600, now - 9).await;
        line.swap(&swap(&gone, Before::Value("01"), None, 0)).await;
        put(&mut line, &kept, "02", None, now + 600, now - 1).await;
        strange(&rig, front, &due);
        let listed = claims(line.due(16, &[600]).await);
        assert_eq!(listed, [DueClaim { name: kept, value: "02".to_owned(), payment: None }]);
        assert_eq!(
            rig.count(&["ZCARD", &due]),
            3,
            "what is gone is no longer due, what is strange is put off"
        );
    }
}

/// Members that no script of ours wrote.
fn strange(rig: &Rig, front: &Front, due: &str) {
    for key in [front.key("c:nothing"), "elsewhere".to_owned()] {
        rig.redis.run(&["SET", &key, "not hexadecimal"]);
        rig.redis.run(&["ZADD", due, "5", &key]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_askers_get_each_claim_once() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        for nonce in 0..300 {
            put(&mut line, &name(1, nonce), "01", None, now + 600, now - 1).await;
        }
        let askers: Vec<_> = (0..8)
            .map(|_| {
                let mut line = front.line();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    loop {
                        match claims(line.due(5, &[600]).await) {
                            none if none.is_empty() => return mine,
                            some => mine.extend(some.into_iter().map(|claim| claim.name)),
                        }
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for asker in askers {
            all.extend(asker.await.unwrap());
        }
        assert_eq!(all.len(), 300, "{}", front.kind);
        assert!((0..300).all(|nonce| all.contains(&name(1, nonce))));
    }
}
