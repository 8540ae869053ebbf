//! `kazoo-numbers-faults`: a proxy that forwards to the CouchDB at `COUCHDB_URL` and injects random
//! faults until standard input is closed. It prints its URL as the only line on standard output.
//! `KAZOO_NUMBERS_SEED` sets the random seed.

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use kazoo_numbers_faults::Proxy;
use kazoo_numbers_faults::arbitrary::hostile_schedule;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::io::{AsyncReadExt, stdin};
use tokio::time::sleep;

/// How long each schedule is active.
const SCHEDULE_DURATION: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let proxy = Proxy::start(&env::var("COUCHDB_URL")?).await?;
    writeln!(stdout(), "{}", proxy.url())?;
    let (mut input, mut ignored) = (stdin(), Vec::new());
    tokio::select! {
        closed = input.read_to_end(&mut ignored) => Ok(closed.map(|_| ())?),
        failed = inject_faults(&proxy) => failed,
    }
}

async fn inject_faults(proxy: &Proxy) -> Result<(), Box<dyn Error>> {
    let seed: u64 = match env::var("KAZOO_NUMBERS_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => 1,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    loop {
        let drawn = hostile_schedule().new_tree(&mut runner);
        proxy.arm(drawn.map_err(|reason| reason.to_string())?.current());
        sleep(SCHEDULE_DURATION).await;
    }
}
