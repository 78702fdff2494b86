//! Whose a signature is, looked up and written with the claim.

use x402_proxy_wasm::claims::{Identity, Seal};
use x402_proxy_wasm::store::{Ahead, Before, Change, Name, Reply, Swap};

use crate::rig::{look, name, swap, Rig};

fn seal(number: u8, expires: u64) -> Option<Seal> {
    let name = Identity::named("signature", &[&[number]]);
    Some(Seal { name, fingerprint: [1; 32], expires, takes: true })
}

fn only_looked(seal: Option<Seal>) -> Option<Seal> {
    seal.map(|seal| Seal { takes: false, ..seal })
}

fn written(reply: &Reply) -> bool {
    matches!(reply, Reply::Written { .. })
}

fn sealed(reply: &Reply) -> bool {
    matches!(reply, Reply::Sealed { .. })
}

/// The keys of signatures.
fn seals(rig: &Rig, prefix: &str) -> Vec<String> {
    let all = rig.redis.run(&["KEYS", "*"]);
    all.texts().into_iter().filter(|key| key.starts_with(prefix)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_signature_is_the_first_claims_that_asks_with_it() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, end) = (front.line(), rig.now() + 600);
        let (first, other) = (name(1, 1), name(2, 1));
        let with = |claim, before, next, seal| Swap { seal, ..swap(claim, before, next, end) };
        let taken = with(&first, Before::Absent, Some("01"), seal(1, end + 60));
        assert!(written(&line.swap(&taken).await));
        let keys = seals(&rig, &front.key("s:"));
        assert_eq!(keys.len(), 1, "{keys:?}");
        let until = || rig.count(&["EXPIRETIME", &keys[0]]);
        assert_eq!(until(), (end + 60) as i64);

        for seal in [seal(1, end), only_looked(seal(1, end))] {
            for before in [Before::Absent, Before::Never] {
                let reply = line.swap(&with(&other, before, Some("02"), seal)).await;
                assert!(sealed(&reply), "{} {before:?}: {reply:?}", front.kind);
            }
        }
        assert_eq!(look(&mut line, &other).await, None, "nothing is written of it");
        let own = with(&first, Before::Value("01"), Some("03"), seal(1, end));
        assert!(written(&line.swap(&own).await), "its own is no other's");
        assert_eq!(until(), (end + 60) as i64, "and is given away once");
        let again = with(&first, Before::Value("03"), Some("04"), seal(1, end + 90));
        assert!(written(&line.swap(&again).await));
        assert_eq!(until(), (end + 90) as i64, "who asks again keeps it");
        let looked = with(&first, Before::Value("04"), Some("05"), only_looked(seal(1, end + 120)));
        assert!(written(&line.swap(&looked).await));
        assert_eq!(until(), (end + 90) as i64, "who looks does not");
        assert!(written(&line.swap(&with(&other, Before::Absent, Some("02"), seal(2, end))).await));
    }
}

/// Looked at it stays free, and so it does where nothing is written.
#[tokio::test]
async fn a_signature_is_given_away_with_a_claim_that_is_written_to_be_asked_about() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, end) = (front.line(), rig.now() + 600);
        let (first, other, third) = (name(1, 1), name(1, 2), name(1, 3));
        let free = || seals(&rig, &front.key("s:")).is_empty();
        let held = Swap { seal: only_looked(seal(1, end)), ..swap(&first, Before::Absent, Some("01"), end) };
        let held = Swap { open: Change::Put(()), ..held };
        assert!(written(&line.swap(&held).await) && free(), "only looked at");
        let differs = Swap { seal: seal(1, end), ..swap(&first, Before::Value("02"), Some("03"), end) };
        assert!(matches!(line.swap(&differs).await, Reply::Differs { .. }) && free(), "another value");
        let owed = Swap { seal: seal(1, end), ..swap(&other, Before::Absent, Some("02"), end) };
        let owed = Swap { ahead: Ahead::Owing, ..owed };
        assert!(matches!(line.swap(&owed).await, Reply::OpenFirst { .. }) && free(), "open ones first");
        let asked = Swap { seal: seal(1, end), ..swap(&third, Before::Absent, Some("04"), end) };
        let late = Swap { lease: Some(rig.now() - 1), ..asked };
        assert!(matches!(line.swap(&late).await, Reply::Late { .. }) && free(), "a lease that is over");
        assert!(written(&line.swap(&asked).await) && !free());
    }
}

/// As long as nothing of it is to be written.
#[tokio::test]
async fn a_claim_that_stands_decides_whoever_has_its_signature() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, end) = (front.line(), rig.now() + 600);
        let (first, other) = (name(1, 1), name(2, 1));
        let with = |claim, before, next, seal| Swap { seal, ..swap(claim, before, next, end) };
        assert!(written(&line.swap(&with(&first, Before::Absent, Some("01"), None)).await));
        assert!(written(&line.swap(&with(&other, Before::Absent, Some("02"), seal(1, end))).await));
        for before in [Before::Never, Before::Absent] {
            let reply = line.swap(&with(&first, before, None, seal(1, end))).await;
            assert!(
                matches!(&reply, Reply::Differs { current: Some(text), .. } if text == "01"),
                "{reply:?}"
            );
        }
        let reply = line.swap(&with(&first, Before::Value("01"), Some("03"), seal(1, end))).await;
        assert!(sealed(&reply), "{reply:?}");
        assert_eq!(look(&mut line, &first).await.as_deref(), Some("01"));
    }
}

/// Many claims at once over one signature, by both fronts: one of them is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claims_over_one_signature_exactly_one_is_written() {
    let Some(rig) = Rig::start() else { return };
    for round in 0..20 {
        let (front, end) = (&rig.fronts[usize::from(round % 2)], rig.now() + 600);
        let racing: Vec<_> = (0..16)
            .map(|at| {
                let mut line = front.line();
                tokio::spawn(async move {
                    let claim: Name = name(at, 100 + u16::from(round));
                    let begun =
                        Swap { seal: seal(round, end), ..swap(&claim, Before::Absent, Some("01"), end) };
                    line.swap(&begun).await
                })
            })
            .collect();
        let mut won = 0;
        for racer in racing {
            let reply = racer.await.unwrap();
            assert!(written(&reply) || sealed(&reply), "{reply:?}");
            won += usize::from(written(&reply));
        }
        assert_eq!(won, 1, "round {round}");
    }
}
