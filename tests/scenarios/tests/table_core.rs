//! The table on the core alone: bytes in, effects out.

use std::process::ExitCode;
use std::sync::Arc;

use x402_scenarios::harness::{self, Make};
use x402_scenarios::rig::Rig;
use x402_scenarios::sansio::Sansio;
use x402_scenarios::table;

fn main() -> ExitCode {
    let make: Make =
        Arc::new(|scenario| Sansio::start(scenario.shop).map(|rig| Box::new(rig) as Box<dyn Rig>));
    let scenarios = table::all().into_iter().chain(table::in_process()).collect();
    harness::main(harness::trials("core", scenarios, &make))
}
