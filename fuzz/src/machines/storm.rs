//! Payers of a shop of two replicas whose store comes and goes, and nothing else fails.
//!
//! Four payers want one thing each, and have two payments for it; each does one thing at a time: he
//! waits as long as he is told to, sends the same payment again, at whichever replica, or signs anew.
//! Once served he tries the same payment for more. Meanwhile the store is away for one replica or both,
//! for less than a lease or more, or does what it is asked and nobody hears of it; upstreams fail,
//! facilitators leave it open, clients leave.
//!
//! Because nothing else goes wrong, more is held than in any interleaving:
//!
//! 1. Nobody pays twice for what he wants once, unless the upstream or he himself failed the first
//!    payment three times after it was taken. He signs anew when every replica could write what it
//!    had to, and no sooner: until then what he is owed may be known at one only.
//! 2. What was delivered is delivered once more only where its lease lapsed while its worker could not
//!    reach the store, or had not had the time to write since.
//! 3. A few seconds after the last outage no claim is at work for nobody: it is not left to its lease.
//! 4. A payer can be served in the end, unless that was tried three times, and the store had no part in
//!    it that it failed, or was away for longer than the lease.

use super::facilitator::Mood;
use super::host::host;
use super::market::{Coin, FEW};
use super::settings::Settings;
use super::weather::Sky;
use super::world::{End, World};
use super::{step, Outcome};

/// Most seconds of a story, and the most that happens in each.
const SECONDS: usize = 160;
const STEPS: usize = 12;

/// From this byte on, a second is followed by a calm.
const CALM: u8 = 246;

/// Seconds that an outage takes; a lease is 15.
const OUTAGES: [u64; 8] = [1, 2, 4, 7, 12, 20, 30, 45];

/// How often what was paid is tried again.
const TRIES: usize = 3;

/// How long a facilitator may take, in milliseconds.
const PATIENCE: u64 = 4_000;

/// Somebody who wants something once.
struct Payer {
    payments: [usize; 2],
    /// Which of them he presents.
    signed: usize,
    stream: Option<u32>,
    /// When he comes again, in milliseconds since the epoch.
    comes: u64,
    served: bool,
    /// He was told that it is no use.
    failed: bool,
    /// How often he still tries to have more for the same.
    replays: u8,
}

/// Plays a story; the first byte says how the shop is configured.
pub(super) fn play(data: &[u8], next: u32) -> (Outcome, u32) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(Settings { shared: true, ..Settings::of(*first) }, next);
    world.strict = true;
    world.mood = Mood::Remembering;
    let mut payers = payers();
    let mut outcome = Outcome::default();
    let mut bytes = rest.iter().copied();
    for _ in 0..SECONDS {
        let Some(byte) = bytes.next() else { break };
        second(&mut world, &mut payers, byte, &mut || bytes.next().unwrap_or(0), &mut outcome);
        if byte >= CALM {
            calm(&mut world);
        }
    }
    calm(&mut world);
    for payer in &mut payers {
        satisfy(&mut world, payer);
        let paid = |place: &&usize| matches!(world.chain[**place], Coin::Paid(_));
        let charges = payer.payments.iter().filter(paid).count();
        let failed = payer.payments.iter().filter(|place| world.promises.tries(**place) >= TRIES).count();
        assert!(charges <= 1 + failed, "charged twice: {:?}", payer.payments);
        outcome.booked += charges;
        outcome.accounts[usize::from(!payer.served) * 2] += charges;
    }
    outcome.releases = world.promises.releases;
    let next = world.end();
    (outcome, next)
}

fn payers() -> Vec<Payer> {
    let half = FEW / 2;
    let payer = |place| Payer {
        payments: [place, place + half],
        signed: 0,
        stream: None,
        comes: 0,
        served: false,
        failed: false,
        replays: 3,
    };
    (0..half).map(payer).collect()
}

// === impl Payer ===

impl Payer {
    /// Takes a refusal for an answer, if it is one: as long as a replica cannot give back what it began,
    /// that counts as a try, and he comes again.
    fn hears(&mut self, code: &str, world: &World) {
        let tried = self.payments.iter().any(|place| world.promises.tries(*place) >= TRIES);
        self.failed |= code == "redemption_exhausted" && tried;
    }
}

