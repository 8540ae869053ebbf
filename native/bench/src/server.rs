//! The server that is asked: the one that was named, or an embedded one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// A server to measure on.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    /// The embedded one's: what it costs is not what the commands cost.
    process: Option<Process>,
}

/// A process that ends with this.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; and what it held was in memory.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// The server of this address, else an embedded one, served by this program.
    pub(crate) fn start(url: Option<&str>, program: &Path) -> Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.to_owned(),
                process: None,
            });
        }
        let mut child = Command::new(program)
            .args(["sandbox", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
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

    /// Its address, with its credentials.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.process.is_some()
    }
}
