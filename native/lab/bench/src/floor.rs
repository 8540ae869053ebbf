//! The floor: a minimal program to compare the commands with.
//!
//! It is a separate process, like the command. It reads a prepared [`RequestPlan`] and sends it.
//! Its time is from the first request to the last answer; the command's time includes the start of
//! the process.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::http::{Client, TrafficTotal};
use crate::requests::RequestPlan;

/// Requests in flight: the library's default limit.
pub(crate) const AT_ONCE: usize = 16;

/// The result of one run of the floor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct FloorRun {
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) traffic: TrafficTotal,
}

/// Sends the requests in this file.
pub(crate) async fn run(url: &str, requests: &Path) -> Result<FloorRun> {
    let text = fs::read(requests).with_context(|| requests.display().to_string())?;
    let requests: RequestPlan = exact_json::from_slice(&text)?;
    drop(text);
    let client = Client::new(url, AT_ONCE)?;
    let started = Instant::now();
    let traffic = requests.perform(&client, AT_ONCE).await?;
    Ok(FloorRun {
        seconds: started.elapsed().as_secs_f64(),
        traffic,
    })
}
