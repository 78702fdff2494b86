//! Many at once for one claim.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Barrier;
use x402_proxy_wasm::store::{Before, Reply};

use crate::rig::{look, name, swap, Rig};

const RACERS: u16 = 16;
const ROUNDS: u16 = 250;

/// Who finds a claim absent or as it was reads what won instead: exactly one wins, each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_swaps_of_one_claim_exactly_one_is_written() {
    let Some(rig) = Rig::start() else { return };
    let end = rig.now() + 600;
    for front in &rig.fronts {
        let begun = Instant::now();
        let barrier = Arc::new(Barrier::new(RACERS.into()));
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (mut line, barrier) = (front.line(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    let mine = hex(racer);
                    let mut won = Vec::new();
                    for round in 0..ROUNDS {
                        // Two steps: out of nothing, then over what stands there.
                        let claim = name(1, round / 2);
                        let old = look(&mut line, &claim).await;
                        barrier.wait().await;
                        let before = old.as_deref().map_or(Before::Absent, Before::Value);
                        let next = format!("{mine}{round:04x}");
                        let reply = line.swap(&swap(&claim, before, Some(&next), end)).await;
                        barrier.wait().await;
                        let stands = look(&mut line, &claim).await.expect("a winner");
                        match reply {
                            Reply::Written { .. } => {
                                assert_eq!(stands, next);
                                won.push(round);
                            }
                            Reply::Differs { current, .. } => assert_eq!(current, Some(stands)),
                            other => panic!("{other:?}"),
                        }
                    }
                    won
                })
            })
            .collect();
        let mut won = Vec::new();
        for racer in racers {
            won.extend(racer.await.unwrap());
        }
        won.sort_unstable();
        assert_eq!(won, (0..ROUNDS).collect::<Vec<_>>(), "{}", front.kind);
        let raced = u32::from(RACERS) * u32::from(ROUNDS);
        println!("{}: {raced} raced swaps, {ROUNDS} written, in {:?}", front.kind, begun.elapsed());
    }
}

fn hex(racer: u16) -> String {
    format!("{racer:04x}")
}
