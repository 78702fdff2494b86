//! What is not there, does not answer, or refuses.

use std::time::Duration;

use x402_devstack::client::{Broken, RawConnection, RawRequest};
use x402_devstack::redis::Webdis;
use x402_proxy_wasm::store::{Ahead, Before, Change, Doubt, Listed, Reply, Swap};

use crate::rig::{delivery, look, name, swap, Front, Rig, PASSWORD};

#[tokio::test]
async fn a_front_that_is_not_there_was_certainly_not_asked() {
    let Some(mut rig) = Rig::start() else { return };
    let (claim, end) = (name(1, 1), rig.now() + 600);
    rig.webdis.kill();
    rig.upstash.refuse();
    for front in &rig.fronts {
        let mut line = front.line();
        assert_eq!(line.swap(&swap(&claim, Before::Absent, Some("01"), end)).await, Reply::Down);
        assert_eq!(line.due(8, &[10]).await, Listed::Down);
    }
    rig.webdis.restart().expect("webdis");
    rig.upstash.resume();
    for front in &rig.fronts {
        let mut line = front.line();
        let reply = line.swap(&swap(&claim, Before::Absent, Some("01"), end)).await;
        assert!(matches!(reply, Reply::Written { .. }), "{} {reply:?}", front.kind);
    }
}

#[tokio::test]
async fn a_front_without_its_redis_leaves_it_open() {
    let Some(mut rig) = Rig::start() else { return };
    let (claim, end) = (name(1, 1), rig.now() + 600);
    rig.redis.kill();
    for front in &rig.fronts {
        let mut line = front.line();
        let reply = line.swap(&swap(&claim, Before::Absent, Some("01"), end)).await;
        assert_eq!(reply, Reply::Unsure(Doubt::Error), "{}", front.kind);
        assert_eq!(line.due(8, &[10]).await, Listed::Unsure(Doubt::Error));
    }
    // It comes back empty, and without the scripts.
    rig.redis.restart().expect("redis");
    for front in &rig.fronts {
        let reply = eventually(front, "01", end).await;
        assert!(matches!(reply, Reply::Written { .. }), "{} {reply:?}", front.kind);
    }
}

/// Webdis looks for its Redis again every 100 ms.
async fn eventually(front: &Front, next: &str, end: u64) -> Reply {
    let claim = name(1, 1);
    for _ in 0..100 {
        match front.line().swap(&swap(&claim, Before::Absent, Some(next), end)).await {
            Reply::Unsure(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            reply => return reply,
        }
    }
    panic!("{} does not recover", front.kind);
}

/// Nothing comes in time; and then it is done after all. That is why silence is no refusal.
#[tokio::test]
async fn a_redis_that_hangs_leaves_it_open_and_may_write_later() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (claim, end) = (name(1, 1), rig.now() + 600);
        let mut line = front.line();
        assert_eq!(look(&mut line, &claim).await, None);
        rig.redis.pause();
        let mut hasty = front.line();
        hasty.patience = Duration::from_millis(300);
        let reply = hasty.swap(&swap(&claim, Before::Absent, Some("01"), end)).await;
        assert_eq!(reply, Reply::Unsure(Doubt::Broken), "{}", front.kind);
        rig.redis.resume();
        let mut stands = look(&mut line, &claim).await;
        for _ in 0..100 {
            if stands.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            stands = look(&mut line, &claim).await;
        }
        assert_eq!(stands.as_deref(), Some("01"), "{}", front.kind);
        rig.redis.run(&["FLUSHALL"]);
    }
}

/// Webdis writes to the descriptor that asked, whoever has it by then: the answer to a call that
/// was given up stands where a later one's is looked for, and must not be taken for it.
#[tokio::test]
async fn an_answer_to_another_call_is_not_believed() {
    let Some(rig) = Rig::start() else { return };
    let webdis = Webdis::start_narrow(rig.redis.address(), PASSWORD).expect("webdis");
    let front = Front::webdis(&webdis);
    assert_eq!(look(&mut front.line(), &name(1, 1)).await, None);
    // On a busy machine Webdis may not have seen the first caller leave when the next one comes.
    for attempt in 1..=10 {
        if mixed_up(&rig, &front, attempt).await {
            return;
        }
    }
    panic!("Webdis no longer mixes them up");
}

