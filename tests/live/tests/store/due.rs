//! Claims that are handed out to be asked about.

use std::time::Duration;

use x402_proxy_wasm::store::{Before, Change, DueClaim, Listed, Name, Swap, MAX_DUE};

use crate::rig::{name, swap, Front, Line, Rig};

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

        let listed = line.due(8, 2).await;
        let Listed::Claims { now: clock, .. } = listed else { panic!("{listed:?}") };
        assert!(clock.abs_diff(rig.now()) <= 1);
        let expected = [
            DueClaim { name: name(2, 2), value: "02".to_owned(), payment: None },
            DueClaim { name: name(1, 1), value: "01".to_owned(), payment: Some("cGF5".to_owned()) },
        ];
        assert_eq!(claims(listed), expected, "{}", front.kind);
        assert_eq!(claims(line.due(8, 2).await), [], "they are somebody's");
        tokio::time::sleep(Duration::from_millis(3_050)).await;
        assert_eq!(claims(line.due(8, 600).await).len(), 2, "who does not come back loses them");
        assert_eq!(claims(line.due(8, 600).await), []);
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
            let listed = claims(line.due(asked, 600).await);
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
        let listed = claims(line.due(16, 600).await);
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
                        match claims(line.due(5, 600).await) {
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
