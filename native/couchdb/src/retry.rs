//! Retries: which errors are retried, with which back-off, and for how long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::error::Error;
use super::kind::{Kind, Persistence};
use super::request::Request;
use super::server::Server;
use super::transport::Traffic;

/// An outage is announced after this fraction of the patience.
const ANNOUNCE_DIVISOR: u32 = 30;

/// The outage of a server, if there is one.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<OutageState>>);

#[derive(Clone, Copy, Debug)]
struct OutageState {
    at: Instant,
    announced: bool,
}

impl Outage {
    /// Ends the outage: the server answered.
    pub(super) fn end(&self) {
        *self.state() = None;
    }

    /// Records a failed attempt. Returns the start of the outage, and whether to announce it now.
    fn record_failure(&self, announce_after: Duration) -> (Instant, bool) {
        let mut state = self.state();
        let now = Instant::now();
        let since = state.get_or_insert(OutageState {
            at: now,
            announced: false,
        });
        let announce = !since.announced && now - since.at >= announce_after;
        since.announced |= announce;
        (since.at, announce)
    }

    fn state(&self) -> MutexGuard<'_, Option<OutageState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempts of one request.
pub(super) struct Retries<'a> {
    server: &'a Server,
    pauses: Backoff,
    failed: usize,
    since: Option<Instant>,
}

impl<'a> Retries<'a> {
    pub(super) fn of(server: &'a Server) -> Self {
        Self {
            server,
            pauses: Backoff::new(&server.settings),
            failed: 0,
            since: None,
        }
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// `error` if it is not worth a retry, or the cancellation.
    pub(super) async fn after(&mut self, request: &Request<'_>, error: Error) -> Result<(), Error> {
        self.failed += 1;
        let settings = &self.server.settings;
        let again = match error.persistence() {
            Persistence::Final => false,
            Persistence::Glitch => self.failed < settings.tries,
            Persistence::Outage => {
                let announce_after = settings.patience() / ANNOUNCE_DIVISOR;
                let (outage, announce) = self.server.outage.record_failure(announce_after);
                let since = *self.since.get_or_insert_with(Instant::now);
                // A server that has been down for that long is not waited for again with each
                // request.
                let since = since.min(outage);
                if let Some(on_outage) = settings.on_outage.as_ref().filter(|_| announce) {
                    (on_outage.0)(&error, settings.patience());
                }
                self.failed < settings.tries || since.elapsed() < settings.patience()
            }
        };
        if !again {
            return Err(error);
        }
        self.pause(request, &error).await
    }

    /// Waits before a smaller request if other answers use up the memory.
    pub(super) async fn pause_for_memory(
        &mut self,
        request: &Request<'_>,
        error: &Error,
    ) -> Result<(), Error> {
        match error.kind() {
            Kind::OutOfMemory => self.pause(request, error).await,
            _ => Ok(()),
        }
    }

    /// Waits before a smaller request.
    pub(super) async fn pause(
        &mut self,
        request: &Request<'_>,
        error: &Error,
    ) -> Result<(), Error> {
        let pause = self.pauses.after(error);
        Traffic::count(&self.server.client.traffic().retries, 1);
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.server.cancel.cancelled() => Err(Error::cancelled(request.operation())),
        }
    }
}
