//! What names a claim and what binds it.

use super::*;
use crate::evm::address::Address;

fn identity() -> Identity {
    Identity {
        chain_id: 8_453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce: [3; 32],
    }
}

#[test]
fn a_claim_is_found_where_it_was_put_and_depends_on_every_bit_of_its_name() {
    let seed = [9; 16];
    let at = identity().locate(&seed);
    assert_eq!(identity().locate(&seed), at);
    let mut places = vec![at, identity().locate(&[8; 16])];
    for bit in 0..64 {
        places.push(Identity { chain_id: 8_453 ^ (1 << bit), ..identity() }.locate(&seed));
    }
    for byte in 0..20 {
        let mut other = [1; 20];
        other[byte] ^= 0x80;
        places.push(Identity { verifying_contract: Address::new(other), ..identity() }.locate(&seed));
        let mut other = [2; 20];
        other[byte] ^= 1;
        places.push(Identity { payer: Address::new(other), ..identity() }.locate(&seed));
    }
    for byte in 0..32 {
        let mut nonce = [3; 32];
        nonce[byte] ^= 1;
        places.push(Identity { nonce, ..identity() }.locate(&seed));
    }
    let distinct: std::collections::HashSet<_> = places.iter().collect();
    assert_eq!(distinct.len(), places.len());
}

#[test]
fn names_that_swap_their_parts_differ() {
    let swapped =
        Identity { verifying_contract: identity().payer, payer: identity().verifying_contract, ..identity() };
    assert_ne!(swapped.locate(&[9; 16]), identity().locate(&[9; 16]));
}

#[test]
fn a_receipt_id_is_the_same_on_every_replica_of_every_release() {
    // Over the same bytes by another implementation: an id that moves does not reconcile.
    let name = [&b"x402 receipt id "[..], &8_453u64.to_be_bytes(), &[1; 20], &[2; 20], &[3; 32]].concat();
    let hash = alloy_primitives::keccak256(name);
    assert_eq!(identity().receipt_id(), hex::encode(&hash[..16]));
    let other = Identity { nonce: [4; 32], ..identity() };
    assert_ne!(identity().receipt_id(), other.receipt_id());
    let elsewhere = Identity { chain_id: 84_532, ..identity() };
    assert_ne!(identity().receipt_id(), elsewhere.receipt_id());
}

#[test]
fn a_binding_is_sensitive_to_everything_that_was_bought() {
    let (pay_to, asset, amount) = ([1; 20], [2; 20], [3; 32]);
    let parts: [&[u8]; 3] = [&pay_to, &asset, &amount];
    let bound = Binding::new("tiles", &parts);
    assert_eq!(Binding::new("tiles", &parts), bound);
    let others = [
        Binding::new("tiles2", &parts),
        Binding::new("", &parts),
        Binding::new("tiles", &[&asset, &asset, &amount]),
        Binding::new("tiles", &[&pay_to, &pay_to, &amount]),
        Binding::new("tiles", &[&asset, &pay_to, &amount]),
        Binding::new("tiles", &[&pay_to, &asset, &[4; 32]]),
    ];
    for other in others {
        assert_ne!(other, bound);
    }
    assert_ne!(Binding::new("ab", &[b"c"]), Binding::new("a", &[b"bc"]), "a route ends where it ends");
}

#[test]
fn a_binding_to_a_signature_is_another_for_every_other_signature() {
    let bound = Binding([5; 16]);
    let with = bound.with_signature(&[1, 2, 3]);
    assert_eq!(bound.with_signature(&[1, 2, 3]), with);
    for signature in [&[][..], &[1, 2], &[1, 2, 4], &[1, 2, 3, 0]] {
        assert_ne!(bound.with_signature(signature), with);
        assert_ne!(bound.with_signature(signature), bound);
    }
    assert_ne!(Binding([6; 16]).with_signature(&[1, 2, 3]), with, "and still to what was bought");
}

#[test]
fn names_of_other_kinds_meet_neither_authorisations_nor_each_other() {
    let names = [
        Identity::named("transaction", &[b"solana:1", b"ab"]),
        Identity::named("transaction", &[b"solana:1a", b"b"]),
        Identity::named("transaction", &[b"solana:1ab"]),
        Identity::named("transaction", &[b"solana:1", b"ab", b""]),
        Identity::named("payment", &[b"solana:1", b"ab"]),
        Identity::named("transactionsolana:1", &[b"ab"]),
    ];
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    for name in names {
        assert_eq!(name.chain_id, 0, "no EVM chain has it");
    }
    assert_eq!(Identity::named("payment", &[b"a"]), Identity::named("payment", &[b"a"]));
}

#[test]
fn states_are_the_bytes_they_are_stored_as() {
    for byte in 0..=u8::MAX {
        let state = State::from_byte(byte);
        assert_eq!(state.map(|s| s as u8), (1..=7).contains(&byte).then_some(byte));
    }
    assert_eq!(
        State::ALL.map(State::name),
        ["held", "settling", "taken", "redeeming", "delivered", "unknown", "credited"]
    );
}

/// The first answer alone can say that an authorisation was spent for somebody else.
#[test]
fn a_failure_on_the_first_ask_is_remembered_and_no_later_one() {
    for state in [State::Settling, State::Unknown] {
        let first = Claim { asks: 1, ..claim(state) };
        let (Next::Put(after), Outcome::Done) =
            Claim::apply(Some(first), &Op::Suspect { attempt: OWNER, since: SINCE }, NOW)
        else {
            panic!("{state:?}");
        };
        assert_eq!(after, Claim { foreign: Some(SINCE), ..first });
        let again = Claim { asks: 2, ..claim(state) };
        let (next, _) = Claim::apply(Some(again), &Op::Suspect { attempt: OWNER, since: SINCE }, NOW);
        assert_eq!(next, Next::Keep, "{state:?}, asked again");
        let (next, outcome) =
            Claim::apply(Some(first), &Op::Suspect { attempt: STRANGER, since: SINCE }, NOW);
        assert_eq!((next, outcome), (Next::Keep, Outcome::Lost));
    }
}

/// Whoever presents it in a loop has nobody asked in a loop. A claim that was begun under longer
/// timeouts is asked about all the same.
#[test]
fn an_open_claim_is_soon_asked_about_once_a_second() {
    let (Next::Put(asked), _) = Claim::apply(None, &Op::Begin(begin(Opening::Settling)), NOW) else {
        panic!("it was begun")
    };
    let (Next::Put(first), _) = Claim::apply(Some(asked), &Op::Unknown { attempt: NEWCOMER }, NOW) else {
        panic!("it was asked for")
    };
    for asks in 1..QUICK_ASKS {
        let again = Op::Begin(begin(Opening::Nothing));
        let outcome = Claim::apply(Some(Claim { asks, ..first }), &again, NOW).1;
        assert_eq!(outcome, Outcome::Resolve(None), "{asks}: at once");
    }
    let open = Claim { asks: QUICK_ASKS, ..first };
    let present = |after| {
        let again = Begin { lease: open.lease + after, ..begin(Opening::Nothing) };
        Claim::apply(Some(open), &Op::Begin(again), NOW + after)
    };
    assert_eq!(present(0), (Next::Keep, Outcome::InFlight), "in the same second");
    assert!(matches!(present(1), (Next::Put(_), Outcome::Resolve(None))), "in the next");
    let shorter = Begin { lease: open.lease - 10, ..begin(Opening::Nothing) };
    let outcome = Claim::apply(Some(open), &Op::Begin(shorter), NOW).1;
    assert_eq!(outcome, Outcome::Resolve(None), "with shorter timeouts");
}
