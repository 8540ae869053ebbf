//! The floor: the bare program that ours is measured against.
//!
//! It is a process of its own, as ours is. It reads a [`Job`] that was prepared, and sends it.
//! Its seconds begin with the first request and end with the last answer; ours include the start
//! of the process.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::http::{Client, Traffic};
use crate::job::Job;

/// Requests in flight, as many as the library's ceiling.
pub(crate) const AT_ONCE: usize = 16;

/// What one run of the floor came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct FloorRun {
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) traffic: Traffic,
}

/// Sends the job that this file holds.
pub(crate) async fn run(url: &str, job: &Path) -> Result<FloorRun> {
    let text = fs::read(job).with_context(|| job.display().to_string())?;
    let job: Job = exact_json::from_slice(&text)?;
    drop(text);
    let client = Client::new(url, AT_ONCE)?;
    let started = Instant::now();
    let traffic = job.perform(&client, AT_ONCE).await?;
    Ok(FloorRun {
        seconds: started.elapsed().as_secs_f64(),
        traffic,
    })
}
