//! Processor time, memory and pinning, from `/proc`.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::thread::{sched_setaffinity, CpuSet, Pid};

use crate::Failure;

/// Where Envoy runs.
pub const ENVOY: usize = 0;

/// Where the load and the servers run.
pub const LOAD: usize = 1;

/// Nanoseconds all threads of a process have run.
pub fn nanos(pid: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for task in tasks(pid)? {
        // A thread that ended meanwhile takes its time with it; Envoy's live as long as it.
        let Ok(text) = fs::read_to_string(task.join("schedstat")) else { continue };
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(sum)
}

/// The same of a process and all that descend from it.
pub fn family_nanos(pid: u32) -> Result<u64, Failure> {
    let mut sum = nanos(pid)?;
    for task in tasks(pid)? {
        // Not there where the kernel does not list them: then there is one process only.
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            sum += family_nanos(child.parse()?)?;
        }
    }
    Ok(sum)
}

/// Nanoseconds that each thread of a name that begins so has run.
pub fn nanos_of_threads(pid: u32, name: &str) -> Result<Vec<u64>, Failure> {
    let mut all = Vec::new();
    for task in tasks(pid)? {
        if fs::read_to_string(task.join("comm"))?.starts_with(name) {
            let text = fs::read_to_string(task.join("schedstat"))?;
            all.push(text.split(' ').next().unwrap_or_default().parse()?);
        }
    }
    Ok(all)
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim_end_matches(" kB").trim().parse()?)
}

/// Keeps every thread of a process on one processor. New threads inherit it.
pub fn pin(pid: u32, processor: usize) -> Result<(), Failure> {
    set(pid, &only(processor))
}

/// Keeps the calling thread, and what it starts from now on, on one processor. `false`
/// where there is no such processor: then nothing is pinned and the figures are worth less.
pub fn pin_self(processor: usize) -> bool {
    sched_setaffinity(None, &only(processor)).is_ok()
}

/// The processor's name and how many there are.
pub fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let values = |key: &str| -> Vec<&str> {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).collect()
    };
    let model = values("model name").first().copied().unwrap_or("unknown processor");
    format!("{model}, {} processors", values("processor").len())
}

/// Lets every thread of a process run anywhere.
pub fn unpin(pid: u32) -> Result<(), Failure> {
    let mut anywhere = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|processor| anywhere.set(processor));
    set(pid, &anywhere)
}

fn set(pid: u32, processors: &CpuSet) -> Result<(), Failure> {
    for task in tasks(pid)? {
        let number = task.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        sched_setaffinity(Pid::from_raw(number.parse()?), processors)?;
    }
    Ok(())
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

fn tasks(pid: u32) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(format!("/proc/{pid}/task"))?.map(|entry| Ok(entry?.path())).collect()
}