fn second(
    world: &mut World,
    payers: &mut [Payer],
    byte: u8,
    argument: &mut impl FnMut() -> u8,
    outcome: &mut Outcome,
) {
    let mut wrong = |fault| *outcome.faults.entry(fault).or_default() += 1;
    let now = host(|host| host.now);
    if byte < 28 && (0..2).all(|process| world.weather.over(process, now) == Sky::Fine) {
        let argument = argument();
        let until = now + OUTAGES[usize::from(argument % 8)] * 1_000;
        let (sky, fault) = match argument >> 3 & 1 {
            0 => (Sky::Away, "the store is away"),
            _ => (Sky::Deaf, "the store's answers are lost"),
        };
        for process in (0..2).filter(|process| argument >> 4 & 3 != *process as u8) {
            world.weather.turns(process, sky, until);
        }
        wrong(fault);
    }
    for payer in payers.iter_mut() {
        listen(world, payer, argument);
        let wants = !payer.failed && (!payer.served || payer.replays > 0);
        if payer.stream.is_none() && payer.comes <= now && wants {
            payer.replays -= u8::from(payer.served);
            let roots = world.open_roots();
            let root = roots[usize::from(argument()) % roots.len()];
            payer.stream = Some(world.present(root, payer.payments[payer.signed]));
        }
    }
    for _ in 0..usize::from(byte) % STEPS {
        if let Some(fault) = go_on(world, argument()) {
            wrong(fault);
        }
    }
    come_in_time(world, now);
    world.pass(1_000);
    come_in_time(world, now + 1_000);
}

/// What a payer makes of how his stream ended.
fn listen(world: &mut World, payer: &mut Payer, argument: &mut impl FnMut() -> u8) {
    let Some(end) = payer.stream.and_then(|stream| world.ends.remove(&stream)) else { return };
    payer.stream = None;
    let now = host(|host| host.now);
    let seconds = match end {
        End::Served => {
            payer.served = true;
            u64::from(argument() % 32)
        }
        End::Failed => 0,
        End::Cut => 1,
        End::Refused(code, seconds) => {
            let used = code == "payment_already_used";
            assert!(!used || payer.served, "used up, and nothing came: payment {:?}", payer.payments);
            payer.hears(&code, world);
            seconds.unwrap_or(1)
        }
    };
    payer.comes = now + seconds * 1_000;
    let calm = (0..2).all(|process| world.weather.is_calm(process, now));
    if !payer.served && calm && argument().is_multiple_of(3) {
        payer.signed = 1;
    }
}

/// What happens next, mostly well; what went wrong, if something did.
fn go_on(world: &mut World, byte: u8) -> Option<&'static str> {
    let waits = world.streams(|stream| stream.forwarded && stream.response.is_empty());
    match (byte, waits.first()) {
        (0..=5, _) => {
            let streams = world.streams(|_| true);
            let stream = streams.get(usize::from(byte) % streams.len().max(1))?;
            world.hang_up(*stream);
            return Some("a client leaves");
        }
        (6..=75, Some(stream)) => {
            world.respond(*stream, 500);
            return Some("the upstream fails");
        }
        (6..=20, None) => {
            world.mood = if byte.is_multiple_of(2) { Mood::Lost } else { Mood::Pending };
            step(world);
            world.mood = Mood::Remembering;
            return Some("a facilitator leaves it open");
        }
        _ => step(world),
    };
    None
}

/// The host's timers: no call to the store is under way for longer than a second, none to a
/// facilitator for much longer.
pub(super) fn come_in_time(world: &mut World, now: u64) {
    let mut left = 2_000;
    loop {
        let late = |call: &super::host::Call| call.cluster == "store" || call.since + PATIENCE <= now;
        if let Some(call) = world.calls(|call| !call.heard && late(call)).first() {
            world.carry(*call);
        } else if !world.roots().into_iter().any(|root| world.turn(root)) {
            break;
        }
        left -= 1;
        assert!(left > 0, "the store is called without end");
    }
}

pub(super) fn rest(world: &mut World) {
    let mut left = 2_000;
    while step(world) {
        left -= 1;
        assert!(left > 0, "it never comes to rest");
    }
}

/// The store is well again, and what was under way ends.
pub(super) fn calm(world: &mut World) {
    world.weather.clears(host(|host| host.now));
    for _ in 0..5 {
        rest(world);
        world.pass(1_000);
    }
    rest(world);
    let left = world.at_work_for_nobody();
    assert_eq!(left, None, "a claim is left to its lease");
}

/// A payer who was not served yet can be, whatever he was told meanwhile.
fn satisfy(world: &mut World, payer: &mut Payer) {
    listen(world, payer, &mut || 1);
    let mut told = Vec::new();
    for round in 0..8 {
        if payer.served || payer.failed {
            return;
        }
        let roots = world.open_roots();
        // What he signed last, at either; then what he signed first.
        let place = payer.payments[payer.signed & usize::from(round < 4)];
        let stream = world.present(roots[round % roots.len()], place);
        rest(world);
        match world.ends.remove(&stream).expect("nothing is under way") {
            End::Served => payer.served = true,
            End::Refused(code, _) => {
                payer.hears(&code, world);
                told.push(code);
            }
            other => panic!("{other:?} though all is well"),
        }
        for _ in 0..5 {
            world.pass(1_000);
            rest(world);
        }
    }
    assert!(payer.served || payer.failed, "payment {:?} cannot be had: {told:?}", payer.payments);
}

#[cfg(test)]
mod tests;
