//! Serves a sandbox in memory on the port given, until it is killed.

use kazoo_numbers_sandbox::{SandboxConfig, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let config = SandboxConfig {
        port,
        data: arguments.next().map(Into::into),
        ..SandboxConfig::default()
    };
    Server::start(config).await?.wait().await;
    Ok(())
}
