//! The one runtime of the library, built when the first job needs it: a node that never runs a command has no thread of ours.

use once_cell::sync::OnceCell;
use std::io;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// More would only take processors from the calls that the node serves.
const MOST_WORKERS: usize = 4;

/// The runtime; an error when the system gives us no threads.
pub fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.get_or_try_init(|| {
        Builder::new_multi_thread()
            .worker_threads(
                available_parallelism()
                    .map_or(1, usize::from)
                    .min(MOST_WORKERS),
            )
            .thread_name("kazoo-numbers")
            .on_thread_start(stand_back)
            .enable_all()
            .build()
    })
}

/// Lets whatever else wants the processors have them first: beside these threads run those that serve calls.
#[cfg(target_os = "linux")]
fn stand_back() {
    const NICE: i32 = 10;
    // Linux counts niceness by thread, and a thread may always be nicer. Where it may not, it works as others do.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}
