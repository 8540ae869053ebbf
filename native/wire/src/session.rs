//! One job, from its start request to its last frame, despite errors, panics or the caller's end.

use crate::caller::{Caller, FrameSink};
use crate::frame::{FromNative, JobResult, ToNative};
use crate::job;
use crate::request::{InjectedFault, LogLevel, StartRequest};
use futures::FutureExt;
use kazoo_numbers::report::sanitise;
use kazoo_numbers::run::new_id;
use kazoo_numbers_logs::activity::{self, Activity};
use kazoo_numbers_logs::session::{LogEvent, LogSession};
use std::any::Any;
use std::cmp::Reverse;
use std::mem;
use std::panic::{AssertUnwindSafe, panic_any};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;
use tracing::level_filters::LevelFilter;

/// A running job.
pub struct Session {
    caller: Arc<Caller>,
    log: Arc<LogSession>,
    runtime: Handle,
    /// The id of the run.
    run: String,
}

/// The most activities in one frame.
const ACTIVITIES: usize = 50;

impl Session {
    /// Starts a job. Every job ends in exactly one last frame, `done` or `failed`.
    pub fn start(
        runtime: &Handle,
        mut start: StartRequest,
        sink: impl FrameSink,
    ) -> (Self, JoinHandle<()>) {
        if start.settings.fault == Some(InjectedFault::Start) {
            injected_panic();
        }
        let caller = Arc::new(Caller::new(sink));
        let run = new_id();
        start.settings.run_id = Some(run.clone());
        let (log, events) = LogSession::begin(level(start.settings.log_level));
        let log = Arc::new(log);
        let running = run_to_end(start, Arc::clone(&caller), Arc::clone(&log), events);
        let task = runtime.spawn(running);
        let session = Self {
            caller,
            log,
            runtime: runtime.clone(),
            run,
        };
        (session, task)
    }

    /// Handles a frame that arrives during the job.
    pub fn receive(&self, frame: ToNative) {
        match frame {
            ToNative::Reply(number, answer) => self.caller.reply(number, answer),
            ToNative::Cancel => self.caller.cancel(),
            ToNative::Activity => self.report_activity(),
            ToNative::Pause => self.caller.pace().pause(),
            ToNative::Resume => self.caller.pace().resume(),
            ToNative::Throttle(rate) => self.caller.pace().throttle(rate),
            // A session has one job. A second start request is ignored and does not disturb the
            // first.
            ToNative::Start(_) => {}
        }
    }

    /// Sends what the job does, the longest first. A thread of the VM must not send, so a task does.
    fn report_activity(&self) {
        let (caller, log) = (Arc::clone(&self.caller), Arc::clone(&self.log));
        let run = self.run.clone();
        self.runtime.spawn(async move {
            let mut activities = activity::of_session(&log);
            activities.retain(|activity| activity.is_innermost);
            activities.sort_by_key(|activity| Reverse(activity.age));
            activities.truncate(ACTIVITIES);
            if let Some(age) = caller.pace().paused_for() {
                // It is the reason of all others.
                let paused = Activity {
                    depth: 0,
                    text: "paused".to_owned(),
                    age,
                    is_innermost: true,
                };
                activities.insert(0, paused);
            }
            caller.report_activity(run, activities);
        });
    }

    /// Reports that the caller has ended. The job stops within a second and makes no more calls.
    pub fn mark_gone(&self) {
        self.caller.mark_gone();
    }
}

async fn run_to_end(
    start: StartRequest,
    caller: Arc<Caller>,
    log: Arc<LogSession>,
    events: mpsc::Receiver<LogEvent>,
) {
    let logging = tokio::spawn(forward(events, Arc::clone(&caller), Arc::clone(&log)));
    let last = AssertUnwindSafe(run(start, &caller).instrument(log.span().clone()))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            FromNative::Failed(format!("internal error: {}", payload(panic.as_ref())))
        });
    // The last events come before the last frame.
    log.end();
    let _ = logging.await;
    caller.finish(&last);
}

/// The most events in one frame.
const EVENTS: usize = 256;

/// Forwards the events of a run to its caller. Each frame is answered before the next. A caller that is slower than the run loses
/// events, and learns how many.
async fn forward(mut events: mpsc::Receiver<LogEvent>, caller: Arc<Caller>, log: Arc<LogSession>) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, EVENTS).await > 0 {
        let dropped = log.take_dropped();
        if caller.events(dropped, mem::take(&mut batch)).await.is_err() {
            return;
        }
    }
    let dropped = log.take_dropped();
    if dropped > 0 {
        // A caller that is gone reads no log either.
        let _ = caller.events(dropped, Vec::new()).await;
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
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
