//! The measured server: the given one, or an embedded one.

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use kazoo_numbers_sandbox::SandboxConfig;

/// A server to measure on.
#[derive(Debug)]
pub(crate) struct MeasuredServer {
    url: String,
    /// The embedded server's process. Its cost is not part of the commands' cost.
    process: Option<Process>,
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already. Its data were in memory.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl MeasuredServer {
    /// Uses the server at this address, or starts an embedded one in a separate process.
    pub(crate) fn start(url: Option<&str>) -> Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.to_owned(),
                process: None,
            });
        }
        let mut child = Command::new(env::current_exe()?)
            .arg("sandbox")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the embedded server")?;
        let output = child.stdout.take();
        let process = Process(child);
        let mut address = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut address)?;
        }
        let address = address.trim();
        ensure!(!address.is_empty(), "the embedded server did not start");
        Ok(Self {
            url: address.to_owned(),
            process: Some(process),
        })
    }

    /// The URL with credentials.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.process.is_some()
    }
}

/// Serves an embedded server until standard input is closed, so that it ends with the parent
/// process. It prints its address as the first line.
pub(crate) async fn serve() -> Result<()> {
    let config = SandboxConfig {
        admin: Some(("admin".to_owned(), "secret".to_owned())),
        ..SandboxConfig::default()
    };
    let server = kazoo_numbers_sandbox::Server::start(config).await?;
    writeln!(io::stdout(), "{}", server.url())?;
    let input_ends = || io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(input_ends).await??;
    server.shutdown().await;
    Ok(())
}
