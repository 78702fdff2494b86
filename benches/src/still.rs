//! What needs no rounds: size, start-up, memory, claims.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use x402_proxy_wasm::claims::bucket::Layout;
use x402_proxy_wasm::claims::table::{Shared, StoreDown, Table};
use x402_proxy_wasm::claims::{Attempt, Begin, Binding, Identity, Op, Opening, Outcome, Transaction};
use x402_proxy_wasm::evm::address::Address;

use crate::bed::{Behind, Modules, Plan};
use crate::load::Load;
use crate::paths::{Wallets, ALL};
use crate::stack::Stack;
use crate::{cpu, stats, Failure};

/// The claims a policy holds unless it says otherwise.
pub const CAPACITY: u32 = 131_072;

/// One stack's start and memory; medians.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    pub stack: Stack,
    /// Milliseconds from the start of the process until it serves.
    pub ready: f64,
    /// Processor milliseconds until then.
    pub cpu: f64,
    /// Resident MiB after load, with one worker.
    pub one: f64,
    /// And with two.
    pub two: f64,
}

/// A table filled to its capacity.
#[derive(Clone, Debug)]
pub struct Filled {
    pub what: &'static str,
    pub granted: u32,
    pub refused: u32,
    /// Values in shared data; keys and the host's own overhead come on top.
    pub bytes: usize,
    pub buckets: u32,
    /// Nanoseconds for one op, native, on a full table.
    pub op: f64,
}

/// Starts each stack alone, with one and two workers, and loads it.
pub fn footprints(
    behind: &Behind,
    modules: &Modules,
    stacks: &[Stack],
    times: usize,
) -> Result<Vec<Footprint>, Failure> {
    stacks.iter().map(|stack| footprint(behind, modules, *stack, times)).collect()
}

fn footprint(behind: &Behind, modules: &Modules, stack: Stack, times: usize) -> Result<Footprint, Failure> {
    let [mut ready, mut cpu, mut one, mut two] = [const { Vec::new() }; 4];
    for _ in 0..times {
        for (workers, resident) in [(1, &mut one), (2, &mut two)] {
            let begun = Instant::now();
            let envoy = behind.envoy(modules, Plan { workers, ..Plan::of(&[stack]) })?;
            if workers == 1 {
                ready.push(begun.elapsed().as_secs_f64() * 1e3);
                cpu.push(float(cpu::nanos(envoy.pid())?) / 1e6);
            }
            load(&envoy, stack)?;
            resident.push(float(cpu::resident_kib(envoy.pid())?) / 1024.0);
        }
    }
    let [ready, cpu, one, two] = [ready, cpu, one, two].map(|values| stats::median(&values));
    Ok(Footprint { stack, ready, cpu, one, two })
}

/// Enough connections that every worker gets some, and something on the paths of the stack.
fn load(envoy: &x402_devstack::envoy::Envoy, stack: Stack) -> Result<(), Failure> {
    let mut load = Load::open(envoy.address(), 64)?;
    let sells = matches!(stack, Stack::Ours | Stack::Routes(_));
    for path in ALL.iter().filter(|path| path.name == "free" || (path.name == "unpaid" && sells)) {
        load.run(path.requests(None, &Wallets::new(2), 4_000)?, path.status)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds, kibibytes of mebibytes")]
fn float(number: u64) -> f64 {
    number as f64
}

/// The host's shared data, in this process.
#[derive(Default)]
struct Store(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl Shared for Store {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        let mut entries = self.0.borrow_mut();
        match entries.get_mut(key) {
            Some((_, current)) if *current != cas => Ok(false),
            Some((known, current)) => {
                value.clone_into(known);
                *current += 1;
                Ok(true)
            }
            None => {
                entries.insert(key.to_owned(), (value.to_vec(), 1));
                Ok(true)
            }
        }
    }
}

/// Fills the table with as many purchases as its capacity says: waiting for their upstream,
/// and then delivered.
pub fn claims(capacity: u32) -> Result<Vec<Filled>, Failure> {
    const NOW: u64 = 1_800_000_000;
    let store = Store::default();
    let table = Table::open(&store, capacity, Layout::Two, *b"sixteen bytes of")?;
    let outcomes = |op: &dyn Fn(u32) -> Op| -> (Vec<Outcome>, f64) {
        let begun = Instant::now();
        let all = (0..capacity)
            .map(|number| table.run(&store, &identity(number), &op(number), NOW).outcome)
            .collect();
        (all, begun.elapsed().as_secs_f64() * 1e9 / f64::from(capacity))
    };
    let count =
        |outcomes: &[Outcome], wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let bytes = || store.0.borrow().values().map(|(value, _)| value.len()).sum();
    let lease = NOW + 15;
    let begin = |number: u32| Begin {
        attempt: Attempt(number.into()),
        opening: Opening::Held,
        binding: Binding([7; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease,
        settler: 1,
        vouched: false,
    };
    let (begun, op) = outcomes(&|number| Op::Begin(begin(number)));
    let granted = u32::try_from(count(&begun, Outcome::Granted))?;
    let refused = u32::try_from(count(&begun, Outcome::Full))?;
    let live = Filled { what: "live", granted, refused, bytes: bytes(), buckets: table.buckets(), op };
    for number in 0..capacity {
        let attempt = Attempt(number.into());
        let settled = Op::Settled {
            attempt,
            transaction: Transaction([9; 32]),
            deliver: Some(lease),
            until: 0,
            otherwise: begin(number),
        };
        table.run(&store, &identity(number), &Op::Settling { attempt, lease, amount: None, settler: 1 }, NOW);
        table.run(&store, &identity(number), &settled, NOW);
    }
    let (ended, op) = outcomes(&|number| Op::Delivered { attempt: Attempt(number.into()) });
    let kept = u32::try_from(count(&ended, Outcome::Done))?;
    Ok(vec![
        live,
        Filled { what: "delivered", granted: kept, refused, bytes: bytes(), buckets: table.buckets(), op },
    ])
}

fn identity(number: u32) -> Identity {
    let mut nonce = [0; 32];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    Identity {
        chain_id: 84_532,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_holds_what_it_says() {
        let filled = claims(4_096).unwrap();
        assert_eq!(filled[0].granted + filled[0].refused, 4_096);
        assert!(filled[0].refused <= 4, "{filled:?}");
        assert!(filled[1].granted >= filled[0].granted && filled[1].bytes < filled[0].bytes, "{filled:?}");
    }
}
