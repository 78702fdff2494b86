//! Outages of the store that replicas share, as each of two processes sees it.

/// How long a worker may take to write what waited for the store, in milliseconds: the tick that
/// notices that it is back, and some.
pub(super) const RECOVERY: u64 = 3_000;

/// How a process sees the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Sky {
    /// It answers.
    #[default]
    Fine,
    /// Each call is refused.
    Away,
    /// What it is asked is done, and no answer comes back.
    Deaf,
}

/// Both skies, each with its end in milliseconds since the epoch.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather([(Sky, u64); 2]);

// === impl Weather ===

impl Weather {
    /// One process sees the store so until then.
    pub(super) fn turns(&mut self, process: usize, sky: Sky, until: u64) {
        self.0[process] = (sky, until);
    }

    /// Every outage is over.
    pub(super) fn clears(&mut self, now: u64) {
        for (_, until) in &mut self.0 {
            *until = now.min(*until);
        }
    }

    /// How a process sees it now.
    pub(super) fn over(&self, process: usize, now: u64) -> Sky {
        let (sky, until) = self.0[process];
        if now < until {
            sky
        } else {
            Sky::Fine
        }
    }

    /// Whether a process could write all it had to by now.
    pub(super) fn is_calm(&self, process: usize, now: u64) -> bool {
        now >= self.0[process].1 + RECOVERY
    }
}
