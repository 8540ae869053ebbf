//! Probes a server that does not answer HTTP: whether it speaks TLS, and whether its name resolves.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls;
use super::url::ServerUrl;

/// The time limit of the probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// The TLS record types handshake and alert (RFC 8446, section 5.1).
const RECORDS: [u8; 2] = [22, 21];

/// The first version byte of every TLS record.
const VERSION: u8 = 3;

/// Whether the server answers a TLS ClientHello with a TLS record.
pub(super) async fn speaks_tls(url: &ServerUrl) -> bool {
    timeout(PATIENCE, answers_hello(url))
        .await
        .is_ok_and(|answer| answer == Some(true))
}

async fn answers_hello(url: &ServerUrl) -> Option<bool> {
    let (host, port) = url.host_and_port();
    let hello = tls::client_hello()?;
    let mut stream = TcpStream::connect((host.as_str(), port)).await.ok()?;
    stream.write_all(&hello).await.ok()?;
    let mut start = [0; 2];
    stream.read_exact(&mut start).await.ok()?;
    Some(RECORDS.contains(&start[0]) && start[1] == VERSION)
}

/// Whether the server's host name resolves.
pub(super) async fn host_resolves(url: &ServerUrl) -> bool {
    let (host, port) = url.host_and_port();
    tokio::net::lookup_host((host.as_str(), port))
        .await
        .is_ok_and(|mut addresses| addresses.next().is_some())
}
