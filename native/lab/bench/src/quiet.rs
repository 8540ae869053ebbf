//! Waiting until a server has nothing else to do: after writes CouchDB brings indexes up to date
//! and compacts files on its own, which would be taken for what comes next.

use std::time::{Duration, Instant};

use anyhow::Result;
use exact_json::Value;

use crate::http::{Client, Request};
use crate::progress::say;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Quiet for so long is quiet.
const QUIET: Duration = Duration::from_secs(1);

/// A server that is busy for longer is busy with something else.
const PATIENCE: Duration = Duration::from_secs(300);

/// Returns when the server has had no task of its own for a while.
pub(crate) async fn wait(client: &Client) -> Result<()> {
    let began = Instant::now();
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < QUIET {
        tokio::time::sleep(LOOK_EVERY).await;
        let tasks: Vec<Value> = client.json(&Request::get("/_active_tasks")).await?;
        if !tasks.is_empty() {
            quiet_since = Instant::now();
        }
        if began.elapsed() > PATIENCE {
            say("  the server does not come to rest; what follows is measured all the same");
            break;
        }
    }
    Ok(())
}
