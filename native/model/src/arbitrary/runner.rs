//! How many cases there are, and where chance starts.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A figure that the environment may set: `KAZOO_NUMBERS_CASES`, `KAZOO_NUMBERS_SEED`,
/// `KAZOO_NUMBERS_SHRINK`. What is no figure counts as not set.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The seed that the environment sets, or the same one each day.
pub fn seed() -> u64 {
    setting("KAZOO_NUMBERS_SEED", 20_261_123)
}

/// A runner of so many cases. The same seed and the same `what` make the same cases.
pub fn runner(cases: u64, seed: u64, what: u8) -> TestRunner {
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        failure_persistence: None,
        // Shrinking takes minutes: for when there is something to shrink.
        max_shrink_iters: u32::try_from(setting("KAZOO_NUMBERS_SHRINK", 0)).unwrap_or(u32::MAX),
        ..Config::default()
    };
    let mut bytes = [what; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
