//! Recovery of a signer in a loop, with nothing else between: `benches/recovery` in Node's V8 and
//! natively. It is run here, so that its table is of the same hour as the others.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stats::Estimate;
use crate::Failure;

/// One way to recover, on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    pub host: String,
    /// `stock`, `lean` or `ours`.
    pub way: String,
    /// Microseconds a recovery: the median, and the least.
    pub micros: f64,
    pub least: f64,
    /// What it takes of stock's time in the same round.
    pub of_stock: Estimate,
}

/// Runs it, where there is a Node.
///
/// # Errors
/// What is missing besides, or what it says.
pub fn run() -> Result<Vec<Way>, Failure> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = |variable: &str, otherwise: &str| {
        std::env::var_os(variable).map_or_else(|| here.join("../target").join(otherwise), PathBuf::from)
    };
    let module = named("X402_RECOVERY_MODULE", "recovery/wasm32-wasip1/release/recovery_bench.wasm");
    let native = named("X402_RECOVERY_NATIVE", "recovery/release/recovery-bench");
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("x402-bench: no Node: recovery is not measured by itself");
        return Ok(Vec::new());
    }
    if let Some(missing) = [&module, &native].into_iter().find(|file| !file.is_file()) {
        return Err(format!("{} is missing: `make recovery` builds it", missing.display()).into());
    }
    let ran = Command::new("node").arg(here.join("recovery/bench.mjs")).args([module, native]).output()?;
    if !ran.status.success() {
        return Err(format!("recovery: {}", String::from_utf8_lossy(&ran.stderr)).into());
    }
    let table = String::from_utf8(ran.stdout)?;
    let ways = ways(&table);
    if ways.iter().any(Way::is_ours_in_v8) {
        return Ok(ways);
    }
    Err(format!("recovery: not a table:\n{table}").into())
}

/// The rows that hold figures.
fn ways(table: &str) -> Vec<Way> {
    table.lines().filter_map(Way::read).collect()
}

// === impl Way ===

impl Way {
    fn read(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let &[host, way, micros, least, ratio, interval] = cells.as_slice() else { return None };
        let (low, high) = interval.split_once('-')?;
        let number = |text: &str| text.parse::<f64>().ok();
        Some(Self {
            host: host.to_owned(),
            way: way.to_owned(),
            micros: number(micros)?,
            least: number(least)?,
            of_stock: Estimate { median: number(ratio)?, low: number(low)?, high: number(high)? },
        })
    }

    /// What the target is about.
    pub fn is_ours_in_v8(&self) -> bool {
        self.way == "ours" && self.host.starts_with("V8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let table = "| host | way | µs, median | least | of stock | 95 % |\n|---|---|---|---|---|---|\n\
                     | native | ours | 88.7 | 75.2 | 0.346 | 0.340-0.351 |\n\
                     | V8 11.3 | ours | 88.6 | 83.9 | 0.156 | 0.155-0.158 |\n";
        let found = ways(table);
        assert_eq!(found.len(), 2, "{found:?}");
        let ours = found.iter().find(|way| way.is_ours_in_v8()).unwrap();
        assert_eq!(ours.of_stock, Estimate { median: 0.156, low: 0.155, high: 0.158 });
        assert!((ours.micros - 88.6).abs() < 1e-9 && (ours.least - 83.9).abs() < 1e-9);
    }
}
