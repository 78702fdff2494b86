//! The table on the unmodified shell, in-process, under both values of
//! `allow_on_headers_stop_iteration`.

use std::process::ExitCode;
use std::sync::Arc;

use x402_scenarios::harness::{self, Make};
use x402_scenarios::native::{self, Native};
use x402_scenarios::rig::Rig;
use x402_scenarios::table;

fn main() -> ExitCode {
    native::prepare();
    let scenarios = || {
        let sets = [table::all(), table::hosted(), table::in_process(), table::timed()];
        sets.into_iter().flatten().collect()
    };
    let make = |allow: bool| -> Make {
        Arc::new(move |scenario| Native::start(scenario.shop, allow).map(|rig| Box::new(rig) as Box<dyn Rig>))
    };
    let mut trials = harness::trials("native", scenarios(), &make(false));
    trials.extend(harness::trials("native_allow", scenarios(), &make(true)));
    harness::main(trials)
}
