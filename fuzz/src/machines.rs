//! The machines that move money, in the shell that drives them, under any sequence of events.
//!
//! The module itself runs here, natively, over a host of our own (as `tests/scenarios` has it):
//! two workers, of one process or of two replicas that share a store; eight payments of two
//! wallets for two routes; one facilitator or two; a chain, and a node to ask it. The first byte
//! of an input says how that is configured, and each other one what happens next: a payment is
//! presented, a call arrives, is lost or never left, a client hangs up, a worker dies or stalls,
//! the configuration changes, a payer takes an authorisation back. [`promises`] says what is held.
//!
//! When the events are over the world calms down: everything arrives, everybody is answered, and
//! nothing that was booked is lost. A first byte above 127 tells a story of another kind: see [`storm`];
//! above 191, see [`crowd`].

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Once, OnceLock};

use x402_proxy_wasm::config::Policy;

mod abi;
mod crowd;
mod events;
mod facilitator;
mod host;
mod market;
mod node;
mod promises;
mod redis;
mod sdk;
mod settings;
mod storm;
#[cfg(test)]
mod tally;
mod weather;
mod world;

use events::happen;
use facilitator::Mood;
use market::{Coin, PAYMENTS};
use promises::Account;
use settings::Settings;
use world::World;

/// A first byte with this bit begins a story of payers in any weather.
const STORM: u8 = 0x80;

/// One with both begins a story of one wallet that buys much at once.
const CROWD: u8 = 0xc0;

/// Most events of an input.
const EVENTS: usize = 200;

thread_local! {
    /// Contexts and tokens are never used twice.
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

/// What a sequence of events came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How often content went out.
    pub releases: usize,
    /// Payments that the chain booked.
    pub booked: usize,
    /// Of those, by what became of them: delivered, redeemed when all was over, tried too often,
    /// left open, forgotten after their time.
    pub accounts: [usize; 5],
    /// What went wrong, and how often.
    pub faults: BTreeMap<&'static str, usize>,
}

/// A sequence of events.
pub fn play(data: &[u8]) -> Outcome {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The SDK's own hook would hand panics to the log of the host.
        let hook = std::panic::take_hook();
        x402_proxy_wasm::shell::start();
        std::panic::set_hook(hook);
    });
    x402_proxy_wasm::shell::start();
    let Some((first, events)) = data.split_first() else { return Outcome::default() };
    if first & STORM != 0 {
        let story = if first & CROWD == CROWD { crowd::play } else { storm::play };
        let (outcome, next) = story(data, NEXT.get());
        NEXT.set(next);
        return outcome;
    }
    let mut world = World::new(Settings::of(*first), NEXT.get());
    let mut bytes = events.iter().copied();
    let mut outcome = Outcome::default();
    for _ in 0..EVENTS {
        let Some(event) = bytes.next() else { break };
        if let Some(fault) = happen(&mut world, event, &mut bytes) {
            *outcome.faults.entry(fault).or_default() += 1;
        }
    }
    calm_down(&mut world);
    outcome.booked = world.chain.iter().filter(|coin| matches!(coin, Coin::Paid(_))).count();
    close_the_books(&mut world, &mut outcome);
    outcome.releases = world.promises.releases;
    NEXT.set(world.end());
    outcome
}

/// Every payment that is booked and owed for is presented once more, and is served.
fn close_the_books(world: &mut World, outcome: &mut Outcome) {
    for place in 0..PAYMENTS {
        if !matches!(world.chain[place], Coin::Paid(_)) {
            continue;
        }
        let account =
            |world: &World| world.promises.account(place, &world.redis, world.settings, world.now());
        let stands = account(world);
        if let (Account::Redeemable, Some(root)) = (stands, world.open_roots().first().copied()) {
            let before = world.promises.releases;
            // A breaker may be open still: whoever is told to come back does.
            for _ in 0..4 {
                world.present(root, place);
                let mut left = 2_000;
                while step(world) {
                    left -= 1;
                    assert!(left > 0, "it never comes to rest");
                }
                if world.promises.releases > before {
                    break;
                }
                world.pass(6_000);
            }
            assert!(world.promises.releases > before, "payment {place} is owed for, and nothing came");
            assert_eq!(account(world), Account::Delivered, "payment {place} was redeemed");
        }
        outcome.accounts[stands as usize] += 1;
    }
}

/// A sequence of events.
pub fn run(data: &[u8]) {
    play(data);
}

/// Whether an offer may have several facilitators.
fn several() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| {
        let text = br#"{"version":1,"origin":"https://a.example","unmatched":"free","settle":"before","facilitators":{"a":{"cluster":"a","authority":"a"},"b":{"cluster":"b","authority":"b"}},"accepts":[{"network":"base","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],"routes":[{"name":"a","match":{"path":"/a"},"offer":{"price":"$1","facilitators":["a","b"]}}]}"#;
        Policy::from_bytes(text, &|_| None).is_ok()
    })
}

