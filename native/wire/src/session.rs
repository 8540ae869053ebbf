//! One job, from its start request to its last frame, despite errors, panics or the caller's end.

use crate::caller::{Caller, FrameSink};
use crate::frame::{FromNative, JobResult, ToNative};
use crate::job;
use crate::request::{InjectedFault, StartRequest};
use futures::FutureExt;
use kazoo_numbers::report::sanitise;
use std::any::Any;
use std::panic::{AssertUnwindSafe, panic_any};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A running job.
pub struct Session {
    caller: Arc<Caller>,
}

impl Session {
    /// Starts a job. Every job ends in exactly one last frame, `done` or `failed`.
    pub fn start(
        runtime: &Handle,
        start: StartRequest,
        sink: impl FrameSink,
    ) -> (Self, JoinHandle<()>) {
        if start.settings.fault == Some(InjectedFault::Start) {
            injected_panic();
        }
        let caller = Arc::new(Caller::new(sink));
        let task = runtime.spawn(run_to_end(start, Arc::clone(&caller)));
        (Self { caller }, task)
    }

    /// Handles a frame that arrives during the job.
    pub fn receive(&self, frame: ToNative) {
        match frame {
            ToNative::Reply(number, answer) => self.caller.reply(number, answer),
            ToNative::Cancel => self.caller.cancel(),
            // A session has one job. A second start request is ignored and does not disturb the
            // first.
            ToNative::Start(_) => {}
        }
    }

    /// Reports that the caller has ended. The job stops within a second and makes no more calls.
    pub fn mark_gone(&self) {
        self.caller.mark_gone();
    }
}

async fn run_to_end(start: StartRequest, caller: Arc<Caller>) {
    let last = AssertUnwindSafe(run(start, &caller))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            FromNative::Failed(format!("internal error: {}", payload(panic.as_ref())))
        });
    caller.finish(&last);
}

async fn run(start: StartRequest, caller: &Arc<Caller>) -> FromNative {
    match start.settings.fault {
        Some(InjectedFault::Hang) => caller.stop().cancelled().await,
        Some(_) => injected_panic(),
        None => {
            return match job::run(start, caller).await {
                Ok(returned) => FromNative::Done(returned),
                Err(line) => FromNative::Failed(line),
            };
        }
    }
    FromNative::Done(JobResult::Status(1))
}

#[expect(
    clippy::panic,
    reason = "an injected fault that tests the handling of panics in the loaded library"
)]
fn injected_panic() -> ! {
    panic_any("a fault on purpose")
}

/// The message of a panic in one line, without credentials.
pub(crate) fn payload(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    sanitise::message(text)
}
