//! What the bytes of an input make happen.

use super::facilitator::Mood;
use super::host;
use super::market::{Coin, FEW};
use super::step;
use super::world::{Fate, World};

/// One of several, if there are any.
fn pick(among: &[u32], byte: u8) -> Option<u32> {
    among.get(usize::from(byte).checked_rem(among.len())?).copied()
}

/// One event of an input; what went wrong, if that was one.
pub(super) fn happen(
    world: &mut World,
    event: u8,
    bytes: &mut impl Iterator<Item = u8>,
) -> Option<&'static str> {
    let mut argument = || bytes.next().unwrap_or(0);
    match event % 32 {
        0..=6 => {
            step(world);
        }
        7..=10 => {
            let byte = argument();
            let root = pick(&world.open_roots(), byte >> 3)?;
            world.present(root, usize::from(byte) % FEW);
        }
        11 | 12 => {
            let byte = argument();
            let moods = [
                (Mood::Plain, None),
                (Mood::Poor, Some("a facilitator finds too little money")),
                (Mood::Remembering, None),
                (Mood::Pending, Some("a facilitator is not sure yet")),
                (Mood::Lost, Some("a facilitator's answer is an error page")),
                (Mood::Confused, Some("a facilitator answers for another network")),
            ];
            let (mood, fault) = moods[usize::from(byte >> 4) % moods.len()];
            let call = pick(&world.calls(|call| call.answer.is_none()), byte & 15)?;
            world.arrive(call, mood);
            return fault;
        }
        13 | 14 => {
            let fates = [
                (Fate::Delivered, None),
                (Fate::TimedOut, Some("a call's answer is lost")),
                (Fate::Unsent, Some("a call is not sent")),
            ];
            let byte = argument();
            let (fate, fault) = fates[usize::from(byte >> 4) % fates.len()];
            let call = pick(&world.calls(|call| !call.heard), byte & 15)?;
            world.return_call(call, fate);
            return fault;
        }
        15 | 16 => {
            let byte = argument();
            let status = [200, 200, 500, 304, 204][usize::from(byte >> 5) % 5];
            let stream = pick(&world.streams(|stream| stream.forwarded), byte & 31)?;
            world.respond(stream, status);
            return (status == 500).then_some("the upstream fails");
        }
        17 | 18 => {
            let stream = pick(&world.streams(|stream| stream.released), argument())?;
            world.finish(stream);
        }
        19 => {
            let stream = pick(&world.streams(|_| true), argument())?;
            world.hang_up(stream);
            return Some("a client leaves");
        }
        20 => {
            let stream = pick(&world.streams(|stream| !stream.forwarded), argument())?;
            world.time_out(stream);
            return Some("the host's own time is over");
        }
        21 | 22 => world.pass(u64::from(argument() % 8 + 1) * 1_000),
        23 => {
            world.stall([5, 16, 30, 60, 600, 1_800, 3_600, 4_000][usize::from(argument() % 8)]);
            return Some("the workers stall");
        }
        24 => {
            let root = pick(&world.roots(), argument())?;
            world.crash(root);
            return Some("a worker crashes");
        }
        25 => {
            let byte = argument();
            let root = pick(&world.open_roots(), byte >> 1)?;
            world.reload(root, byte & 1 == 1);
            return Some("the configuration changes");
        }
        26 => {
            let place = usize::from(argument()) % FEW;
            if world.chain[place] == Coin::Unspent {
                world.chain[place] = Coin::Cancelled(world.now());
                return Some("a payer takes a payment back");
            }
        }
        27 => {
            host::host(|host| host.refuses = true);
            return Some("the host refuses calls");
        }
        28 => {
            world.redis.scripts = false;
            return world.settings.shared.then_some("the store forgets its scripts");
        }
        29 => {
            let root = pick(&world.open_roots(), argument()).filter(|_| world.settings.shared)?;
            world.restart(root);
            return Some("a process of two restarts");
        }
        30 => {
            let root = pick(&world.roots(), argument())?;
            world.turn(root);
        }
        _ => {
            for stream in world.streams(|stream| stream.released) {
                world.finish(stream);
            }
        }
    }
    None
}
