//! The pace of a run's requests: how many start in a second, and whether any start at all. It can be changed while the run goes on.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The largest rate, in requests a second. More is no limit.
const LARGEST: f64 = 1_000_000.0;

/// The smallest rate: one request in 100 seconds. A run that does less is paused instead.
const SMALLEST: f64 = 0.01;

/// A number of requests a second, exact to a thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    thousandths: NonZeroU64,
}

impl Rate {
    /// A rate from 0.01 to 1000000 requests a second. `None` for all other numbers.
    pub fn new(per_second: f64) -> Option<Self> {
        if !(SMALLEST..=LARGEST).contains(&per_second) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        let thousandths = (per_second * 1000.0).round() as u64;
        NonZeroU64::new(thousandths).map(|thousandths| Self { thousandths })
    }

    /// The nearest rate. `None` if the number is not greater than 0.
    pub fn nearest(per_second: f64) -> Option<Self> {
        let rate = (per_second > 0.0).then(|| per_second.clamp(SMALLEST, LARGEST))?;
        Self::new(rate)
    }

    /// Requests a second.
    pub fn per_second(self) -> f64 {
        Duration::from_millis(self.thousandths.get()).as_secs_f64()
    }

    fn interval(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.per_second().fmt(f)
    }
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().and_then(Self::new).ok_or(())
    }
}

/// The pace of all requests of a run. Clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    setting: watch::Sender<Setting>,
    next: Mutex<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    rate: Option<Rate>,
    paused: Option<Instant>,
}

/// When a request may start.
enum Turn {
    Now,
    At(Instant),
    Paused,
}

impl Pace {
    /// A pace with this limit, if any.
    pub fn new(rate: Option<Rate>) -> Self {
        let setting = Setting { rate, paused: None };
        Self(Arc::new(Shared {
            setting: watch::Sender::new(setting),
            next: Mutex::new(Instant::now()),
        }))
    }

    /// Changes the limit. `None`: no limit. Requests that wait for their turn follow the new one.
    pub fn throttle(&self, rate: Option<Rate>) {
        self.change(|setting| setting.rate = rate);
    }

    /// Starts no request until [`Pace::resume`]. Requests in flight go on.
    pub fn pause(&self) {
        self.change(|setting| {
            setting.paused.get_or_insert_with(Instant::now);
        });
    }

    /// Starts requests again.
    pub fn resume(&self) {
        self.change(|setting| setting.paused = None);
    }

    /// The limit, if any.
    pub fn rate(&self) -> Option<Rate> {
        self.0.setting.borrow().rate
    }

    /// Whether no request starts.
    pub fn is_paused(&self) -> bool {
        self.0.setting.borrow().paused.is_some()
    }

    /// For how long no request starts, if it is paused.
    pub fn paused_for(&self) -> Option<Duration> {
        self.0.setting.borrow().paused.map(|at| at.elapsed())
    }

    /// Waits while the pace is paused.
    pub async fn resumed(&self) {
        self.until(false).await;
    }

    /// Waits until the pace is paused.
    pub async fn paused(&self) {
        self.until(true).await;
    }

    async fn until(&self, paused: bool) {
        let mut setting = self.0.setting.subscribe();
        // The sender lives as long as this.
        let _ = setting
            .wait_for(|setting| setting.paused.is_some() == paused)
            .await;
    }

    /// Waits until a request may start.
    pub(super) async fn turn(&self) {
        let mut setting = self.0.setting.subscribe();
        loop {
            setting.mark_unchanged();
            match self.take_turn() {
                Turn::Paused => self.resumed().await,
                Turn::Now => return,
                Turn::At(turn) => tokio::select! {
                    () = sleep_until(turn) => return,
                    // The sender lives as long as this.
                    _ = setting.changed() => {}
                },
            }
        }
    }

    fn take_turn(&self) -> Turn {
        let mut next = self.next();
        // Read after `next`: `change` holds that while it changes both.
        let setting = *self.0.setting.borrow();
        match setting {
            Setting {
                paused: Some(_), ..
            } => Turn::Paused,
            Setting { rate: None, .. } => Turn::Now,
            Setting {
                rate: Some(rate), ..
            } => {
                let turn = (*next).max(Instant::now());
                *next = turn + rate.interval();
                Turn::At(turn)
            }
        }
    }

    fn next(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that wait for their turn take another one, so the turns start from now.
    fn change(&self, change: impl FnOnce(&mut Setting)) {
        let mut next = self.next();
        *next = Instant::now();
        self.0.setting.send_if_modified(|setting| {
            let before = *setting;
            change(setting);
            *setting != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, timeout};

    fn rate(per_second: f64) -> Option<Rate> {
        Some(Rate::new(per_second).unwrap())
    }

    #[test]
    fn rates_outside_the_range_are_none() {
        for bad in [0.0, -1.0, 0.001, 1e7, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::new(bad), None, "{bad}");
        }
        for (text, shown) in [("5", "5"), ("0.5", "0.5"), ("1000000", "1000000")] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        assert_eq!("off".parse::<Rate>(), Err(()));
        assert_eq!(Rate::nearest(0.001), Rate::new(0.01));
        assert_eq!(Rate::nearest(0.0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_follow_a_new_rate() {
        let pace = Pace::new(rate(0.01));
        pace.turn().await;
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move { pace.turn().await })
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        pace.throttle(rate(10.0));
        for turn in waiting {
            turn.await.unwrap();
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(400), "{took:?}");
        assert!(took < Duration::from_millis(600), "{took:?}");
        pace.throttle(None);
        timeout(Duration::from_millis(1), pace.turn())
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn paused_pace_starts_nothing_until_it_is_resumed() {
        for limit in [None, rate(1000.0)] {
            let pace = Pace::new(limit);
            pace.pause();
            let waiting = {
                let pace = pace.clone();
                tokio::spawn(async move { pace.turn().await })
            };
            sleep(Duration::from_secs(3600)).await;
            assert!(!waiting.is_finished());
            pace.throttle(rate(500.0));
            sleep(Duration::from_secs(1)).await;
            assert!(!waiting.is_finished(), "a new rate resumes nothing");
            pace.resume();
            timeout(Duration::from_secs(1), waiting)
                .await
                .unwrap()
                .unwrap();
        }
    }

    /// Requests in line before a pause do not delay those after it.
    #[tokio::test(start_paused = true)]
    async fn resumed_requests_take_new_turns() {
        let pace = Pace::new(rate(1.0));
        let waiting: Vec<_> = (0..16)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move { pace.turn().await })
            })
            .collect();
        sleep(Duration::from_millis(10)).await;
        pace.pause();
        sleep(Duration::from_millis(10)).await;
        pace.resume();
        let began = Instant::now();
        for turn in waiting {
            turn.await.unwrap();
        }
        let took = began.elapsed();
        assert!(took > Duration::from_secs(13), "{took:?}");
        assert!(took < Duration::from_secs(17), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn request_that_waits_for_its_turn_is_paused() {
        let pace = Pace::new(rate(1.0));
        pace.turn().await;
        let waiting = {
            let pace = pace.clone();
            tokio::spawn(async move { pace.turn().await })
        };
        sleep(Duration::from_millis(10)).await;
        pace.pause();
        sleep(Duration::from_secs(60)).await;
        assert!(!waiting.is_finished());
    }
}
