//! The same natively: a line of nanoseconds for each round, in the order of the names.

use std::time::Instant;

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [rounds, count] = numbers[..] else { panic!("recovery-bench ROUNDS COUNT") };
    let ways: [extern "C" fn(u32) -> u32; 3] =
        [recovery_bench::stock, recovery_bench::lean, recovery_bench::ours];
    assert!(ways.iter().all(|way| way(count) == ways[0](count)), "all recover the same");
    for _ in 0..rounds {
        let times = ways.map(|way| {
            let start = Instant::now();
            std::hint::black_box(way(count));
            start.elapsed().as_nanos().to_string()
        });
        println!("{}", times.join(" "));
    }
}
