//! Work that consists only of requests: the floor, and the restoration of a cluster.

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::http::{Client, FloorRequest, TrafficTotal};

/// Sequential requests, each after the answer to the previous one: the pages of a database.
pub(crate) type Chain = Vec<FloorRequest>;

/// Independent chains, which run concurrently.
pub(crate) type Phase = Vec<Chain>;

/// Phases run one after the other: reads come before writes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RequestPlan {
    pub(crate) phases: Vec<Phase>,
}

impl RequestPlan {
    /// Sends all requests, `at_once` in flight, and discards the answers.
    pub(crate) async fn perform(&self, client: &Client, at_once: usize) -> Result<TrafficTotal> {
        let mut total = TrafficTotal::default();
        for phase in &self.phases {
            let traffic = stream::iter(phase)
                .map(|chain| through(client, chain))
                .buffer_unordered(at_once)
                .try_fold(TrafficTotal::default(), |mut sum, traffic| async move {
                    sum += traffic;
                    Ok(sum)
                });
            total += traffic.await?;
        }
        Ok(total)
    }
}

async fn through(client: &Client, chain: &[FloorRequest]) -> Result<TrafficTotal> {
    let mut traffic = TrafficTotal::default();
    for request in chain {
        traffic += client.drain(request).await?;
    }
    Ok(traffic)
}
