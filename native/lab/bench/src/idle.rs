//! Waits until a server is idle: after writes CouchDB updates indexes and compacts files, which
//! would distort the next measurement.

use std::time::{Duration, Instant};

use anyhow::Result;
use exact_json::Value;

use crate::http::{Client, FloorRequest};
use crate::progress::log;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The server counts as idle after this time without tasks.
const QUIET: Duration = Duration::from_secs(1);

/// The longest wait. A server that is busy for longer has other work.
const PATIENCE: Duration = Duration::from_secs(300);

/// Returns when the server has had no task for some time.
pub(crate) async fn wait(client: &Client) -> Result<()> {
    let began = Instant::now();
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < QUIET {
        tokio::time::sleep(LOOK_EVERY).await;
        let tasks: Vec<Value> = client.json(&FloorRequest::get("/_active_tasks")).await?;
        if !tasks.is_empty() {
            quiet_since = Instant::now();
        }
        if began.elapsed() > PATIENCE {
            log("  warning: the server is still busy; continuing");
            break;
        }
    }
    Ok(())
}
