//! What the documented capacity is worth, in figures; run with `--nocapture` to read them.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "figures are the point")]

use super::*;

const DEFAULT: u32 = 131_072;

/// The chance that one more claim meets a full bucket when `claims` are spread over
/// `buckets`: the tail of a binomial distribution, summed in logarithms.
fn refusal(claims: u32, buckets: u32, limit: usize) -> f64 {
    let (n, p) = (f64::from(claims), 1.0 / f64::from(buckets));
    let mut log_term = n * (-p).ln_1p();
    let mut tail = 0.0;
    for k in 0..claims {
        if k as usize >= limit {
            tail += log_term.exp();
        }
        let k = f64::from(k);
        log_term += ((n - k) / (k + 1.0)).ln() + p.ln() - (-p).ln_1p();
        if k > n * p && log_term < -80.0 {
            break;
        }
    }
    tail
}

#[test]
fn the_default_capacity_holds_131_072_tombstones_in_buckets_under_4_kb() {
    let store = Memory::new(DIALECTS[0]);
    let table = Table::open(&store, DEFAULT, Layout::Two, SEED).unwrap();
    let fill = |range: std::ops::Range<u32>| {
        let mut refused = 0u32;
        for n in range.map(u64::from) {
            let begun = run(&table, &store, n, Op::Begin(begin(n, Opening::Settling)));
            if begun == Outcome::Full {
                refused += 1;
                continue;
            }
            assert_eq!(begun, Outcome::Granted);
            assert_eq!(run(&table, &store, n, settled(n, true)), Outcome::Deliver);
            assert_eq!(run(&table, &store, n, Op::Delivered { attempt: Attempt(n) }), Outcome::Done);
        }
        refused
    };
    let refused: u32 = std::thread::scope(|scope| {
        let half = scope.spawn(|| fill(0..DEFAULT / 2));
        fill(DEFAULT / 2..DEFAULT) + half.join().unwrap()
    });
    let sizes = (0..table.buckets()).map(|bucket| store.value(&table.bucket_key(bucket)).len());
    let largest = sizes.clone().max().unwrap();
    let limit = table.bucket_limit();
    println!(
        "{DEFAULT} tombstones in {} buckets: {refused} refused, largest bucket {largest} B ({} entries, limit {limit}), \
         {} B in all; at the limit {} B of tombstones or {} B of live claims; chance that the next is refused {:.1e}",
        table.buckets(),
        (largest - 8) / 48,
        sizes.sum::<usize>(),
        8 + 48 * limit,
        8 + 100 * limit,
        refusal(DEFAULT, table.buckets(), limit),
    );
    assert_eq!(refused, 0);
    assert!(largest < 4_096 && 8 + 48 * limit < 4_096);
}

#[test]
fn at_capacity_a_claim_is_refused_about_once_in_a_million() {
    let mut worst = (0.0, 0);
    for capacity in (33..4_096).chain((1..=64).map(|k| k * 2_048)).chain((1..=64).map(|k| k * 2_048 - 1)) {
        let store = Memory::new(DIALECTS[0]);
        store.dies_after(3);
        let _ = Table::open(&store, capacity, Layout::Two, SEED);
        let log2 = store.value("x402/2/meta")[1];
        let chance = refusal(capacity, 1 << log2, bucket_limit(capacity, log2));
        if chance > worst.0 {
            worst = (chance, capacity);
        }
    }
    println!("worst chance of a refusal at capacity: {:.1e}, at a capacity of {}", worst.0, worst.1);
    assert!(worst.0 < 5e-6, "{worst:?}");
}
