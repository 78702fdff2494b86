//! Stories of a crowd, and two that are told on purpose.

use super::super::host;
use super::super::market::{Coin, FEW, WANTS};
use super::super::tally::Tally;
use super::super::world::{End, World};
use super::super::{play, Settings, CROWD, NEXT};
use super::{asks, rest};

/// What happens until nothing is left but upstreams to answer and, if they hold, facilitators.
fn go(world: &mut World, facilitators: bool) {
    let mut left = 2_000;
    loop {
        let goes = |call: &host::Call| !call.heard && (facilitators || !asks(call));
        let call = world.calls(goes).first().copied();
        if let Some(call) = call {
            world.carry(call);
        } else if !world.roots().into_iter().any(|root| world.turn(root)) {
            return;
        }
        left -= 1;
        assert!(left > 0, "it never comes to rest");
    }
}

/// All that is wanted is at work at once, under `before`; each stream. The first began a second before.
fn crowd(shared: bool, facilitators: bool) -> (World, Vec<u32>) {
    play(&[2]);
    let mut world = World::new(Settings::of(if shared { 0b10_0010 } else { 0 }), NEXT.get());
    world.crowded = true;
    let root = world.open_roots()[0];
    let mut streams = Vec::new();
    for want in 0..WANTS {
        streams.push(world.present(root, FEW + want));
        go(&mut world, facilitators);
        if want == 0 {
            world.pass(1_000);
        }
    }
    (world, streams)
}

/// Of many that are upstream one fails, the first or the last or any: the next payment is served from it.
#[test]
fn what_is_owed_is_found_however_many_are_at_work() {
    for (shared, failing) in
        [false, true].into_iter().flat_map(|shared| (0..WANTS).map(move |at| (shared, at)))
    {
        let (mut world, streams) = crowd(shared, true);
        assert_eq!(world.streams(|stream| stream.forwarded).len(), WANTS);
        world.respond(streams[failing], 500);
        go(&mut world, true);
        assert_eq!(world.streams(|stream| stream.forwarded && stream.response.is_empty()).len(), WANTS - 1);
        let next = FEW + WANTS;
        let root = world.open_roots()[1];
        let stream = world.present(root, next);
        rest(&mut world);
        assert_eq!(world.ends.get(&stream), Some(&End::Served), "shared: {shared}, {failing}");
        assert_eq!(world.chain[next], Coin::Unspent, "charged, shared: {shared}, {failing}");
        NEXT.set(world.end());
    }
}

/// Of many that are being settled the client of one leaves: the next payment waits for that, and is
/// served from it.
#[test]
fn who_left_is_awaited_however_many_are_at_work() {
    for (shared, leaving) in
        [false, true].into_iter().flat_map(|shared| (0..WANTS).map(move |at| (shared, at)))
    {
        let (mut world, streams) = crowd(shared, false);
        world.hang_up(streams[leaving]);
        go(&mut world, false);
        let next = FEW + WANTS;
        let root = world.open_roots()[1];
        let stream = world.present(root, next);
        go(&mut world, false);
        let told = world.ends.remove(&stream);
        let waits = matches!(&told, Some(End::Refused(code, _)) if code == "payment_in_flight");
        assert!(waits, "{told:?}, shared: {shared}, {leaving}");
        rest(&mut world);
        let stream = world.present(root, next);
        rest(&mut world);
        assert_eq!(world.ends.get(&stream), Some(&End::Served), "shared: {shared}, {leaving}");
        assert_eq!(world.chain[next], Coin::Unspent, "charged, shared: {shared}, {leaving}");
        NEXT.set(world.end());
    }
}

/// What failed as often as it may owes nothing, and leaves the process's index.
#[test]
fn what_was_tried_too_often_makes_room() {
    play(&[2]);
    let mut world = World::new(Settings::of(0), NEXT.get());
    let root = world.open_roots()[0];
    for tries in 1..=4 {
        let stream = world.present(root, FEW);
        go(&mut world, true);
        world.respond(stream, 500);
        rest(&mut world);
        let noted = host::host(|host| {
            let indexes = host.shared[0].iter().filter(|(key, _)| key.starts_with("x402/open/"));
            indexes.map(|(_, (bytes, _))| bytes.len()).sum::<usize>()
        });
        assert_eq!(noted > 0, tries < 4, "{noted} bytes after {tries} tries");
    }
    NEXT.set(world.end());
}

/// Any order of failures and tries. How many, and from which seed, can be said: `MODEL_CROWDS`,
/// `MODEL_SEED`; from which one on: `MODEL_FROM`.
#[test]
fn the_books_balance_in_any_crowd() {
    let tally = Tally::of("MODEL_CROWDS", 80, |byte| {
        let length = 1_500 + 8 * usize::from(byte());
        let mut data: Vec<u8> = (0..length).map(|_| byte()).collect();
        data[0] |= CROWD;
        data
    });
    tally.show();
    assert_eq!(tally.faults.len(), 3, "every fault was injected: {:?}", tally.faults);
    assert!(tally.sum.booked as u64 > 10 * tally.count, "hardly anything was bought");
}
