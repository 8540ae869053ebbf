//! The calling process, as seen by a job: it prints lines and answers calls until it ends.

use crate::frame::FromNative;
use crate::term::Term;
use kazoo_numbers::couchdb::Pace;
use kazoo_numbers_logs::activity::Activity;
use kazoo_numbers_logs::session::LogEvent;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A destination for frames to the calling process.
pub trait FrameSink: Send + Sync + 'static {
    /// Sends one frame. Returns false if the receiver is gone.
    fn send(&self, frame: Vec<u8>) -> bool;
}

/// The caller has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the caller is gone")]
pub struct CallerGone;

/// The calling process.
pub struct Caller {
    sink: Box<dyn FrameSink>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Term>>>,
    stop: CancellationToken,
    pace: Pace,
    gone: CancellationToken,
    /// Whether the last frame is sent. No frame may follow it.
    finished: Mutex<bool>,
}

impl Caller {
    /// Creates a caller that receives frames through `sink`.
    pub fn new(sink: impl FrameSink) -> Self {
        Self {
            sink: Box::new(sink),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            stop: CancellationToken::new(),
            pace: Pace::new(None),
            gone: CancellationToken::new(),
            finished: Mutex::default(),
        }
    }

    /// Cancelled when the job must finish the request in flight and write nothing more.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The pace of the job's requests.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Cancelled when the caller no longer takes frames or answers.
    pub fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Cancels the job. The caller still answers, so that finished writes can be announced.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    /// Reports that the caller has ended.
    pub fn mark_gone(&self) {
        self.stop.cancel();
        self.gone.cancel();
    }

    /// Prints lines and waits until they are printed.
    pub async fn print(&self, lines: Vec<String>) -> Result<(), CallerGone> {
        self.ask(|number| FromNative::LineSender(number, lines))
            .await
            .map(|_| ())
    }

    /// Logs lines and waits until they are logged.
    pub async fn log(&self, lines: Vec<String>) -> Result<(), CallerGone> {
        self.ask(|number| FromNative::Log(number, lines))
            .await
            .map(|_| ())
    }

    /// Reports the progress of the run and waits for the confirmation.
    pub async fn progress(&self, line: String) -> Result<(), CallerGone> {
        self.ask(|number| FromNative::Progress(number, line))
            .await
            .map(|_| ())
    }

    /// Logs events, after so many that were dropped, and waits until they are logged.
    pub async fn events(&self, dropped: u64, events: Vec<LogEvent>) -> Result<(), CallerGone> {
        self.ask(|number| FromNative::Events(number, dropped, events))
            .await
            .map(|_| ())
    }

    /// Reports what the job does at the moment, unless it has ended.
    pub(crate) fn report_activity(&self, run: String, activities: Vec<Activity>) {
        let finished = self.finished();
        if !*finished {
            // A failure means that the caller is gone.
            let _ = self
                .sink
                .send(FromNative::Activity(run, activities).encode());
        }
    }

    /// Calls the calling process and waits for its answer.
    pub async fn call(&self, request: Term) -> Result<Term, CallerGone> {
        self.ask(|number| FromNative::Call(number, request)).await
    }

    /// Delivers the answer with this number. An answer that is not expected is dropped.
    pub fn reply(&self, number: u64, answer: Term) {
        if let Some(waiting) = self.waiting().remove(&number) {
            // The waiting task may have been cancelled.
            let _ = waiting.send(answer);
        }
    }

    /// Sends the last frame of the job.
    pub(crate) fn finish(&self, last: &FromNative) {
        *self.finished() = true;
        // A failure means that the caller is gone.
        let _ = self.sink.send(last.encode());
    }

    async fn ask(&self, frame: impl FnOnce(u64) -> FromNative) -> Result<Term, CallerGone> {
        if self.gone.is_cancelled() {
            return Err(CallerGone);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(number, sender);
        if !self.sink.send(frame(number).encode()) {
            self.mark_gone();
        }
        let answer = tokio::select! {
            answer = receiver => answer.map_err(|_| CallerGone),
            () = self.gone.cancelled() => Err(CallerGone),
        };
        self.waiting().remove(&number);
        answer
    }

    fn finished(&self) -> MutexGuard<'_, bool> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Term>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
