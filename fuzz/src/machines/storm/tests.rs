//! Stories of many kinds, and some that are told on purpose.

use super::super::facilitator::Mood;
use super::super::market::Coin;
use super::super::promises::{stored, Account};
use super::super::tally::Tally;
use super::super::weather::Sky;
use super::super::world::{End, Fate};
use super::super::{host, play, Settings, World, CROWD, NEXT, STORM};
use super::{calm, rest, step};

/// A settlement's answer that waited for the store is written while the timer, which found the claim
/// open, is about to ask again: it finds it paid, and leaves it to the payer, uncounted.
#[test]
fn who_asks_again_about_what_is_paid_by_then_leaves_nothing_at_work() {
    for away in 12..24 {
        play(&[2]);
        let mut world = World::new(Settings::of(0b10_0010), NEXT.get());
        world.strict = true;
        let root = world.open_roots()[0];
        world.present(root, 0);
        let asks = |call: &host::Call| call.path.ends_with("/settle") && !call.heard;
        let mut left = 50;
        while world.calls(asks).is_empty() && left > 0 {
            super::step(&mut world);
            left -= 1;
        }
        let until = host::host(|host| host.now) + away * 1_000;
        world.weather.turns(0, Sky::Away, until);
        world.weather.turns(1, Sky::Away, until);
        let settle = world.calls(asks)[0];
        world.arrive(settle, world.mood);
        world.return_call(settle, Fate::Delivered);
        for _ in 0..away {
            rest(&mut world);
            world.pass(1_000);
        }
        calm(&mut world);
        let account = world.promises.account(0, &world.redis, world.settings, world.now());
        assert_eq!(account, Account::Redeemable, "{away} s");
        assert_eq!(stored(0, &world.redis).expect("a claim").redeems, 0, "{away} s");
        NEXT.set(world.end());
    }
}

/// Any order of outages, tries and failures. How many, and from which seed, can be said:
/// `MODEL_STORMS`, `MODEL_SEED`; from which one on: `MODEL_FROM`.
#[test]
fn the_books_balance_in_any_weather() {
    let tally = Tally::of("MODEL_STORMS", 800, |byte| {
        let length = 200 + 2 * usize::from(byte());
        let mut data: Vec<u8> = (0..length).map(|_| byte()).collect();
        data[0] = data[0] & !CROWD | STORM;
        data
    });
    tally.show();
    assert_eq!(tally.faults.len(), 5, "every fault was injected: {:?}", tally.faults);
    assert!(tally.sum.booked as u64 > 2 * tally.count, "hardly anybody bought");
}

/// A replica that met another one's work on a claim does not go by that: when it was given back, the
/// wallet's new payment is served from it there as well, and costs nothing.
#[test]
fn what_another_replica_was_at_work_on_is_not_remembered() {
    for anew in [false, true] {
        play(&[2]);
        let mut world = World::new(Settings::of(0b10_0010), NEXT.get());
        world.strict = true;
        let roots = world.open_roots();
        let works = |world: &mut World, root| {
            let stream = world.present(root, 0);
            let mut left = 50;
            while world.streams(|stream| stream.forwarded).is_empty() && left > 0 {
                step(world);
                left -= 1;
            }
            stream
        };
        for met in [false, true] {
            let stream = works(&mut world, roots[0]);
            if met {
                let second = world.present(roots[1], 0);
                while !world.ends.contains_key(&second) && step(&mut world) {}
                let refused = world.ends.get(&second);
                assert!(matches!(refused, Some(End::Refused(code, _)) if code == "payment_in_flight"));
            }
            world.respond(stream, 500);
            rest(&mut world);
        }
        let served = world.present(roots[1], if anew { 4 } else { 0 });
        rest(&mut world);
        assert_eq!(world.ends.get(&served), Some(&End::Served));
        assert_eq!(world.chain[4], Coin::Unspent, "charged again");
        NEXT.set(world.end());
    }
}

/// Who comes back to ask about an open outcome, and whose question is written and not heard of, leaves
/// nobody at work on it.
#[test]
fn a_question_whose_answer_is_lost_is_given_back() {
    play(&[2]);
    let mut world = World::new(Settings::of(0b10_0010), NEXT.get());
    world.strict = true;
    world.mood = Mood::Pending;
    let root = world.open_roots()[0];
    let code = |world: &mut World| {
        let stream = world.present(root, 0);
        rest(world);
        match world.ends.remove(&stream) {
            Some(End::Refused(code, _)) => code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(&mut world), "settlement_pending");
    let until = host::host(|host| host.now) + 3_000;
    world.weather.turns(0, Sky::Deaf, until);
    assert_eq!(code(&mut world), "claim_store_unavailable");
    calm(&mut world);
    assert_eq!(code(&mut world), "settlement_pending");
    NEXT.set(world.end());
}
