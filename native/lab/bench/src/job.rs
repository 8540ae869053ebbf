//! Work that consists of requests alone: what the floor does, and how a cluster is put back.

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::http::{Client, Request, Traffic};

/// Requests of which each waits for the answer to the one before: the pages of a database.
pub(crate) type Chain = Vec<Request>;

/// Chains that need nothing of each other, and go at the same time.
pub(crate) type Phase = Vec<Chain>;

/// Phases one after the other: what is written was read before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) phases: Vec<Phase>,
}

impl Job {
    /// Sends all of it, `at_once` requests in flight, and drops the answers.
    pub(crate) async fn perform(&self, client: &Client, at_once: usize) -> Result<Traffic> {
        let mut total = Traffic::default();
        for phase in &self.phases {
            let traffic = stream::iter(phase)
                .map(|chain| through(client, chain))
                .buffer_unordered(at_once)
                .try_fold(Traffic::default(), |mut sum, one| async move {
                    sum += one;
                    Ok(sum)
                });
            total += traffic.await?;
        }
        Ok(total)
    }
}

async fn through(client: &Client, chain: &[Request]) -> Result<Traffic> {
    let mut traffic = Traffic::default();
    for request in chain {
        traffic += client.drain(request).await?;
    }
    Ok(traffic)
}
