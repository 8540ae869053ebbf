//! The cost of a process: elapsed time, processor time and peak memory.
//!
//! A small process without other children starts it and waits for it: the system reports the peak
//! of all children together, and a child starts with the peak of its parent.

use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// The cost of one process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessUsage {
    /// From start to end.
    pub(crate) seconds: f64,
    /// User and system time.
    pub(crate) cpu_seconds: f64,
    /// The peak resident memory.
    pub(crate) peak_bytes: u64,
    /// The exit status. None if a signal ended it.
    pub(crate) status: Option<i32>,
}

/// Runs a program to its end with the standard streams of this process. Must be called only once in
/// a process.
pub(crate) fn measure(program: &OsString, arguments: &[OsString]) -> Result<ProcessUsage> {
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .status()
        .with_context(|| program.display().to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(ProcessUsage {
        seconds,
        cpu_seconds: of(usage.user_time()) + of(usage.system_time()),
        peak_bytes: bytes(usage.max_rss()),
        status: status.code(),
    })
}

fn of(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// Linux and the BSDs report KiB, macOS bytes.
fn bytes(max_rss: i64) -> u64 {
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    max_rss.unsigned_abs() * unit
}
