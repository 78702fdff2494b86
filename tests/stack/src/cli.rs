//! Flags with environment fallbacks, for the four programs.

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

/// Why a program does not start.
#[derive(Debug)]
pub enum Stop {
    /// `--help` was asked for.
    Help,
    Wrong(String),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl Stop {
    /// Prints what is to be said, and the code to leave with.
    pub fn report(self, help: &str) -> ExitCode {
        match self {
            Self::Help => {
                print!("{help}");
                ExitCode::SUCCESS
            }
            Self::Wrong(why) => {
                eprintln!("{why}");
                ExitCode::from(2)
            }
        }
    }
}

/// A value from the environment, or the default.
pub fn environment<T: FromStr>(name: &str, default: T) -> Result<T, Stop>
where
    T::Err: Display,
{
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|error| Stop::Wrong(format!("{name}={text}: {error}"))),
        Err(_) => Ok(default),
    }
}

/// The value of the flag just read.
pub fn value<T: FromStr>(parser: &mut lexopt::Parser) -> Result<T, Stop>
where
    T::Err: Display,
{
    let text = parser.value()?.to_string_lossy().into_owned();
    text.parse().map_err(|error| Stop::Wrong(format!("{text}: {error}")))
}

/// Waits for SIGTERM or SIGINT, and with `stdin` for the end of the input too.
pub fn wait_for_the_end(stdin: bool) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    if stdin {
        // A thread of its own: it may block in read for ever, and dies with the process.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = ended.send(());
        });
    } else {
        std::mem::forget(ended);
    }
    runtime.block_on(async {
        use tokio::signal::unix::{signal, SignalKind};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = end => {}
        }
        Ok(())
    })
}
