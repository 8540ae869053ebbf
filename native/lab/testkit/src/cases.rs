//! The number, seed and shrinking of random cases.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed, and
//! `KAZOO_NUMBERS_SHRINK` the number of steps to shrink a failing case.

use std::fmt::Debug;
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::server;

/// The default number of shrinking steps. Each step runs the case again, which can take seconds.
const SHRINK: u64 = 60;

/// The number of cases: `KAZOO_NUMBERS_CASES`, else `default`.
pub fn count(default: u64) -> u64 {
    setting("KAZOO_NUMBERS_CASES", default)
}

/// The seed: `KAZOO_NUMBERS_SEED`, else a constant.
pub fn seed() -> u64 {
    setting("KAZOO_NUMBERS_SEED", 20_261_123)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number, not {text:?}"))
    })
}

/// The proptest configuration for `cases` cases. It writes no files and limits shrinking.
pub fn config(cases: u64) -> Config {
    Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: u32::try_from(setting("KAZOO_NUMBERS_SHRINK", SHRINK)).unwrap(),
        ..Config::default()
    }
}

/// A runner of `cases` cases. The same seed and the same `what` give the same cases.
pub fn runner(cases: u64, seed: u64, what: u8) -> TestRunner {
    let mut bytes = [what; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(
        config(cases),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    )
}

/// A runner of `cases` cases. The same seed and the same name of a stream give the same cases.
pub fn named_runner(cases: u64, seed: u64, stream: &str) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    for (index, byte) in stream.bytes().enumerate() {
        let place = &mut bytes[8 + index % 24];
        *place = place.wrapping_mul(31).wrapping_add(byte);
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(config(cases), rng)
}

/// A runtime with the real clock.
pub fn network_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A runtime with a paused clock: it moves on when every task waits, to the next time that one of
/// them waits for.
pub fn paused_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// The environment of one thread's cases: a server, for example.
#[expect(async_fn_in_trait, reason = "its users are tests, which block on it")]
pub trait Fixture: Sized {
    /// The runtime of one thread's cases.
    fn runtime() -> Runtime {
        network_runtime()
    }

    async fn begin() -> Self;
    async fn end(self);
}

/// Runs the cases on several threads, each with its own fixture and seed, because most of a case is
/// waiting. With an external server there is one thread, because all cases share that server.
pub fn run_cases<X, S, C>(name: &str, default: u64, strategy: fn() -> S, check: C)
where
    X: Fixture,
    S: Strategy,
    S::Value: Debug,
    C: Fn(&Runtime, &X, S::Value) -> Result<(), TestCaseError> + Sync,
{
    let threads = if server::external_url().is_some() {
        1
    } else {
        4
    };
    let count = count(default).div_ceil(threads);
    let first = seed();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let check = &check;
            scope.spawn(move || {
                let seed = first * threads + thread;
                let runtime = X::runtime();
                let fixture = runtime.block_on(X::begin());
                let outcome =
                    runner(count, seed, 0).run(&strategy(), |case| check(&runtime, &fixture, case));
                runtime.block_on(fixture.end());
                match outcome {
                    Ok(()) => {}
                    Err(TestError::Fail(reason, case)) => {
                        panic!("{name}, seed {seed}: {reason}\nthe case was {case:?}")
                    }
                    Err(other) => panic!("{name}, seed {seed}: {other}"),
                }
            });
        }
    });
    println!(
        "{name}: {} cases hold, from seed {first}, in {:?}",
        count * threads,
        started.elapsed()
    );
}
