//! What is granted until a moment that is over.

use x402_proxy_wasm::store::{Before, Reply, Swap};

use crate::rig::{look, name, swap, Rig};

/// Of what is granted until a moment that is over nothing is written: by the store's clock, which no worker
/// that stood still can be behind.
#[tokio::test]
async fn a_lease_that_is_over_is_not_granted() {
    let Some(rig) = Rig::start() else { return };
    for front in &rig.fronts {
        let (mut line, now) = (front.line(), rig.now());
        let claim = name(9, 1);
        let until = |lease| Swap { lease, ..swap(&claim, Before::Absent, Some("01"), now + 600) };
        for lease in [0, 1, now - 600, now - 1, now] {
            let reply = line.swap(&until(Some(lease))).await;
            assert!(matches!(reply, Reply::Late { now: then } if then >= now), "{lease}: {reply:?}");
            assert_eq!(look(&mut line, &claim).await, None, "{}: {lease}", front.kind);
        }
        let reply = line.swap(&until(Some(now + 15))).await;
        assert!(matches!(reply, Reply::Written { .. }), "{reply:?}");
        let other = Swap { lease: Some(now - 1), ..swap(&claim, Before::Value("02"), Some("03"), now + 600) };
        assert!(matches!(line.swap(&other).await, Reply::Differs { .. }), "what stands there is told first");
        let end = swap(&claim, Before::Value("01"), Some("04"), now + 600);
        assert!(matches!(line.swap(&end).await, Reply::Written { .. }), "an end is never too late");
    }
}
