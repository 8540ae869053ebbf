//! The conditions of a measurement: machine, server, date and commit.

use std::process::Command;
use std::time::SystemTime;

use anyhow::Result;
use exact_json::Value;
use serde::{Deserialize, Serialize};
use sysinfo::System;

use crate::http::{Client, FloorRequest};
use crate::server::MeasuredServer;

/// The conditions of a measurement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Conditions {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) system: String,
    /// The server's name and version.
    pub(crate) server: String,
    /// The date in the format of RFC 3339.
    pub(crate) date: String,
    /// The commit, with `-dirty` if the sources were changed.
    pub(crate) commit: String,
}

impl Conditions {
    /// The current conditions.
    pub(crate) async fn of(server: &MeasuredServer, client: &Client) -> Result<Self> {
        let system = System::new_all()?;
        let processor = system
            .cpus()
            .first()
            .map_or("unknown", |cpu| cpu.brand().trim());
        let welcome: Value = client.json(&FloorRequest::get("/")).await?;
        let version = welcome["version"].as_str().unwrap_or("of no version");
        let server = if server.is_embedded() {
            format!("the embedded server, as CouchDB {version}")
        } else {
            format!("CouchDB {version}{}", shards(client).await)
        };
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        Ok(Self {
            processor: processor.to_owned(),
            cores: system.cpus().len(),
            memory_bytes: system.total_memory(),
            system: System::long_os_version().unwrap_or_else(|_| "unknown".to_owned()),
            server,
            date: now.split('T').next().unwrap_or_default().to_owned(),
            commit: commit(),
        })
    }
}

/// The default shards and copies, if the server reports them.
async fn shards(client: &Client) -> String {
    let request = FloorRequest::get("/_node/_local/_config/cluster");
    let reported: Value = client.json(&request).await.unwrap_or_default();
    match (reported["q"].as_str(), reported["n"].as_str()) {
        (Some(shards), Some(copies)) => format!(" (q={shards}, n={copies})"),
        _ => String::new(),
    }
}

fn commit() -> String {
    Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude", "*"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}
