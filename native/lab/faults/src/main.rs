//! `kazoo-numbers-faults`: a proxy before the CouchDB of `COUCHDB_URL`, behind which anything goes wrong at random, for as long as
//! standard input is open. Its URL is the only line on standard output. `KAZOO_NUMBERS_SEED` says where chance starts.

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

/// How long a schedule counts.
const SPELL: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let proxy = Proxy::start(&env::var("COUCHDB_URL")?).await?;
    writeln!(stdout(), "{}", proxy.url())?;
    let (mut input, mut ignored) = (stdin(), Vec::new());
    tokio::select! {
        closed = input.read_to_end(&mut ignored) => Ok(closed.map(|_| ())?),
        failed = misbehave(&proxy) => failed,
    }
}

async fn misbehave(proxy: &Proxy) -> Result<(), Box<dyn Error>> {
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
        sleep(SPELL).await;
    }
}
