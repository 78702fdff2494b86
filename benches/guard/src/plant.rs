//! What is planted for the guard to find: `PATH:WHAT=NUMBER` on the command line.
//!
//! | what | planted |
//! |---|---|
//! | `turns` | so many turns of nothing |
//! | `bytes` | so many bytes zeroed |
//! | `peers` | the client's address asked for, in every so-manieth request |
//! | `randoms` | random bytes asked for, in every so-manieth |
//! | `allocations` | an allocation, in every so-manieth |
//!
//! The last three are for whole requests. None of it is in the filter: what is planted in requests
//! is done where the host has just entered it.

use std::cell::{Cell, RefCell};
use std::hint::black_box;

use proxy_wasm::hostcalls;
use x402_scenarios::native;

/// What is planted in one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plant {
    turns: u64,
    room: RefCell<Vec<u8>>,
    peers: u64,
    randoms: u64,
    allocations: u64,
}

/// All of it, by the paths' names.
pub(crate) struct Plants(Vec<(String, Plant)>);

thread_local! {
    static IN_REQUESTS: RefCell<Plant> = RefCell::default();
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

// === impl Plant ===

impl Plant {
    pub(crate) fn turns(turns: u64) -> Self {
        Self { turns, ..Self::default() }
    }

    /// Plants it in each request of this thread's.
    pub(crate) fn in_requests(self) {
        IN_REQUESTS.set(self);
        native::first_in_callbacks(first);
    }

    /// What costs instructions.
    #[inline(always)]
    pub(crate) fn slow_down(&self) {
        for turn in 0..self.turns {
            black_box(turn);
        }
        self.room.borrow_mut().fill(black_box(0));
    }

    fn in_request(&self, number: u64) {
        let now = |every: u64| every > 0 && number.is_multiple_of(every);
        self.slow_down();
        if now(self.peers) {
            let _ = black_box(hostcalls::get_property(vec!["source", "address"]));
        }
        if now(self.randoms) {
            let _ = black_box(getrandom::fill(&mut [0; 16]));
        }
        if now(self.allocations) {
            black_box(Box::new(number));
        }
    }
}

/// Where a request, a tick or a VM begins.
fn first(callback: &'static str) {
    if matches!(callback, "request_headers" | "tick" | "configure") {
        REQUESTS.set(REQUESTS.get() + 1);
        IN_REQUESTS.with_borrow(|plant| plant.in_request(REQUESTS.get()));
    }
}

// === impl Plants ===

impl Plants {
    /// As the command line says.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut all: Vec<(String, Plant)> = Vec::new();
        for argument in arguments {
            let (path, what) = argument.split_once(':').expect("PATH:WHAT=NUMBER");
            let (what, number) = what.split_once('=').expect("WHAT=NUMBER");
            let number: u64 = number.parse().expect("a number");
            let mut plant = Plant::default();
            match what {
                "turns" => plant.turns = number,
                "bytes" => plant.room = vec![1; usize::try_from(number).expect("a size")].into(),
                "peers" => plant.peers = number,
                "randoms" => plant.randoms = number,
                "allocations" => plant.allocations = number,
                other => panic!("nothing to plant is called {other}"),
            }
            all.push((path.to_owned(), plant));
        }
        Self(all)
    }

    /// What is planted in a path: one thing, or nothing.
    pub(crate) fn on(&self, path: &str) -> Option<Plant> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, plant)| plant.clone())
    }
}
