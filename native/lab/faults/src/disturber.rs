//! Decides the fault of each request, forwards requests to the server, and records what passes. The
//! proxy and the transport layer share it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::answer::{Answer, Distorted, Reset};
use crate::fault::Fault;
use crate::recording::Recording;
use crate::request::ParsedRequest;
use crate::schedule::{ActiveSchedule, Hits, Schedule};
use crate::upstream::{Upstream, UpstreamAnswer};

/// How long a hanging request is held if the client does not disconnect earlier.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// A request and the server's answer, before the answer reaches the client.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The request.
    pub request: &'a ParsedRequest,
    /// The server's answer.
    pub answer: &'a UpstreamAnswer,
    /// The server.
    pub server: &'a Upstream,
}

/// Another client of the same server. It runs before a request is forwarded, and after the server's
/// answer before the client receives it.
pub trait Interceptor: Send + Sync {
    /// Runs after the server's answer.
    fn after_answer<'a>(&'a self, exchange: Exchange<'a>) -> BoxFuture<'a, ()>;

    /// Runs before a request is forwarded. If the client disconnects before this ends, the request
    /// is dropped.
    fn before_request<'a>(&'a self, _asked: &'a ParsedRequest) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A request without an answer.
pub(crate) enum Cut {
    /// Its connection is reset.
    Reset,
    /// The server restarts: all connections are reset.
    Restart(Restart),
}

impl From<Reset> for Cut {
    fn from(_: Reset) -> Self {
        Self::Reset
    }
}

/// A requested restart.
pub(crate) struct Restart {
    pub(crate) away: Duration,
    /// Counts as a request in flight until the restart is over.
    _acting: InFlight,
}

/// Injects faults into the requests to a server.
pub(crate) struct Disturber {
    upstream: Upstream,
    state: Mutex<State>,
    /// Requests that the server has not finished.
    in_flight: AtomicUsize,
    finished: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    active: ActiveSchedule,
    recording: Recording,
    interceptor: Option<Arc<dyn Interceptor>>,
}

impl Disturber {
    pub(crate) fn new(upstream: Upstream) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            state: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            finished: watch::Sender::new(()),
        })
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Activates a schedule and clears the recording.
    pub(crate) fn arm(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        *self.state() = State {
            active: ActiveSchedule::new(schedule),
            recording: Recording::default(),
            interceptor,
        };
    }

    /// Ends the schedule. Waits for requests in flight, and returns the recording and the number of
    /// faults of each rule.
    pub(crate) async fn disarm(&self) -> (Recording, Hits) {
        let mut finished = self.finished.subscribe();
        while self.in_flight.load(Ordering::SeqCst) > 0 {
            if finished.changed().await.is_err() {
                break;
            }
        }
        let state = std::mem::take(&mut *self.state());
        (state.recording, state.active.hits())
    }

    /// Answers a request. If this is dropped, the client has disconnected.
    pub(crate) async fn answer(self: &Arc<Self>, request: ParsedRequest) -> Result<Answer, Cut> {
        let (fault, interceptor) = {
            let mut state = self.state();
            state.recording.requests += 1;
            (state.active.next(&request), state.interceptor.clone())
        };
        if let Some(interceptor) = interceptor {
            interceptor.before_request(&request).await;
        }
        let answer = match fault {
            Some(fault) => self.inject(request, fault).await?,
            None => {
                let answer = self.forward(&request).await?;
                self.deliver(&request, answer)
            }
        };
        let mut state = self.state();
        *state.recording.statuses.entry(answer.status).or_default() += 1;
        Ok(answer)
    }

    async fn inject(self: &Arc<Self>, request: ParsedRequest, fault: Fault) -> Result<Answer, Cut> {
        match fault {
            Fault::ResetBefore => Err(Cut::Reset),
            Fault::ResetAfter => {
                self.forward(&request).await?;
                Err(Cut::Reset)
            }
            Fault::Hang => {
                tokio::time::sleep(HANG).await;
                Err(Cut::Reset)
            }
            Fault::HangAfter => {
                self.forward(&request).await?;
                tokio::time::sleep(HANG).await;
                Err(Cut::Reset)
            }
            Fault::ActsLate(late) => {
                // In a separate task, because the server acts even if the client disconnects.
                let in_flight = InFlight::new(self);
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let _ = in_flight.0.forward_now(&request).await;
                    drop(in_flight);
                });
                tokio::time::sleep(HANG).await;
                Err(Cut::Reset)
            }
            Fault::Restart { acted, away } => {
                if acted {
                    self.forward(&request).await?;
                }
                Err(Cut::Restart(Restart {
                    away,
                    _acting: InFlight::new(self),
                }))
            }
            Fault::Status {
                code,
                acted,
                html,
                retry_after,
            } => {
                if acted {
                    self.forward(&request).await?;
                }
                Ok(Answer::of_status(&request, code, html, retry_after))
            }
            Fault::Endless => Ok(Answer::endless()),
            Fault::Huge(names) => Ok(Answer::huge(names)),
            Fault::Latency(latency) => {
                tokio::time::sleep(latency).await;
                let answer = self.forward(&request).await?;
                Ok(self.deliver(&request, answer))
            }
            _ => {
                let answer = self.forward(&request).await?;
                let Distorted { answer, delivered } = Answer::distorted(&request, answer, fault);
                if let Some(delivered) = delivered {
                    self.record_delivery(&request, &delivered);
                }
                Ok(answer)
            }
        }
    }

    fn deliver(&self, request: &ParsedRequest, answer: UpstreamAnswer) -> Answer {
        self.record_delivery(request, &answer);
        Answer::of(answer)
    }

    fn record_delivery(&self, request: &ParsedRequest, answer: &UpstreamAnswer) {
        if answer.status < 300 {
            let mut state = self.state();
            state.recording.record_delivery(request, &answer.body);
        }
    }

    /// Forwards a request and runs the interceptor, in a task that continues if the client
    /// disconnects.
    async fn forward(self: &Arc<Self>, request: &ParsedRequest) -> Result<UpstreamAnswer, Reset> {
        let in_flight = InFlight::new(self);
        let request = request.clone();
        tokio::spawn(async move { in_flight.0.forward_now(&request).await })
            .await
            .map_err(|_| Reset)?
    }

    async fn forward_now(&self, request: &ParsedRequest) -> Result<UpstreamAnswer, Reset> {
        let (writes, interceptor) = {
            let state = self.state();
            (
                state.recording.parse_writes(request),
                state.interceptor.clone(),
            )
        };
        let answer = self.upstream.forward(request).await.map_err(|_| Reset)?;
        self.state().recording.record_writes(writes, &answer.body);
        if let Some(interceptor) = interceptor {
            let exchange = Exchange {
                request,
                answer: &answer,
                server: &self.upstream,
            };
            interceptor.after_answer(exchange).await;
        }
        Ok(answer)
    }
}

/// Counts a request in flight until it is dropped.
struct InFlight(Arc<Disturber>);

impl InFlight {
    fn new(disturber: &Arc<Disturber>) -> Self {
        disturber.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(disturber.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.finished.send_replace(());
    }
}
