//! Retries: which errors are retried, with which back-off, and for how long.

use std::time::Duration;

use backon::Retryable;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::backoff::Backoff;
use super::error::Error;
use super::kind::{Kind, Persistence};
use super::milliseconds::milliseconds;
use super::request::{Request, Response};
use super::server::Server;
use super::transport::Traffic;

/// An outage is announced after this fraction of the patience.
const ANNOUNCE_DIVISOR: u32 = 30;

impl Server {
    /// Sends a request, with retries. Only for a read, or for a write that has the same effect
    /// twice.
    ///
    /// # Errors
    /// The last error, or the cancellation.
    pub async fn send_repeatedly<T>(
        &self,
        request: Request<'_>,
        read: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut patience = Patience::of(self);
        let cancel = self.cancel.stop.clone();
        let mut attempt = 0;
        let send = || {
            attempt += 1;
            let request = request.clone().attempt(attempt);
            let read = &read;
            async move { self.send_and_read(&request, read).await }
        };
        send.retry(Backoff::new(&self.settings))
            .adjust(Backoff::adjust(&self.settings))
            .when(|error| patience.lasts(error))
            .notify(|error, pause| self.note_retry(error, pause))
            // After a cancellation the next attempt fails at once.
            .sleep(move |pause| {
                let cancel = cancel.clone();
                async move {
                    let _ = sleep_unless_cancelled(pause, &cancel).await;
                }
            })
            .await
    }

    fn note_retry(&self, error: &Error, pause: Duration) {
        Traffic::count(&self.client.traffic().retries, 1);
        debug!(
            kind = error.kind().name(),
            milliseconds = milliseconds(pause),
            "waits, then tries again: {error}"
        );
    }
}

/// Returns whether the pause ended before a cancellation.
async fn sleep_unless_cancelled(pause: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        () = cancel.cancelled() => false,
    }
}

/// Decides after each failure whether a request is worth another attempt.
struct Patience<'a> {
    server: &'a Server,
    failed: usize,
    since: Option<Instant>,
}

impl<'a> Patience<'a> {
    fn of(server: &'a Server) -> Self {
        Self {
            server,
            failed: 0,
            since: None,
        }
    }

    fn lasts(&mut self, error: &Error) -> bool {
        let lasts = self.lasts_after(error);
        if !lasts && error.persistence() != Persistence::Final {
            warn!(
                kind = error.kind().name(),
                attempts = self.failed,
                "gives up: {error}"
            );
        }
        lasts
    }

    fn lasts_after(&mut self, error: &Error) -> bool {
        self.failed += 1;
        let settings = &self.server.settings;
        match error.persistence() {
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
                    (on_outage.0)(error, settings.patience());
                }
                self.failed < settings.tries || since.elapsed() < settings.patience()
            }
        }
    }
}

/// The attempts of a request that is smaller after some errors. `Retryable` sends the same request
/// again, and pauses after each error; here a request that was too large is followed by a smaller
/// one at once, and neither that nor a slow answer counts as a failed attempt.
pub(super) struct Retries<'a> {
    server: &'a Server,
    pauses: Backoff,
    patience: Patience<'a>,
    attempt: usize,
}

impl<'a> Retries<'a> {
    pub(super) fn of(server: &'a Server) -> Self {
        Self {
            server,
            pauses: Backoff::new(&server.settings),
            patience: Patience::of(server),
            attempt: 1,
        }
    }

    /// The number of the attempt, from 1.
    pub(super) fn attempt(&self) -> usize {
        self.attempt
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// `error` if it is not worth a retry, or the cancellation.
    pub(super) async fn after(&mut self, request: &Request<'_>, error: Error) -> Result<(), Error> {
        if !self.patience.lasts(&error) {
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
        self.server.note_retry(error, pause);
        self.attempt += 1;
        if sleep_unless_cancelled(pause, &self.server.cancel.stop).await {
            Ok(())
        } else {
            Err(request.cancelled())
        }
    }
}