/// What would happen next if nothing went wrong. `false` when nothing is left to happen.
fn step(world: &mut World) -> bool {
    for root in world.roots() {
        if world.turn(root) {
            return true;
        }
    }
    if let Some(call) = world.calls(|call| !call.heard).first() {
        world.carry(*call);
        return true;
    }
    if let Some(stream) = world.streams(|stream| stream.forwarded && stream.response.is_empty()).first() {
        world.respond(*stream, 200);
        return true;
    }
    if let Some(stream) = world.streams(|stream| stream.released).first() {
        world.finish(*stream);
        return true;
    }
    false
}

fn calm_down(world: &mut World) {
    host::host(|host| host.refuses = false);
    world.weather.clears(host::host(|host| host.now));
    // Long enough for leases to lapse, and each slice of what is kept for asking comes up once.
    for _ in 0..4 {
        let mut left = 2_000;
        while step(world) {
            left -= 1;
            assert!(left > 0, "it never comes to rest");
        }
        let waiting = world.streams(|_| true);
        assert!(waiting.is_empty(), "streams that nothing will wake: {waiting:?}");
        for call in world.calls(|call| call.answer.is_none()) {
            world.arrive(call, Mood::Plain);
        }
        world.pass(7_000);
    }
}

#[cfg(test)]
mod tests {
    use super::facilitator::Mood;
    use super::tally::Tally;
    use super::world::{End, Fate};
    use super::{calm_down, host, play, step, Account, Settings, World, NEXT, STORM};

    /// A target that delivers nothing proves nothing.
    #[test]
    fn every_way_to_be_configured_delivers() {
        for settings in 0..128 {
            let mut events = vec![settings, 7, 0];
            events.extend([0; 40]);
            events.extend([7, 8 + 1]);
            events.extend([0; 40]);
            assert_eq!(play(&events).releases, 2, "{settings:07b}");
        }
    }

    /// What random events meet too seldom: the write of a delivery fails, again and again.
    #[test]
    fn a_delivery_whose_write_fails_is_written_in_the_end() {
        play(&[2]);
        for (fate, tries) in [(Fate::Unsent, 1), (Fate::Unsent, 7), (Fate::TimedOut, 1), (Fate::TimedOut, 7)]
        {
            let mut world = World::new(Settings::of(0b10_0010), NEXT.get());
            let root = world.open_roots()[0];
            world.present(root, 0);
            while world.streams(|stream| stream.released).is_empty() {
                assert!(step(&mut world), "it never comes to a release");
            }
            let stream = world.streams(|stream| stream.released)[0];
            world.finish(stream);
            for _ in 0..tries {
                for root in world.roots() {
                    while world.turn(root) {}
                }
                for call in world.calls(|call| !call.heard) {
                    world.return_call(call, fate);
                }
                world.pass(1_000);
            }
            // What timed out is on nobody's way any more.
            host::host(|host| host.calls.retain(|call| !call.heard));
            calm_down(&mut world);
            let account = world.promises.account(0, &world.redis, world.settings, world.now());
            assert_eq!(account, Account::Delivered, "{fate:?}, {tries} times");
            NEXT.set(world.end());
        }
    }

    /// The clock in an answer that is heard ten minutes late is ten minutes behind: what is begun next is
    /// not measured by it.
    #[test]
    fn a_clock_that_is_heard_late_is_not_believed() {
        play(&[2]);
        let mut world = World::new(Settings::of(0b10_0011), NEXT.get());
        let root = world.open_roots()[0];
        let late = world.present(root, 0);
        while world.calls(|call| !call.heard).is_empty() {
            assert!(step(&mut world), "the store is never asked");
        }
        let asked = world.calls(|call| !call.heard)[0];
        world.arrive(asked, Mood::Plain);
        world.stall(600);
        world.return_call(asked, Fate::Delivered);
        let refused = world.ends.get(&late);
        assert!(
            matches!(refused, Some(End::Refused(code, _)) if code == "claim_store_unavailable"),
            "{refused:?}"
        );
        let next = world.present(root, 1);
        calm_down(&mut world);
        assert_eq!(world.ends.get(&next), Some(&End::Served));
        NEXT.set(world.end());
    }

    /// The model of the whole: random interleavings, and the books closed after each. How many, and
    /// from which seed, can be said: `MODEL_SEQUENCES`, `MODEL_SEED`.
    #[test]
    fn the_books_balance_after_any_interleaving() {
        let tally = Tally::of("MODEL_SEQUENCES", 4_000, |byte| {
            let length = 40 + usize::from(byte());
            let mut data: Vec<u8> = (0..length).map(|_| byte()).collect();
            data[0] &= !STORM;
            data
        });
        tally.show();
        let [_, redeemed, _, open, _] = tally.sum.accounts;
        assert_eq!(tally.faults.len(), 16, "every fault was injected: {:?}", tally.faults);
        let booked = tally.sum.booked as u64;
        assert!(booked > tally.count / 2 && redeemed > 0 && open > 0, "the model went nowhere");
    }
}
