//! How many requests are in flight at once: few at first, more while latency holds, half when
//! the server shows that it is too much, never more than the operator allows. Who must wait is let
//! go by turns: reads, then writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::turns::{Access, Turns};

const START: usize = 4;

/// Latency may be this many times its long-term average before growth stops.
const TOLERANCE: f64 = 3.0;

/// After a halving nothing grows or halves again for this long: the requests that are still in
/// flight tell of the old limit.
const SETTLE: Duration = Duration::from_millis(250);

/// A limit on the requests in flight that adapts (AIMD, as TCP does it).
pub struct Limiter {
    ceiling: usize,
    state: Mutex<State>,
    pace: Option<Mutex<Pace>>,
}

struct State {
    limit: usize,
    /// More than the limit after a halving, until enough have come back.
    in_flight: usize,
    waiting: Turns<oneshot::Sender<Permit>>,
    successes: usize,
    latency: f64,
    doubling: bool,
    halved: Option<Instant>,
}

struct Pace {
    interval: Duration,
    next: Instant,
}

/// Leave to send one request.
pub(super) struct Permit {
    limiter: Arc<Limiter>,
    /// Whether it is one of those in flight.
    counted: bool,
    started: Instant,
}

impl Limiter {
    /// `ceiling`: the most requests in flight. `per_second`: the most requests a second, if any.
    pub fn new(ceiling: usize, per_second: Option<f64>) -> Arc<Self> {
        let ceiling = ceiling.max(1);
        let limit = START.min(ceiling);
        Arc::new(Self {
            ceiling,
            state: Mutex::new(State {
                limit,
                in_flight: 0,
                waiting: Turns::new(Instant::now()),
                successes: 0,
                latency: 0.0,
                doubling: true,
                halved: None,
            }),
            pace: per_second.filter(|rate| *rate > 0.0).map(|rate| {
                Mutex::new(Pace {
                    interval: Duration::from_secs_f64(1.0 / rate),
                    next: Instant::now(),
                })
            }),
        })
    }

    /// The present limit.
    pub fn limit(&self) -> usize {
        self.state().limit
    }

    pub(super) async fn acquire(self: &Arc<Self>, access: Access) -> Permit {
        let mut permit = match self.take_or_wait(access) {
            Ok(permit) => permit,
            // Who waits is always answered; a request without a permit is the lesser evil.
            Err(leave) => leave.await.unwrap_or_else(|_| self.permit(false)),
        };
        if let Some(pause) = self.pause() {
            tokio::time::sleep(pause).await;
        }
        permit.started = Instant::now();
        permit
    }

    fn take_or_wait(self: &Arc<Self>, access: Access) -> Result<Permit, oneshot::Receiver<Permit>> {
        let mut state = self.state();
        if state.in_flight < state.limit {
            state.in_flight += 1;
            return Ok(self.permit(true));
        }
        let (leave, waits) = oneshot::channel();
        state.waiting.wait(access, leave);
        Err(waits)
    }

    fn permit(self: &Arc<Self>, counted: bool) -> Permit {
        Permit {
            limiter: self.clone(),
            counted,
            started: Instant::now(),
        }
    }

    /// Lets go as many of those that wait as there is room for.
    fn let_go(self: &Arc<Self>) {
        while let Some(leave) = self.next() {
            if let Err(mut unwanted) = leave.send(self.permit(true)) {
                // Who waited has been cancelled.
                unwanted.counted = false;
                self.state().in_flight -= 1;
            }
        }
    }

    fn next(&self) -> Option<oneshot::Sender<Permit>> {
        let mut state = self.state();
        if state.in_flight >= state.limit {
            return None;
        }
        let leave = state.waiting.next(Instant::now())?;
        state.in_flight += 1;
        Some(leave)
    }

    fn pause(&self) -> Option<Duration> {
        let mut pace = self
            .pace
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = pace.next.max(now);
        pace.next = turn + pace.interval;
        Some(turn - now)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
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
        // One more for each window of successes; twice as many as long as nothing went wrong.
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
    /// The server answered as it should.
    pub(super) fn succeeded(&self) {
        self.limiter.succeeded(self.started.elapsed());
    }

    /// The server, or the way to it, is overloaded.
    pub(super) fn overloaded(&self) {
        self.limiter.overloaded();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.counted {
            self.limiter.state().in_flight -= 1;
            self.limiter.let_go();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use tokio::time::{sleep, timeout};

    #[tokio::test]
    async fn grows_while_all_is_well_and_halves_when_not() {
        let limiter = Limiter::new(16, None);
        for _ in 0..40 {
            limiter.acquire(Access::Read).await.succeeded();
        }
        assert_eq!(limiter.limit(), 16);
        let held: Vec<_> = join_all((0..16).map(|_| limiter.acquire(Access::Read))).await;
        held[0].overloaded();
        held[1].overloaded();
        assert_eq!(limiter.limit(), 8, "two complaints at once count as one");
        drop(held);
        let held: Vec<_> = join_all((0..8).map(|_| limiter.acquire(Access::Read))).await;
        let one_more = timeout(Duration::from_millis(20), limiter.acquire(Access::Write));
        assert!(one_more.await.is_err());
        drop(held);
        assert_eq!(limiter.state().in_flight, 0);
    }

    /// Whoever waits and is cancelled takes no place with it.
    #[tokio::test]
    async fn who_is_cancelled_leaves_room() {
        let limiter = Limiter::new(1, None);
        let held = limiter.acquire(Access::Read).await;
        let waits: Vec<_> = (0..1000)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire(Access::Write).await })
            })
            .collect();
        sleep(Duration::from_millis(20)).await;
        for one in &waits {
            one.abort();
        }
        join_all(waits).await;
        drop(held);
        let next = timeout(Duration::from_secs(1), limiter.acquire(Access::Write));
        assert!(next.await.is_ok());
        assert_eq!(limiter.state().in_flight, 0);
    }

    #[tokio::test]
    async fn reads_and_writes_take_turns() {
        let limiter = Limiter::new(1, None);
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
    async fn keeps_to_a_pace() {
        let limiter = Limiter::new(4, Some(100.0));
        let started = Instant::now();
        for _ in 0..11 {
            drop(limiter.acquire(Access::Read).await);
        }
        assert!(started.elapsed() >= Duration::from_millis(90));
    }
}
