//! The adaptive limit on requests in flight. It starts low, grows while latency is stable, and
//! halves when the server is overloaded. It never exceeds the operator's limit. When the limit is
//! reached, queued reads run before queued writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pace::Pace;
use super::queue::RequestQueue;
use crate::access::Access;

const START: usize = 4;

/// Growth stops when latency exceeds its long-term average by this factor.
const TOLERANCE: f64 = 3.0;

/// After the limit was halved, it does not change for this long: the requests still in flight were
/// sent under the old limit.
const SETTLE: Duration = Duration::from_millis(250);

/// A limit on requests in flight that adapts by additive increase and multiplicative decrease
/// (AIMD), as TCP does.
pub struct Limiter {
    ceiling: usize,
    state: Mutex<LimiterState>,
    pace: Pace,
}

struct LimiterState {
    limit: usize,
    /// Can exceed the limit after it was halved, until enough requests have finished.
    in_flight: usize,
    queue: RequestQueue<oneshot::Sender<Permit>>,
    successes: usize,
    latency: f64,
    doubling: bool,
    halved: Option<Instant>,
}

/// Permission to send one request.
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    /// Whether the permit counts in `in_flight`.
    counted: bool,
    started: Instant,
}

impl Limiter {
    /// Creates a limiter. `ceiling`: the most requests in flight.
    pub fn new(ceiling: usize, pace: Pace) -> Arc<Self> {
        let ceiling = ceiling.max(1);
        let limit = START.min(ceiling);
        Arc::new(Self {
            ceiling,
            state: Mutex::new(LimiterState {
                limit,
                in_flight: 0,
                queue: RequestQueue::new(Instant::now()),
                successes: 0,
                latency: 0.0,
                doubling: true,
                halved: None,
            }),
            pace,
        })
    }

    /// The current limit.
    pub fn limit(&self) -> usize {
        self.state().limit
    }

    pub(super) async fn acquire(self: &Arc<Self>, access: Access) -> Permit {
        let mut permit = match self.take_or_enqueue(access) {
            Ok(permit) => permit,
            // The sender is never dropped. If it were, send without a permit.
            Err(granted) => granted.await.unwrap_or_else(|_| self.permit(false)),
        };
        self.pace.turn().await;
        permit.started = Instant::now();
        permit
    }

    fn take_or_enqueue(
        self: &Arc<Self>,
        access: Access,
    ) -> Result<Permit, oneshot::Receiver<Permit>> {
        let mut state = self.state();
        if state.in_flight < state.limit {
            state.in_flight += 1;
            return Ok(self.permit(true));
        }
        let (waiter, granted) = oneshot::channel();
        state.queue.push(access, waiter);
        Err(granted)
    }

    fn permit(self: &Arc<Self>, counted: bool) -> Permit {
        Permit {
            limiter: self.clone(),
            counted,
            started: Instant::now(),
        }
    }

    /// Grants permits to queued requests while the limit allows.
    fn grant_permits(self: &Arc<Self>) {
        while let Some(waiter) = self.next_waiter() {
            if let Err(mut unwanted) = waiter.send(self.permit(true)) {
                // The queued request was cancelled.
                unwanted.counted = false;
                self.state().in_flight -= 1;
            }
        }
    }

    fn next_waiter(&self) -> Option<oneshot::Sender<Permit>> {
        let mut state = self.state();
        if state.in_flight >= state.limit {
            return None;
        }
        let waiter = state.queue.next(Instant::now())?;
        state.in_flight += 1;
        Some(waiter)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn succeeded(&self, latency: Duration) {
        let mut state = self.state();
        let latency = latency.as_secs_f64();
        let holds = state.latency == 0.0 || latency <= state.latency * TOLERANCE;
        state.latency = if state.latency == 0.0 {
            latency
        } else {
            0.9 * state.latency + 0.1 * latency
        };
        state.successes += 1;
        // Raises the limit by one for each window of successes. Until the first overload the window
        // is one success, which doubles the limit each round.
        let window = if state.doubling { 1 } else { state.limit };
        if holds && state.limit < self.ceiling && state.successes >= window {
            state.successes = 0;
            state.limit += 1;
        }
    }

    fn overloaded(&self) {
        let mut state = self.state();
        let now = Instant::now();
        if state.halved.is_some_and(|at| now - at < SETTLE) {
            return;
        }
        state.halved = Some(now);
        state.doubling = false;
        state.successes = 0;
        state.limit = (state.limit / 2).max(1);
    }
}

impl Permit {
    /// Reports that the server answered.
    pub(super) fn succeeded(&self) {
        self.limiter.succeeded(self.started.elapsed());
    }

    /// Reports that the server or the network is overloaded.
    pub(super) fn overloaded(&self) {
        self.limiter.overloaded();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.counted {
            self.limiter.state().in_flight -= 1;
            self.limiter.grant_permits();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Rate;
    use futures::future::join_all;
    use tokio::time::{sleep, timeout};

    #[tokio::test]
    async fn limit_grows_on_success_and_halves_on_overload() {
        let limiter = Limiter::new(16, Pace::new(None));
        for _ in 0..40 {
            limiter.acquire(Access::Read).await.succeeded();
        }
        assert_eq!(limiter.limit(), 16);
        let held: Vec<_> = join_all((0..16).map(|_| limiter.acquire(Access::Read))).await;
        held[0].overloaded();
        held[1].overloaded();
        assert_eq!(limiter.limit(), 8, "two overloads at once count as one");
        drop(held);
        let held: Vec<_> = join_all((0..8).map(|_| limiter.acquire(Access::Read))).await;
        let one_more = timeout(Duration::from_millis(20), limiter.acquire(Access::Write));
        assert!(one_more.await.is_err());
        drop(held);
        assert_eq!(limiter.state().in_flight, 0);
    }

    /// A cancelled request releases its place in the queue.
    #[tokio::test]
    async fn cancelled_request_releases_permit() {
        let limiter = Limiter::new(1, Pace::new(None));
        let held = limiter.acquire(Access::Read).await;
        let waits: Vec<_> = (0..1000)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire(Access::Write).await })
            })
            .collect();
        sleep(Duration::from_millis(20)).await;
        for task in &waits {
            task.abort();
        }
        join_all(waits).await;
        drop(held);
        let next = timeout(Duration::from_secs(1), limiter.acquire(Access::Write));
        assert!(next.await.is_ok());
        assert_eq!(limiter.state().in_flight, 0);
    }

    #[tokio::test]
    async fn queued_reads_run_before_queued_writes() {
        let limiter = Limiter::new(1, Pace::new(None));
        let held = limiter.acquire(Access::Read).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let all = ["read", "write", "read", "write", "read"].map(|name| {
            let (limiter, order) = (limiter.clone(), order.clone());
            let access = if name == "read" {
                Access::Read
            } else {
                Access::Write
            };
            async move {
                let _permit = limiter.acquire(access).await;
                order.lock().unwrap().push(name);
            }
        });
        let all = tokio::spawn(join_all(all));
        sleep(Duration::from_millis(20)).await;
        drop(held);
        all.await.unwrap();
        let order = order.lock().unwrap();
        assert_eq!(*order, ["read", "read", "read", "write", "write"]);
    }

    #[tokio::test]
    async fn requests_keep_to_the_rate_limit() {
        let limiter = Limiter::new(4, Pace::new(Rate::new(100.0)));
        let started = Instant::now();
        for _ in 0..11 {
            drop(limiter.acquire(Access::Read).await);
        }
        assert!(started.elapsed() >= Duration::from_millis(90));
    }
}
