//! Runs the table on a rig: every scenario a test of its own, bounded in time.

use std::process::ExitCode;
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::rig::Rig;
use crate::stage::Stage;
use crate::table::Scenario;

/// A scenario that is not over by then has found something that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a rig is made, on the thread that will use it.
pub type Make = Arc<dyn Fn(&Scenario) -> Result<Box<dyn Rig>, String> + Send + Sync>;

/// One test per scenario, named `scenario::rig`.
pub fn trials(rig: &str, scenarios: Vec<Scenario>, make: &Make) -> Vec<Trial> {
    let each = scenarios.into_iter().enumerate().map(|(number, scenario)| {
        let (make, name) = (Arc::clone(make), format!("{}::{rig}", scenario.name));
        let marker = format!("{rig}-{number}");
        Trial::test(name, move || run(scenario, marker, make))
    });
    each.collect()
}

/// Runs tests as `cargo test` asks for them.
pub fn main(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(scenario: Scenario, marker: String, make: Make) -> Result<(), Failed> {
    let (done, over) = channel();
    // A thread of its own: the SDK's dispatcher is thread-local, so it is also a VM of its own.
    let thread = std::thread::spawn(move || {
        let mut rig = make(&scenario)?;
        let mut stage = Stage::new(rig.as_mut(), marker, scenario.lane);
        (scenario.play)(&mut stage);
        drop(rig);
        let _ = done.send(());
        Ok::<(), String>(())
    });
    if let Err(RecvTimeoutError::Timeout) = over.recv_timeout(PATIENCE) {
        return Err("not over after a minute".into());
    }
    match thread.join() {
        Ok(outcome) => outcome.map_err(Failed::from),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(text.unwrap_or_else(|| "panicked".to_owned()).into())
        }
    }
}
