//! One job from its start request to its one last frame, whatever happens in between: an error, a panic, the caller's death.

use crate::caller::{Caller, Outlet};
use crate::frame::{FromNative, Returned, ToNative};
use crate::job;
use crate::request::{Fault, Start};
use futures::FutureExt;
use kazoo_numbers::report::sanitise;
use std::any::Any;
use std::panic::{AssertUnwindSafe, panic_any};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A job that was started.
pub struct Session {
    caller: Arc<Caller>,
}

impl Session {
    /// Starts the job that the request asks for. Every job ends in exactly one last frame, `done` or `failed`.
    pub fn start(runtime: &Handle, start: Start, outlet: impl Outlet) -> (Self, JoinHandle<()>) {
        if start.settings.fault == Some(Fault::Start) {
            fail_on_purpose();
        }
        let caller = Arc::new(Caller::new(outlet));
        let task = runtime.spawn(to_the_end(start, Arc::clone(&caller)));
        (Self { caller }, task)
    }

    /// Takes in a frame that came while the job runs.
    pub fn receive(&self, frame: ToNative) {
        match frame {
            ToNative::Reply(number, answer) => self.caller.reply(number, answer),
            ToNative::Cancel => self.caller.cancel(),
            // One job a session: a second request is a mistake that the first job need not suffer for.
            ToNative::Start(_) => {}
        }
    }

    /// The caller is gone: the job stops within a second, and asks nothing more.
    pub fn leave(&self) {
        self.caller.leave();
    }
}

async fn to_the_end(start: Start, caller: Arc<Caller>) {
    let last = AssertUnwindSafe(run(start, &caller))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            FromNative::Failed(format!("internal error: {}", payload(panic.as_ref())))
        });
    caller.finish(&last);
}

async fn run(start: Start, caller: &Arc<Caller>) -> FromNative {
    match start.settings.fault {
        Some(Fault::Hang) => caller.stop().cancelled().await,
        Some(_) => fail_on_purpose(),
        None => {
            return match job::run(start, caller).await {
                Ok(returned) => FromNative::Done(returned),
                Err(line) => FromNative::Failed(line),
            };
        }
    }
    FromNative::Done(Returned::Status(1))
}

#[expect(
    clippy::panic,
    reason = "shows, in the very library that runs, what a panic does and prints"
)]
fn fail_on_purpose() -> ! {
    panic_any("a fault on purpose")
}

/// What a panic says, in one line and without credentials.
pub(crate) fn payload(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    sanitise::message(text)
}
