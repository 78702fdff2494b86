//! The table on a real Envoy with two workers, under both values of
//! `allow_on_headers_stop_iteration`.

use std::process::ExitCode;
use std::sync::Arc;

use x402_scenarios::envoy::{self, Fleet};
use x402_scenarios::harness::{self, Make};
use x402_scenarios::parallel;
use x402_scenarios::rig::Rig;
use x402_scenarios::table;

fn main() -> ExitCode {
    if !envoy::present() {
        return harness::main(Vec::new());
    }
    let scenarios = || table::all().into_iter().chain(table::hosted()).collect::<Vec<_>>();
    let fleet = Arc::new(Fleet::default());
    let make = |allow: bool| -> Make {
        let fleet = Arc::clone(&fleet);
        Arc::new(move |scenario| fleet.serve(scenario, allow).map(|rig| Box::new(rig) as Box<dyn Rig>))
    };
    let mut trials = harness::trials("envoy", scenarios(), &make(false));
    trials.extend(harness::trials("envoy_allow", scenarios(), &make(true)));
    for allow in [false, true] {
        trials.extend(parallel::trials(&fleet, allow));
    }
    // The processes end with the fleet, which the trials share.
    harness::main(trials)
}
