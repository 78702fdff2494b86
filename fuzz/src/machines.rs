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
//! nothing that was booked is lost.

use std::cell::Cell;
use std::sync::{Once, OnceLock};

use x402_proxy_wasm::config::Policy;

mod abi;
mod facilitator;
mod host;
mod market;
mod node;
mod promises;
mod redis;
mod sdk;
mod settings;
mod world;

use facilitator::Mood;
use market::{Coin, PAYMENTS};
use promises::Account;
use settings::Settings;
use world::{Fate, World};

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
    let mut world = World::new(Settings::of(*first), NEXT.get());
    let mut bytes = events.iter().copied();
    for _ in 0..EVENTS {
        let Some(event) = bytes.next() else { break };
        happen(&mut world, event, &mut bytes);
    }
    calm_down(&mut world);
    let booked = world.chain.iter().filter(|coin| matches!(coin, Coin::Paid(_))).count();
    let mut outcome = Outcome { booked, ..Outcome::default() };
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

/// One of several, if there are any.
fn pick(among: &[u32], byte: u8) -> Option<u32> {
    among.get(usize::from(byte).checked_rem(among.len())?).copied()
}

fn happen(world: &mut World, event: u8, bytes: &mut impl Iterator<Item = u8>) {
    let mut argument = || bytes.next().unwrap_or(0);
    match event % 32 {
        0..=6 => {
            step(world);
        }
        7..=10 => {
            let byte = argument();
            if let Some(root) = pick(&world.open_roots(), byte >> 3) {
                world.present(root, usize::from(byte) % PAYMENTS);
            }
        }
        11 | 12 => {
            let byte = argument();
            let moods =
                [Mood::Plain, Mood::Poor, Mood::Remembering, Mood::Pending, Mood::Lost, Mood::Confused];
            let mood = moods[usize::from(byte >> 4) % moods.len()];
            if let Some(call) = pick(&world.calls(|call| call.answer.is_none()), byte & 15) {
                world.arrive(call, mood);
            }
        }
        13 | 14 => {
            let fates = [Fate::Delivered, Fate::TimedOut, Fate::Unsent];
            let byte = argument();
            let fate = fates[usize::from(byte >> 4) % fates.len()];
            if let Some(call) = pick(&world.calls(|call| !call.heard), byte & 15) {
                world.return_call(call, fate);
            }
        }
        15 | 16 => {
            let byte = argument();
            let status = [200, 200, 500, 304, 204][usize::from(byte >> 5) % 5];
            if let Some(stream) = pick(&world.streams(|stream| stream.forwarded), byte & 31) {
                world.respond(stream, status);
            }
        }
        17 | 18 => {
            if let Some(stream) = pick(&world.streams(|stream| stream.released), argument()) {
                world.finish(stream);
            }
        }
        19 => {
            if let Some(stream) = pick(&world.streams(|_| true), argument()) {
                world.hang_up(stream);
            }
        }
        20 => {
            if let Some(stream) = pick(&world.streams(|stream| !stream.forwarded), argument()) {
                world.time_out(stream);
            }
        }
        21 | 22 => world.pass(u64::from(argument() % 8 + 1) * 1_000),
        23 => world.stall([5, 16, 30, 60, 600, 1_800, 3_600, 4_000][usize::from(argument() % 8)]),
        24 => {
            if let Some(root) = pick(&world.roots(), argument()) {
                world.crash(root);
            }
        }
        25 => {
            let byte = argument();
            if let Some(root) = pick(&world.open_roots(), byte >> 1) {
                world.reload(root, byte & 1 == 1);
            }
        }
        26 => {
            let place = usize::from(argument()) % PAYMENTS;
            if world.chain[place] == Coin::Unspent {
                world.chain[place] = Coin::Cancelled(world.now());
            }
        }
        27 => host::host(|host| host.refuses = true),
        28 => world.redis.scripts = false,
        29 => {
            if let Some(root) = pick(&world.open_roots(), argument()).filter(|_| world.settings.shared) {
                world.restart(root);
            }
        }
        30 => {
            if let Some(root) = pick(&world.roots(), argument()) {
                world.turn(root);
            }
        }
        _ => {
            for stream in world.streams(|stream| stream.released) {
                world.finish(stream);
            }
        }
    }
}

/// What would happen next if nothing went wrong. `false` when nothing is left to happen.
fn step(world: &mut World) -> bool {
    for root in world.roots() {
        if world.turn(root) {
            return true;
        }
    }
    if let Some(call) = world.calls(|call| !call.heard).first() {
        world.arrive(*call, Mood::Plain);
        world.return_call(*call, Fate::Delivered);
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
    use super::{calm_down, host, play, step, Account, Fate, Settings, World, NEXT};

    /// A target that delivers nothing proves nothing.
    #[test]
    fn every_way_to_be_configured_delivers() {
        for settings in 0..64 {
            let mut events = vec![settings, 7, 0];
            events.extend([0; 40]);
            events.extend([7, 8 + 1]);
            events.extend([0; 40]);
            assert_eq!(play(&events).releases, 2, "{settings:06b}");
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

    /// The model of the whole: random interleavings, and the books closed after each. How many, and
    /// from which seed, can be said: `MODEL_SEQUENCES`, `MODEL_SEED`.
    #[test]
    fn the_books_balance_after_any_interleaving() {
        let number = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let (count, seed) = (number("MODEL_SEQUENCES", 4_000), number("MODEL_SEED", 1));
        let mut sum = super::Outcome::default();
        let mut events = 0;
        for sequence in 0..count {
            let mut state = (seed << 32 | sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut byte = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 24) as u8
            };
            let length = 40 + usize::from(byte());
            let data: Vec<u8> = (0..length).map(|_| byte()).collect();
            events += length;
            let played = std::panic::catch_unwind(|| play(&data));
            let outcome =
                played.unwrap_or_else(|_| panic!("MODEL_SEED={seed}, sequence {sequence}: {data:?}"));
            sum.releases += outcome.releases;
            sum.booked += outcome.booked;
            for (total, one) in sum.accounts.iter_mut().zip(outcome.accounts) {
                *total += one;
            }
        }
        let [delivered, redeemed, exhausted, open, forgotten] = sum.accounts;
        println!(
            "{count} sequences, {events} bytes of events: {} payments booked, {} times content went out; {delivered} \
             delivered, {redeemed} redeemed in the end, {exhausted} tried too often, {open} open, {forgotten} \
             given up after their time",
            sum.booked, sum.releases,
        );
        assert!(sum.booked as u64 > count / 2 && redeemed > 0 && open > 0, "the model went nowhere");
    }
}
