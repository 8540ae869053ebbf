//! How many requests are in flight at once: few at first, more while latency holds, half when
//! the server shows that it is too much, never more than the operator allows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const START: usize = 4;

/// Latency may be this many times its long-term average before growth stops.
const TOLERANCE: f64 = 3.0;

/// After a halving nothing grows or halves again for this long: the requests that are still in
/// flight tell of the old limit.
const SETTLE: Duration = Duration::from_millis(250);

/// A limit on the requests in flight that adapts (AIMD, as TCP does it).
pub struct Limiter {
    permits: Arc<Semaphore>,
    ceiling: usize,
    state: Mutex<State>,
    pace: Option<Mutex<Pace>>,
}

struct State {
    limit: usize,
    /// Permits that were taken back while in use, and are forgotten as they return.
    owed: usize,
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
    permit: Option<OwnedSemaphorePermit>,
    limiter: Arc<Limiter>,
    started: Instant,
}

impl Limiter {
    /// `ceiling`: the most requests in flight. `per_second`: the most requests a second, if any.
    pub fn new(ceiling: usize, per_second: Option<f64>) -> Arc<Self> {
        let ceiling = ceiling.max(1);
        let limit = START.min(ceiling);
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(limit)),
            ceiling,
            state: Mutex::new(State {
                limit,
                owed: 0,
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

    pub(super) async fn acquire(self: &Arc<Self>) -> Permit {
        // The semaphore is never closed; were it, a request without a permit is the lesser evil.
        let permit = self.permits.clone().acquire_owned().await.ok();
        if let Some(pause) = self.pause() {
            tokio::time::sleep(pause).await;
        }
        Permit {
            permit,
            limiter: self.clone(),
            started: Instant::now(),
        }
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
            if state.owed > 0 {
                state.owed -= 1;
            } else {
                self.permits.add_permits(1);
            }
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
        let target = (state.limit / 2).max(1);
        let surplus = state.limit - target;
        state.limit = target;
        let taken = self.permits.forget_permits(surplus);
        state.owed += surplus - taken;
    }

    /// Whether a returning permit is one that was taken back.
    fn is_owed(&self) -> bool {
        let mut state = self.state();
        if state.owed == 0 {
            return false;
        }
        state.owed -= 1;
        true
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
        if let Some(permit) = self.permit.take()
            && self.limiter.is_owed()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn grows_while_all_is_well_and_halves_when_not() {
        let limiter = Limiter::new(16, None);
        for _ in 0..40 {
            limiter.acquire().await.succeeded();
        }
        assert_eq!(limiter.limit(), 16);
        let held: Vec<_> = futures::future::join_all((0..16).map(|_| limiter.acquire())).await;
        held[0].overloaded();
        held[1].overloaded();
        assert_eq!(limiter.limit(), 8, "two complaints at once count as one");
        drop(held);
        assert_eq!(limiter.permits.available_permits(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_to_a_pace() {
        let limiter = Limiter::new(4, Some(100.0));
        let started = tokio::time::Instant::now();
        for _ in 0..11 {
            drop(limiter.acquire().await);
        }
        assert!(started.elapsed() >= Duration::from_millis(90));
    }
}
