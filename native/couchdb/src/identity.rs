//! Identifies the cluster that a server belongs to.

use std::collections::BTreeSet;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::body::LARGEST_STATUS;
use super::error::{Error, Operation};
use super::kind::Kind;
use super::request::Request;
use super::server::Server;

/// The identity of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The `uuid` of `GET /`. The nodes of a cluster share it only if they are configured that way.
    pub uuid: Option<String>,
    /// The names of the cluster's nodes (`cluster_nodes` of `GET /_membership`). Empty if the user
    /// may not read them.
    pub nodes: BTreeSet<String>,
}

impl ClusterIdentity {
    /// A text that is the same for all nodes of the cluster, as far as that is known. `None`: nothing is known.
    pub fn key(&self) -> Option<String> {
        if self.nodes.len() > 1 {
            let nodes: Vec<&str> = self.nodes.iter().map(String::as_str).collect();
            return Some(nodes.join(" "));
        }
        self.uuid.clone()
    }

    /// Whether both identities belong to one cluster. None if that is unknown.
    pub fn is_same(&self, other: &Self) -> Option<bool> {
        // A single node has the same default name on every server, so the name says nothing.
        let are_nodes_known = self.nodes.len() > 1 && other.nodes.len() > 1;
        match (&self.uuid, &other.uuid) {
            (Some(one), Some(other)) if one == other => Some(true),
            (Some(_), Some(_)) => Some(are_nodes_known && self.nodes == other.nodes),
            _ if are_nodes_known => Some(self.nodes == other.nodes),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Root {
    uuid: Option<String>,
}

#[derive(Deserialize)]
struct Membership {
    #[serde(default)]
    cluster_nodes: BTreeSet<String>,
}

impl Server {
    /// Reads the cluster's identity. A value that the server does not report, or not to this user,
    /// is left empty.
    ///
    /// # Errors
    /// [`Kind::Cancelled`], [`Kind::Unauthorized`].
    pub async fn identity(&self) -> Result<ClusterIdentity, Error> {
        let (root, membership) = futures::future::join(
            self.json_of::<Root>("/"),
            self.json_of::<Membership>("/_membership"),
        )
        .await;
        Ok(ClusterIdentity {
            uuid: root?.and_then(|root| root.uuid),
            nodes: membership?
                .map(|membership| membership.cluster_nodes)
                .unwrap_or_default(),
        })
    }

    async fn json_of<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, Error> {
        let request = Request::read(Operation::CONNECT, Method::GET, path).at_most(LARGEST_STATUS);
        let answer = self.send_repeatedly(request, |response| {
            Ok(serde_json::from_slice(&response.body)
                .ok()
                .filter(|_| response.status.is_success()))
        });
        match answer.await {
            Ok(answer) => Ok(answer),
            Err(error) if matches!(error.kind(), Kind::Cancelled | Kind::Unauthorized) => {
                Err(error)
            }
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(uuid: Option<&str>, nodes: &[&str]) -> ClusterIdentity {
        ClusterIdentity {
            uuid: uuid.map(str::to_owned),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        }
    }

    #[test]
    fn cluster_is_identified_by_uuid_then_by_nodes() {
        let single = ["couchdb@127.0.0.1"];
        let three = ["couchdb@a", "couchdb@b", "couchdb@c"];
        for (one, other, expected) in [
            (
                identity(Some("x"), &single),
                identity(Some("x"), &single),
                Some(true),
            ),
            // Two servers with the same default node name.
            (
                identity(Some("x"), &single),
                identity(Some("y"), &single),
                Some(false),
            ),
            // Two nodes of a cluster whose uuids were not set alike.
            (
                identity(Some("x"), &three),
                identity(Some("y"), &three),
                Some(true),
            ),
            (
                identity(Some("x"), &three),
                identity(Some("y"), &three[1..]),
                Some(false),
            ),
            (
                identity(None, &three),
                identity(Some("y"), &three),
                Some(true),
            ),
            (
                identity(None, &three),
                identity(None, &three[1..]),
                Some(false),
            ),
            (identity(None, &single), identity(Some("y"), &single), None),
            (identity(None, &[]), identity(None, &[]), None),
        ] {
            assert_eq!(one.is_same(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.is_same(&one), expected, "{other:?} {one:?}");
        }
    }
}
