//! What a process cost: time on the clock, time of the processors, and memory at its peak.
//!
//! It is started, and waited for, by a small process that has no other children: the system
//! tells the peak of all children together, and a child begins with the peak of its parent.

use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// What one process cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// Of its own and of the kernel for it.
    pub(crate) cpu_seconds: f64,
    /// The most resident memory.
    pub(crate) peak_bytes: u64,
    /// Its exit status; none if a signal ended it.
    pub(crate) status: Option<i32>,
}

/// Runs a program to its end, with the standard streams of this process. Only to be called once
/// a process.
pub(crate) fn measure(program: &OsString, arguments: &[OsString]) -> Result<Usage> {
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .status()
        .with_context(|| program.display().to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(Usage {
        seconds,
        cpu_seconds: of(usage.user_time()) + of(usage.system_time()),
        peak_bytes: bytes(usage.max_rss()),
        status: status.code(),
    })
}

fn of(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// Linux and the BSDs count in KiB, macOS in bytes.
fn bytes(max_rss: i64) -> u64 {
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    max_rss.unsigned_abs() * unit
}
