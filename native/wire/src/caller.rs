//! The calling process, as a job sees it: it prints lines and answers calls, until it is gone.

use crate::frame::FromNative;
use crate::term::Term;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Where frames for the calling process go.
pub trait Outlet: Send + Sync + 'static {
    /// Hands over one frame; false when nobody is there to take it.
    fn send(&self, frame: Vec<u8>) -> bool;
}

/// The caller died: nobody waits for this job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the caller is gone")]
pub struct Gone;

/// The calling process.
pub struct Caller {
    outlet: Box<dyn Outlet>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Term>>>,
    stop: CancellationToken,
    gone: CancellationToken,
}

impl Caller {
    /// The process behind this outlet.
    pub fn new(outlet: impl Outlet) -> Self {
        Self {
            outlet: Box::new(outlet),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            stop: CancellationToken::new(),
            gone: CancellationToken::new(),
        }
    }

    /// Cancelled once the job is to finish the request in flight and to write nothing more.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Cancelled once nobody takes frames or answers.
    pub fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// The caller wants no more, but still answers: what has landed is still to be announced.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    /// The caller is gone.
    pub fn leave(&self) {
        self.stop.cancel();
        self.gone.cancel();
    }

    /// Has these lines printed, and waits until they are.
    pub async fn print(&self, lines: Vec<String>) -> Result<(), Gone> {
        self.ask(|number| FromNative::Lines(number, lines))
            .await
            .map(|_| ())
    }

    /// Has these lines logged, and waits until they are.
    pub async fn log(&self, lines: Vec<String>) -> Result<(), Gone> {
        self.ask(|number| FromNative::Log(number, lines))
            .await
            .map(|_| ())
    }

    /// Tells how far the run is, and waits until that is taken note of.
    pub async fn progress(&self, line: String) -> Result<(), Gone> {
        self.ask(|number| FromNative::Progress(number, line))
            .await
            .map(|_| ())
    }

    /// Has something done by the calling process, and waits for its answer.
    pub async fn call(&self, request: Term) -> Result<Term, Gone> {
        self.ask(|number| FromNative::Call(number, request)).await
    }

    /// Passes the answer of that number to what waits for it; an answer that nobody waits for is dropped.
    pub fn reply(&self, number: u64, answer: Term) {
        if let Some(waiting) = self.waiting().remove(&number) {
            // The one who asked may have been cancelled since.
            let _ = waiting.send(answer);
        }
    }

    /// Sends the frame that ends the job.
    pub(crate) fn finish(&self, last: &FromNative) {
        // When nobody is there to read it, nobody misses it.
        let _ = self.outlet.send(last.encode());
    }

    async fn ask(&self, frame: impl FnOnce(u64) -> FromNative) -> Result<Term, Gone> {
        if self.gone.is_cancelled() {
            return Err(Gone);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(number, sender);
        if !self.outlet.send(frame(number).encode()) {
            self.leave();
        }
        let answer = tokio::select! {
            answer = receiver => answer.map_err(|_| Gone),
            () = self.gone.cancelled() => Err(Gone),
        };
        self.waiting().remove(&number);
        answer
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Term>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
