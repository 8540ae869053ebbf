//! Sending again: after which errors, after which pause, and for how long.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::client::Traffic;
use super::error::{Error, Kind, Persistence};
use super::request::Request;
use super::server::Server;

/// The part of the patience after which somebody learns of an outage.
const NOTICED: u32 = 30;

/// Since when a server does not answer.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Since>>);

#[derive(Clone, Copy, Debug)]
struct Since {
    at: Instant,
    announced: bool,
}

impl Outage {
    /// The server answered.
    pub(super) fn over(&self) {
        *self.state() = None;
    }

    /// The server did not answer. Returns since when, and whether somebody should learn of it.
    fn goes_on(&self, unnoticed: Duration) -> (Instant, bool) {
        let mut state = self.state();
        let now = Instant::now();
        let since = state.get_or_insert(Since {
            at: now,
            announced: false,
        });
        let announce = !since.announced && now - since.at >= unnoticed;
        since.announced |= announce;
        (since.at, announce)
    }

    fn state(&self) -> MutexGuard<'_, Option<Since>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tries of one request.
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

    /// Waits until the request is to be sent again.
    ///
    /// # Errors
    /// The error that it failed with, if it is not worth another try; the cancellation.
    pub(super) async fn after(&mut self, request: &Request<'_>, error: Error) -> Result<(), Error> {
        self.failed += 1;
        let settings = &self.server.settings;
        let again = match error.persistence() {
            Persistence::Final => false,
            Persistence::Glitch => self.failed < settings.tries,
            Persistence::Outage => {
                let unnoticed = settings.patience() / NOTICED;
                let (outage, announce) = self.server.outage.goes_on(unnoticed);
                let since = *self.since.get_or_insert_with(Instant::now);
                // A server that has been away for that long is not waited for once a request.
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

    /// Waits before a smaller request is sent, where what others hold is in its way.
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

    /// Waits before a smaller request is sent.
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
