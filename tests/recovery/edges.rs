//! Numbers at the edges of every range, and recovery ids 2 and 3.

use num_bigint::BigUint;

use super::{recover, step, Case, Others, Words};

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

/// The order and the modulus: SEC 2, 2.4.1.
fn order() -> BigUint {
    number("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
}

fn modulus() -> BigUint {
    number("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
}

/// The curve's endomorphism: the third root of one modulo the order.
fn lambda() -> BigUint {
    number("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72")
}

fn bytes(number: &BigUint) -> [u8; 32] {
    let digits = number.to_bytes_be();
    let mut bytes = [0; 32];
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    bytes
}

/// Zero, one, the order, half of it, the modulus, their difference, 2^128, the words' and limbs'
/// ends, all ones: each with its neighbours.
fn edges() -> Vec<[u8; 32]> {
    let (n, p, one) = (order(), modulus(), BigUint::from(1u32));
    let mut middles = vec![&n >> 1, n.clone(), &n - lambda(), lambda(), &p - &n, p.clone(), one.clone()];
    middles.extend([29usize, 32, 58, 64, 127, 128, 129, 192, 232, 255].map(|bits| &one << bits));
    let mut all: Vec<BigUint> = middles.iter().flat_map(|m| [m - &one, m.clone(), m + &one]).collect();
    all.push((&one << 256usize) - &one);
    all.sort();
    all.dedup();
    all.iter().map(bytes).collect()
}

#[test]
fn every_combination_of_edges() {
    let others = Others::new();
    let mut words = Words::of("edges");
    let edges = edges();
    let mut number = 0usize;
    let (mut keys, mut none) = (0, 0);
    let digests: Vec<_> = edges.iter().step_by(3).copied().chain([words.next()]).collect();
    // A prime, so that every number meets every other.
    let step = step(61);
    for digest in &digests {
        for r in &edges {
            for s in &edges {
                number += 1;
                if number.is_multiple_of(step) {
                    for y_is_odd in [false, true] {
                        let case = Case { digest: *digest, r: *r, s: *s, y_is_odd };
                        let found = others.agree(&case);
                        keys += usize::from(found);
                        none += usize::from(!found);
                    }
                }
            }
        }
    }
    assert!(keys * step > 8_000 && none * step > 8_000, "{keys} keys, {none} none");
}

/// Points whose `x` is above the order: Ethereum has no `v` for them. Only where `r` itself is on
/// the curve does a key come out, and then it is that one's.
#[test]
fn the_second_candidate_for_x_does_not_exist() {
    let others = Others::new();
    let mut words = Words::of("second candidates");
    let (mut found, mut neither) = (0, 0);
    for r in 1u32..60 {
        let case = Case { digest: words.next(), r: bytes(&r.into()), s: words.next(), y_is_odd: r % 2 == 0 };
        let second = others.native(&case, 2 + u8::from(case.y_is_odd));
        let first = others.agree(&case).then(|| recover(&case).unwrap());
        if second.is_some() {
            found += 1;
            assert_ne!(first, second, "{case:x?}");
            neither += u32::from(first.is_none());
        }
        // x itself as r is no number below the order.
        let above = Case { r: bytes(&(order() + r)), ..case };
        assert_eq!(recover(&above), None);
        assert!(!others.agree(&above));
    }
    assert!(found > 20 && neither > 5, "{found} {neither}");
}
