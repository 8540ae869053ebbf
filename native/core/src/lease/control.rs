//! A run obeys the requests that others left for it in the lock's document.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::holder::{RunReport, TakenRequest};
use super::holders::Holders;
use super::inbox::Inbox;
use super::request::{ControlRequest, Order};
use crate::engine::Run;

/// The control of a run that holds the lock or waits for it.
pub(super) struct Control {
    run: Arc<Run>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inbox: Inbox,
    /// A request that ends the run. It is obeyed after the entry says so.
    cancelled: Option<ControlRequest>,
    /// Whether the operator knows that there are requests that nobody can read.
    has_warned: bool,
}

impl Control {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self {
            run,
            state: Mutex::default(),
        }
    }

    /// The document was read: obeys all new requests but a cancellation. Returns whether there was any.
    pub(super) fn read(&self, holders: &Holders, now: SystemTime) -> bool {
        let mut state = self.state();
        let new = state.inbox.read(holders, &self.run.id, now);
        for request in &new {
            self.obey(&mut state, request);
        }
        let unreadable = holders.unreadable_requests();
        if unreadable > 0 && !state.has_warned {
            state.has_warned = true;
            self.run.reporter.warn_without_waiting(format!(
                "{unreadable} requests in the lock's document cannot be read, and are ignored"
            ));
        }
        !new.is_empty()
    }

    fn obey(&self, state: &mut State, request: &ControlRequest) {
        let pace = &self.run.pace;
        match request.order {
            Order::Cancel => {
                state.cancelled = Some(request.clone());
                return;
            }
            Order::Pause => pace.pause(),
            Order::Resume => pace.resume(),
            Order::Throttle(rate) => pace.throttle(rate),
        }
        self.say(request);
    }

    /// Obeys a cancellation, if there was one.
    pub(super) fn end_if_cancelled(&self) {
        let cancelled = self.state().cancelled.take();
        if let Some(request) = cancelled {
            self.say(&request);
            self.run.cancel.cancel();
        }
    }

    fn say(&self, request: &ControlRequest) {
        let done = request.order.done();
        let reporter = &self.run.reporter;
        reporter.note_without_waiting(format!("{done}: requested by {request}"));
    }

    /// The content with what the run is doing, and without the requests that it has read.
    pub(super) fn answer(&self, holders: &Holders) -> Holders {
        let progress = self.run.reporter.so_far();
        let taken = |(request, taken): &(ControlRequest, SystemTime)| TakenRequest {
            taken: *taken,
            request: request.clone(),
        };
        let report = RunReport {
            databases: progress.databases,
            of: progress.of,
            documents: progress.documents,
            changed: progress.changed,
            paused: self.run.pace.is_paused(),
            requests_per_second: self.run.pace.rate(),
            taken: self.state().inbox.taken().iter().map(taken).collect(),
        };
        holders.answered(&self.run.id, report)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
