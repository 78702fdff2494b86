//! Time to a paid answer, where the facilitator waits for a chain.

use std::time::Duration;

use crate::bed::{Behind, Modules, Plan};
use crate::load::Load;
use crate::paths::Path;
use crate::rounds::Site;
use crate::stack::Stack;
use crate::{stats, Failure};

/// What one call takes.
pub const CALL: Duration = Duration::from_millis(150);

/// Payments of one path in one round, one after the other on one connection.
const EACH: usize = 4;

/// What a buyer waits for.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub path: Path,
    /// Milliseconds: the median, and the longest.
    pub p50: f64,
    pub longest: f64,
    /// Calls to the facilitator per payment.
    pub calls: f64,
}

/// Pays each path a few times in every round, with nothing else under way.
pub fn waits(
    behind: &Behind,
    modules: &Modules,
    paths: &[Path],
    rounds: usize,
) -> Result<Vec<Wait>, Failure> {
    let envoy = behind.envoy(modules, Plan::of(&[Stack::Ours]))?;
    let mut site = Site::new(&envoy, behind);
    let mut seen: Vec<(Path, Vec<f64>, u64)> = Vec::new();
    for path in paths {
        site.ask(path)?;
        // The first call of all may open connections and read lists.
        Load::open(site.address(path.stack)?, 1)?.run(site.requests(path, 2)?, path.status)?;
        seen.push((*path, Vec::new(), 0));
    }
    behind.facilitator.set_pause(CALL);
    let measured = (0..rounds).try_for_each(|round| {
        for (path, millis, calls) in &mut seen {
            let mut load = Load::open(site.address(path.stack)?, 1)?;
            let before = behind.facilitator.instant_calls();
            let waited = load.run(site.requests(path, EACH)?, path.status)?;
            *calls += behind.facilitator.instant_calls() - before;
            millis.extend(waited.micros.iter().map(|micros| micros / 1e3));
        }
        eprint!("\rwaiting {} of {rounds}", round + 1);
        Ok::<_, Failure>(())
    });
    behind.facilitator.set_pause(Duration::ZERO);
    eprintln!();
    measured?;
    Ok(seen.into_iter().map(|(path, millis, calls)| Wait::of(path, millis, calls)).collect())
}

impl Wait {
    fn of(path: Path, mut millis: Vec<f64>, calls: u64) -> Self {
        millis.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let calls = calls as f64 / millis.len() as f64;
        Self { path, p50: stats::median(&millis), longest: stats::quantile(&millis, 1.0), calls }
    }
}
