//! One wallet that buys the same thing many times at once, as agents do, with a store and without.
//!
//! It wants a dozen and more, each once, and has some payments for each. Upstreams are slow and fail,
//! facilitators leave it open, clients leave: whoever was not served signs anew, while the others are at
//! work. What was paid and not delivered then serves any of them.
//!
//! In the end, when everybody came back until he was served: the wallet was charged once for each thing
//! it wanted, and once more for each claim that was tried too often. How many are at work beside what
//! is owed makes no difference.

use super::facilitator::Mood;
use super::host::{host, Call};
use super::market::{Coin, FEW, PAYMENTS, SIGNED, WANTS};
use super::promises::Account;
use super::settings::Settings;
use super::storm::{calm, come_in_time, rest};
use super::world::{End, World};
use super::Outcome;

/// Most seconds of a story, and the most that happens in each.
const SECONDS: usize = 60;
const STEPS: usize = 40;

/// One thing that is wanted.
struct Want {
    payments: [usize; SIGNED],
    /// Which of them is presented.
    signed: usize,
    stream: Option<u32>,
    /// When somebody comes for it again, in milliseconds since the epoch.
    comes: u64,
    served: bool,
}

/// Plays a story; the first byte says how the shop is configured.
pub(super) fn play(data: &[u8], next: u32) -> (Outcome, u32) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut world = World::new(Settings::of(*first), next);
    world.crowded = true;
    world.mood = Mood::Remembering;
    let mut outcome = Outcome::default();
    let mut bytes = rest.iter().copied();
    let mut wants: Vec<Want> =
        (0..WANTS).map(|place| Want::new(place, bytes.next().unwrap_or(0) % 4)).collect();
    for _ in 0..SECONDS {
        let Some(byte) = bytes.next() else { break };
        second(&mut world, &mut wants, byte, &mut || bytes.next().unwrap_or(0), &mut outcome);
    }
    calm(&mut world);
    for want in &mut wants {
        want.satisfy(&mut world);
    }
    calm(&mut world);
    close_the_books(&world, &wants, &mut outcome);
    outcome.releases = world.promises.releases;
    let next = world.end();
    (outcome, next)
}

fn close_the_books(world: &World, wants: &[Want], outcome: &mut Outcome) {
    let paid = (FEW..PAYMENTS).filter(|place| matches!(world.chain[*place], Coin::Paid(_)));
    let stands = |place| world.promises.account(place, &world.redis, world.settings, world.now());
    let accounts: Vec<Account> = paid.map(stands).collect();
    let exhausted = accounts.iter().filter(|account| **account == Account::Exhausted).count();
    assert!(
        accounts.len() <= WANTS + exhausted,
        "{} charged for {WANTS} wanted, {} served: {accounts:?}",
        accounts.len(),
        wants.iter().filter(|want| want.served).count(),
    );
    outcome.booked = accounts.len();
    for account in accounts {
        outcome.accounts[account as usize] += 1;
    }
}

// === impl Want ===

impl Want {
    /// Somebody comes for it after so many seconds.
    fn new(place: usize, seconds: u8) -> Self {
        let comes = host(|host| host.now) + u64::from(seconds) * 1_000;
        let payments = std::array::from_fn(|at| FEW + at * WANTS + place);
        Self { payments, signed: 0, stream: None, comes, served: false }
    }

    /// Signs anew, as long as there is something to sign.
    fn sign(&mut self) -> bool {
        let more = self.signed + 1 < SIGNED;
        self.signed += usize::from(more);
        more
    }

    fn present(&mut self, world: &mut World, byte: u8) {
        let roots = world.open_roots();
        let root = roots[usize::from(byte) % roots.len()];
        self.stream = Some(world.present(root, self.payments[self.signed]));
    }

    /// What is made of how its stream ended; whether it may be had by another payment only.
    fn listen(&mut self, world: &mut World, byte: u8) {
        let Some(end) = self.stream.and_then(|stream| world.ends.remove(&stream)) else { return };
        self.stream = None;
        let seconds = match end {
            End::Served => {
                self.served = true;
                return;
            }
            End::Failed => {
                self.sign();
                0
            }
            End::Cut => {
                self.sign();
                1
            }
            End::Refused(code, seconds) => {
                let over = code == "payment_already_used" || code == "redemption_exhausted";
                if over || byte.is_multiple_of(3) {
                    self.sign();
                }
                seconds.unwrap_or(1)
            }
        };
        self.comes = host(|host| host.now) + seconds * 1_000;
    }

    /// It can be had in the end, as long as there are payments for it.
    fn satisfy(&mut self, world: &mut World) {
        self.listen(world, 1);
        let mut tries = 0;
        while !self.served && tries < 3 {
            self.present(world, tries);
            rest(world);
            let before = self.signed;
            self.listen(world, 1);
            // The last of its payments may be used up for another of the wallet's.
            tries += u8::from(before == self.signed);
            for _ in 0..5 {
                world.pass(1_000);
                rest(world);
            }
        }
        assert!(self.served || self.signed + 1 == SIGNED, "{:?} cannot be had", self.payments);
    }
}

fn second(
    world: &mut World,
    wants: &mut [Want],
    byte: u8,
    argument: &mut impl FnMut() -> u8,
    outcome: &mut Outcome,
) {
    let now = host(|host| host.now);
    for want in wants.iter_mut() {
        want.listen(world, argument());
        if want.stream.is_none() && !want.served && want.comes <= now {
            want.present(world, argument());
        }
    }
    for _ in 0..usize::from(byte) % STEPS {
        if let Some(fault) = go_on(world, argument(), argument()) {
            *outcome.faults.entry(fault).or_default() += 1;
        }
    }
    come_in_time(world, now);
    world.pass(1_000);
    come_in_time(world, now + 1_000);
}

/// What happens next; what went wrong, if something did.
fn go_on(world: &mut World, what: u8, which: u8) -> Option<&'static str> {
    let pick = |among: &[u32]| among.get(usize::from(which).checked_rem(among.len())?).copied();
    let waiting = world.streams(|stream| stream.forwarded && stream.response.is_empty());
    match what {
        0..=15 => {
            world.hang_up(pick(&world.streams(|_| true))?);
            return Some("a client leaves");
        }
        16..=27 => {
            world.respond(pick(&waiting)?, 500);
            return Some("the upstream fails");
        }
        28..=33 => {
            world.mood = if which.is_multiple_of(2) { Mood::Lost } else { Mood::Pending };
            let left = pick(&world.calls(asks)).map(|call| world.carry(call));
            world.mood = Mood::Remembering;
            return left.map(|()| "a facilitator leaves it open");
        }
        34..=47 => world.respond(pick(&waiting)?, 200),
        48..=71 => world.finish(pick(&world.streams(|stream| stream.released))?),
        72..=79 => world.carry(pick(&world.calls(asks))?),
        _ => work(world),
    }
    None
}

/// A settlement that is under way.
fn asks(call: &Call) -> bool {
    !call.heard && call.path.ends_with("/settle")
}

/// Something happens but that an upstream or a facilitator answers: these take their time.
fn work(world: &mut World) {
    if world.roots().into_iter().any(|root| world.turn(root)) {
        return;
    }
    if let Some(call) = world.calls(|call| !call.heard && !asks(call)).first() {
        world.carry(*call);
    }
}

#[cfg(test)]
mod tests;
