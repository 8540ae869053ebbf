//! The ids in the databases of a cluster, in CouchDB's order.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kazoo_numbers_generator::names::account_of_database;
use serde::Deserialize;

use crate::floor::AT_ONCE;
use crate::http::{Client, FloorRequest, Method};

/// The ids in each number database and account database, by plain name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    databases: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct AllDocs {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

impl Snapshot {
    /// Reads a snapshot from a server.
    pub(crate) async fn of(client: &Client) -> Result<Self> {
        let names: Vec<String> = client.json(&FloorRequest::get("/_all_dbs")).await?;
        let databases = stream::iter(names.into_iter().filter(|name| is_of_a_cluster(name)))
            .map(|name| async move {
                let request = FloorRequest::to(Method::Get, &name, "/_all_docs", None);
                let answer: AllDocs = client.json(&request).await?;
                let ids = answer.rows.into_iter().map(|row| row.id).collect();
                anyhow::Ok((name, ids))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self { databases })
    }

    /// The number databases with their ids.
    pub(crate) fn number_databases(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.all().filter(|(name, _)| is_of_numbers(name))
    }

    /// The account databases with their ids.
    pub(crate) fn account_databases(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.all().filter(|(name, _)| !is_of_numbers(name))
    }

    /// The names of all databases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// Databases that another snapshot does not have.
    pub(crate) fn new_since(&self, other: &Self) -> Vec<String> {
        let mut names: Vec<String> = self.databases.keys().cloned().collect();
        names.retain(|name| !other.databases.contains_key(name));
        names
    }

    fn all(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.databases
            .iter()
            .map(|(name, ids)| (name.as_str(), ids.as_slice()))
    }
}

/// Whether this is a number database.
pub(crate) fn is_of_numbers(name: &str) -> bool {
    name.starts_with("numbers/")
}

fn is_of_a_cluster(name: &str) -> bool {
    is_of_numbers(name) || account_of_database(name).is_some()
}

#[cfg(test)]
impl Snapshot {
    /// A snapshot for tests.
    pub(crate) fn for_test(databases: &[(&str, &[&str])]) -> Self {
        let own = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Self {
            databases: databases
                .iter()
                .map(|(name, ids)| ((*name).to_owned(), own(ids)))
                .collect(),
        }
    }
}