async fn mixed_up(rig: &Rig, front: &Front, attempt: u16) -> bool {
    let (claim, other, end) = (name(1, attempt), name(2, attempt), rig.now() + 600);
    let pause = Duration::from_millis(100 * u64::from(attempt));
    let theirs = swap(&other, Before::Absent, Some("01"), end);
    let mine = swap(&claim, Before::Absent, Some("02"), end);
    let then = swap(&claim, Before::Never, None, end);
    let call = |swap: &Swap<'_>| swap.call(&front.store, false).expect("texts that are kept");

    rig.redis.pause();
    let mut gone = front.line();
    gone.patience = pause;
    assert_eq!(gone.send(&call(&theirs)).await.broken, Some(Broken::TimedOut));
    drop(gone);
    tokio::time::sleep(pause).await;
    let mut line = front.line();
    let mine_call = call(&mine);
    let (mine_answer, ()) = tokio::join!(line.send(&mine_call), async {
        tokio::time::sleep(pause).await;
        rig.redis.resume();
    });
    let then_answer = line.send(&call(&then)).await;
    let mut mixed = false;
    for (answer, id) in [(&mine_answer, mine.id), (&then_answer, then.id)] {
        if matches!(Reply::read(&delivery(answer), theirs.id), Reply::Written { .. }) {
            assert_eq!(Reply::read(&delivery(answer), id), Reply::Unsure(Doubt::Foreign));
            mixed = true;
        }
    }
    mixed
}

#[tokio::test]
async fn who_may_not_is_told_so_and_nothing_is_written() {
    let Some(rig) = Rig::start() else { return };
    let (claim, end) = (name(1, 1), rig.now() + 600);
    for (front, wrong) in rig.fronts.iter().zip(["Basic d3Jvbmc6cGFzcw==", "Bearer wrong"]) {
        let mut line = Front::new(front.kind, front.address, wrong).line();
        let reply = line.swap(&swap(&claim, Before::Absent, Some("01"), end)).await;
        assert_eq!(reply, Reply::Unsure(Doubt::Error), "{}", front.kind);
    }
    assert_eq!(rig.count(&["DBSIZE"]), 0);
}

/// A Redis without memory refuses the first write of a script, so that half of one never stands.
#[tokio::test]
async fn a_redis_without_room_writes_nothing() {
    let Some(rig) = Rig::start() else { return };
    let (claim, end) = (name(1, 1), rig.now() + 600);
    rig.redis.run(&["CONFIG", "SET", "maxmemory", "100kb"]);
    for front in &rig.fronts {
        let looked = swap(&claim, Before::Never, None, end);
        let put = Swap {
            open: Change::Put(()),
            ahead: Ahead::Owing,
            due: Change::Put(1),
            payment: Change::Put("cGF5"),
            ..swap(&claim, Before::Absent, Some("01"), end)
        };
        let mut line = front.line();
        assert!(matches!(line.swap(&looked).await, Reply::Differs { .. }), "it can be looked at");
        assert_eq!(line.swap(&put).await, Reply::Unsure(Doubt::Error), "{}", front.kind);
    }
    assert_eq!(rig.count(&["DBSIZE"]), 0);
}

#[tokio::test]
async fn what_is_too_large_for_the_front_is_refused_by_it() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts[..1] {
        let mut connection = RawConnection::open(front.address).await.expect("webdis");
        let body = "EVALSHA/".to_owned() + &"a".repeat(300 * 1024);
        let answer = connection.exchange(&RawRequest::new("POST", "/").body(body)).await;
        assert!(matches!(answer.status, 0 | 413), "{}", answer.status);
        assert!(matches!(Reply::read(&delivery(&answer), 1), Reply::Unsure(_)));
    }
}
