//! The processes that are measured: the program, and the floor.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::floor::FloorRun;
use crate::job::Job;
use crate::usage::Usage;

/// Starts what is measured, against one server.
#[derive(Debug)]
pub(crate) struct Children {
    /// This program, which is the floor and the one that measures, too.
    me: PathBuf,
    /// `kazoo-numbers`.
    program: PathBuf,
    url: String,
    /// For what they read and write besides. It is gone when this is.
    scratch: TempDir,
}

/// What a run of the program says about itself at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) documents_read: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What became of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) unchanged: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
}

impl Outcome {
    /// Documents that were written.
    pub(crate) fn written(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

/// What one run of the program came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct OurRun {
    #[serde(flatten)]
    pub(crate) usage: Usage,
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

/// A run, and the folder with its journal.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) run: OurRun,
    pub(crate) journal: TempDir,
}

/// One line of what the program prints.
#[derive(Deserialize)]
struct Line {
    event: String,
    data: exact_json::Value,
}

impl Children {
    /// `program`: the `kazoo-numbers` that is measured.
    pub(crate) fn new(program: PathBuf, url: String) -> Result<Self> {
        Ok(Self {
            me: std::env::current_exe()?,
            program,
            url,
            scratch: tempfile::tempdir()?,
        })
    }

    /// The most memory of a run that does nothing: what a program of this size takes anyhow.
    pub(crate) fn trivial_peak_bytes(&self) -> Result<u64> {
        let (usage, _) = self.measured(&["--version".into()])?;
        Ok(usage.peak_bytes)
    }

    /// Runs a function as an operator would, its journal in a folder of its own.
    pub(crate) fn ours(&self, function: &str, arguments: &[&str]) -> Result<Ran> {
        let journal = tempfile::tempdir_in(self.scratch.path())?;
        let run = self.ours_with(function, arguments, journal.path())?;
        Ok(Ran { run, journal })
    }

    /// The same with the journals of this folder.
    pub(crate) fn ours_with(
        &self,
        function: &str,
        arguments: &[&str],
        journal: &Path,
    ) -> Result<OurRun> {
        let mut line: Vec<OsString> = vec!["--json".into(), "--journal".into(), journal.into()];
        line.push(function.into());
        line.extend(arguments.iter().map(OsString::from));
        let (usage, output) = self.measured(&line)?;
        // 2: something failed, as what is in conflict does.
        if !matches!(usage.status, Some(0 | 2)) {
            bail!(
                "{function} ended with {:?}: {}",
                usage.status,
                tail(&output)?
            );
        }
        let summary = summary(&output)
            .with_context(|| format!("{function} printed no summary: {:?}", tail(&output)))?;
        Ok(OurRun { usage, summary })
    }

    /// Runs the floor.
    pub(crate) fn floor(&self, job: &Job) -> Result<FloorRun> {
        let file = self.scratch.path().join("job.json");
        fs::write(&file, exact_json::to_vec(job)?)?;
        let output = Command::new(&self.me)
            .arg("floor")
            .arg(&file)
            .env("COUCHDB_URL", &self.url)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the floor: {}", output.status);
        Ok(exact_json::from_slice(&output.stdout)?)
    }

    /// Runs the program by way of the one that measures; its output goes to a file, so that
    /// nobody here is busy with it meanwhile.
    fn measured(&self, arguments: &[OsString]) -> Result<(Usage, PathBuf)> {
        let told = self.scratch.path().join("usage.json");
        let output = self.scratch.path().join("output.jsonl");
        let status = Command::new(&self.me)
            .arg("measure")
            .arg(&told)
            .arg("--")
            .arg(&self.program)
            .args(arguments)
            .env("COUCHDB_URL", &self.url)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .status()?;
        ensure!(status.success(), "the one that measures: {status}");
        Ok((exact_json::from_slice(&fs::read(told)?)?, output))
    }
}

fn summary(output: &Path) -> Result<Summary> {
    for line in BufReader::new(File::open(output)?).lines() {
        let line = line?;
        // Most lines are something else, and some are long.
        if !line.starts_with(r#"{"event":"finished""#) {
            continue;
        }
        let mut line: Line = exact_json::from_str(&line)?;
        ensure!(line.event == "finished");
        return Ok(exact_json::from_value(line.data["summary"].take())?);
    }
    bail!("no line of the end")
}

/// The end of an output, for a message.
fn tail(output: &Path) -> Result<String> {
    let text = fs::read_to_string(output)?;
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(3)..].join("\n"))
}
