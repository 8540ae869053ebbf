//! The library's runtime. It is created by the first job, so a node that never runs a command has
//! no additional threads.

use once_cell::sync::OnceCell;
use std::io;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// More threads would only take processor time from the calls that the node serves.
const MOST_WORKERS: usize = 4;

/// Returns the runtime. An error if no threads can be created.
pub fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.get_or_try_init(|| {
        Builder::new_multi_thread()
            .worker_threads(
                available_parallelism()
                    .map_or(1, usize::from)
                    .min(MOST_WORKERS),
            )
            .thread_name("kazoo-numbers")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()
    })
}

/// Lowers the priority of the current thread below the threads that serve calls.
#[cfg(target_os = "linux")]
fn lower_priority() {
    const NICE: i32 = 10;
    // In Linux the nice value belongs to a thread, and a thread may always raise it. Errors are
    // ignored.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
