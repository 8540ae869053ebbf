//! Random cases: how many, from which seed, how far a failing one is shrunk.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases, `KAZOO_NUMBERS_SEED` from which seed, `KAZOO_NUMBERS_SHRINK` how many steps
//! a failing case is shrunk by.

use std::fmt::Debug;
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::server;

/// Shrinking runs a case anew each time, which can take seconds.
const SHRINK: u64 = 60;

/// How many cases: what `KAZOO_NUMBERS_CASES` says, else this.
pub fn count(default: u64) -> u64 {
    setting("KAZOO_NUMBERS_CASES", default)
}

/// The seed: what `KAZOO_NUMBERS_SEED` says, else the same one each day.
pub fn seed() -> u64 {
    setting("KAZOO_NUMBERS_SEED", 20_261_123)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number, not {text:?}"))
    })
}

/// The policy for so many cases: nothing is kept in files, and shrinking has an end.
pub fn config(cases: u64) -> Config {
    Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: u32::try_from(setting("KAZOO_NUMBERS_SHRINK", SHRINK)).unwrap(),
        ..Config::default()
    }
}

/// A runner of so many cases. The same seed and the same `what` make the same cases.
pub fn runner(cases: u64, seed: u64, what: u8) -> TestRunner {
    let mut bytes = [what; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(
        config(cases),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    )
}

/// What a share of the cases works with: a server, say.
#[expect(async_fn_in_trait, reason = "its users are tests, which block on it")]
pub trait Scene: Sized {
    async fn begin() -> Self;
    async fn end(self);
}

/// Deals cases out to threads, each with a scene and a seed of its own: most of a case is waiting.
/// A server given from outside is one for all, so there is one thread then.
pub fn deal<X, S, C>(name: &str, default: u64, strategy: fn() -> S, check: C)
where
    X: Scene,
    S: Strategy,
    S::Value: Debug,
    C: Fn(&Runtime, &X, S::Value) -> Result<(), TestCaseError> + Sync,
{
    let shares = if server::given().is_some() { 1 } else { 4 };
    let count = count(default).div_ceil(shares);
    let first = seed();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for share in 0..shares {
            let check = &check;
            scope.spawn(move || {
                let seed = first * shares + share;
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .unwrap();
                let scene = runtime.block_on(X::begin());
                let outcome =
                    runner(count, seed, 0).run(&strategy(), |case| check(&runtime, &scene, case));
                runtime.block_on(scene.end());
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
        count * shares,
        started.elapsed()
    );
}
