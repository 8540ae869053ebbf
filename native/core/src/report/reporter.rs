//! Reports a running command: sends events to its caller, counts figures, and records events for the final report.

use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{self, error::TrySendError};
use tracing::{Instrument, debug_span};

use super::{
    Event, Failures, NumberWarning, NumberWarningKind, NumberWarnings, Outcome, Progress, Reason,
    RecordedEvents, Tally,
};
use crate::kazoo::DatabaseName;
use couchdb::{Kind, Pace};

/// The sinks of a run's events.
#[derive(Debug)]
pub(crate) struct Reporter {
    events: mpsc::Sender<Event>,
    /// Whether the output consists of exactly the lines in the manual.
    has_fixed_output: bool,
    /// The recorded events for the final report, if a report was requested.
    recorded: Option<Mutex<RecordedEvents>>,
    /// Warnings about numbers that have no line yet.
    warnings: Mutex<NumberWarnings>,
    tally: Tally,
    /// Finished databases, and databases to process as far as known.
    done: AtomicU64,
    to_be_done: AtomicU64,
    /// The pace of the run's requests.
    pace: Pace,
}

/// Marks an event that is not part of the command's output.
fn outside_output(has_fixed_output: bool, event: Event) -> Event {
    if has_fixed_output {
        Event::Aside(Box::new(event))
    } else {
        event
    }
}

impl Reporter {
    pub(crate) fn new(
        events: mpsc::Sender<Event>,
        has_fixed_output: bool,
        keeps_events: bool,
        pace: Pace,
    ) -> Self {
        Self {
            events,
            has_fixed_output,
            recorded: keeps_events.then(Mutex::default),
            warnings: Mutex::default(),
            tally: Tally::default(),
            done: AtomicU64::new(0),
            to_be_done: AtomicU64::new(0),
            pace,
        }
    }

    /// Sends an event. The run continues if the receiver is gone; its caller cancels it.
    pub(crate) async fn send(&self, event: Event) {
        if let Some(recorded) = &self.recorded {
            recorded
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(&event);
        }
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            // The receiver is a terminal, a pipe or a process that is slower than the run.
            let _ = self
                .events
                .send(event)
                .instrument(debug_span!("output"))
                .await;
        }
    }

    /// Reports a line of the command's output.
    pub(crate) async fn output(&self, line: String) {
        self.send(Event::Output(line)).await;
    }

    pub(crate) async fn warn(&self, line: String) {
        self.send_outside_output(Event::Warning(line)).await;
    }

    /// Warns of a number. The line comes at the end of the run, one for all numbers of this kind.
    pub(crate) async fn warn_of_number(
        &self,
        kind: NumberWarningKind,
        database: &DatabaseName,
        number: &str,
        detail: Option<String>,
    ) {
        let warning = NumberWarning {
            kind,
            database: database.encoded(),
            number: number.to_owned(),
            detail,
        };
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&warning);
        self.send_outside_output(Event::NumberWarning(warning))
            .await;
    }

    /// Reports the warnings about numbers so far, a line for each kind.
    pub(crate) async fn end_warnings(&self) {
        let warnings =
            std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        for line in warnings.lines() {
            self.warn(line).await;
        }
    }

    /// Reports a line that is not part of the command's output.
    pub(crate) async fn note(&self, line: String) {
        self.send_outside_output(Event::Output(line)).await;
    }

    async fn send_outside_output(&self, event: Event) {
        self.send(outside_output(self.has_fixed_output, event))
            .await;
    }

    /// Reports the error that ends the run or prevents its start.
    pub(crate) async fn error(&self, line: String, hint: Option<String>) {
        let kind = None;
        self.send(Event::Error { line, hint, kind }).await;
    }

    /// As `error`, with the kind of the error.
    pub(crate) async fn error_of_kind(&self, kind: Kind, line: String, hint: Option<String>) {
        let kind = Some(kind.name());
        self.send(Event::Error { line, hint, kind }).await;
    }

    /// Returns a function that reports warnings without waiting. It drops the warning if the channel is full.
    pub(crate) fn warner(&self) -> impl Fn(String) + Send + Sync + 'static {
        let events = self.events.clone();
        let has_fixed_output = self.has_fixed_output;
        move |line| {
            let _ = events.try_send(outside_output(has_fixed_output, Event::Warning(line)));
        }
    }

    /// Reports a warning without waiting for the receiver.
    pub(crate) fn warn_without_waiting(&self, line: String) {
        self.send_without_waiting(Event::Warning(line));
    }

    /// Reports a line that is not part of the command's output, without waiting for the receiver.
    pub(crate) fn note_without_waiting(&self, line: String) {
        self.send_without_waiting(Event::Output(line));
    }

    fn send_without_waiting(&self, event: Event) {
        let event = outside_output(self.has_fixed_output, event);
        if let Some(recorded) = &self.recorded {
            recorded
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .record(&event);
        }
        if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
            let events = self.events.clone();
            tokio::spawn(async move {
                // The run continues if the receiver is gone.
                let _ = events.send(event).await;
            });
        }
    }

    /// Reads the recorded events.
    pub(crate) fn with_recorded<T>(&self, read: impl FnOnce(&RecordedEvents) -> T) -> T {
        match &self.recorded {
            Some(recorded) => read(&recorded.lock().unwrap_or_else(PoisonError::into_inner)),
            None => read(&RecordedEvents::default()),
        }
    }

    /// Adds databases to process.
    pub(crate) async fn to_do(&self, databases: usize) {
        self.to_be_done.fetch_add(databases as u64, Relaxed);
        self.progress().await;
    }

    /// Counts a finished database.
    pub(crate) async fn one_done(&self) {
        self.done.fetch_add(1, Relaxed);
        self.progress().await;
    }

    async fn progress(&self) {
        self.send(Event::Progress(self.so_far())).await;
    }

    /// The progress of the run.
    pub(crate) fn so_far(&self) -> Progress {
        let (documents, changed) = self.tally.so_far();
        Progress {
            databases: self.done.load(Relaxed),
            of: self.to_be_done.load(Relaxed),
            documents,
            changed,
            paused: self.pace.is_paused(),
        }
    }

    /// Reports the progress each time that the run is paused or resumed. It never returns.
    pub(crate) async fn report_pauses(&self) -> Infallible {
        loop {
            self.pace.paused().await;
            self.progress().await;
            self.pace.resumed().await;
            self.progress().await;
        }
    }

    /// Reports the figures of a finished database.
    pub(crate) async fn finished(&self, database: &DatabaseName) {
        let (read, counts) = self.tally.database(database);
        self.send(Event::Database {
            database: database.encoded(),
            read,
            counts,
        })
        .await;
    }

    /// Counts documents that a database delivered.
    pub(crate) fn read(&self, database: &DatabaseName, documents: usize) {
        self.tally.read(database, documents);
    }

    /// Counts outcomes of documents.
    pub(crate) fn decided(&self, database: &DatabaseName, outcome: Outcome, times: u64) {
        self.tally.decided(database, outcome, times);
    }

    /// Records the failure of a number in a database, by its encoded name.
    pub(crate) fn failed(&self, database: &str, reason: Reason, number: &str) {
        self.tally.failed(database, reason, number);
    }

    /// Records a database that could not be read, by its encoded name.
    pub(crate) fn database_failed(&self, database: &str, kind: Kind) {
        self.tally.database_failed(database, kind);
    }

    pub(crate) fn failures(&self) -> Failures {
        self.tally.failures()
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}
