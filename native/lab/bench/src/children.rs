//! The measured processes: the program and the floor.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use kazoo_numbers::command::find;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::floor::FloorRun;
use crate::requests::RequestPlan;
use crate::usage::ProcessUsage;

/// Starts the measured processes for one server.
#[derive(Debug)]
pub(crate) struct Children {
    /// This program, which also runs the floor and measures processes.
    this_program: PathBuf,
    /// `kazoo-numbers`.
    program: PathBuf,
    url: String,
    /// A folder for their files. It is deleted with this value.
    scratch: TempDir,
}

/// The summary that the program prints at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgramSummary {
    pub(crate) documents_read: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    #[serde(flatten)]
    pub(crate) outcome: ResultCounts,
}

/// The numbers of documents by result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResultCounts {
    pub(crate) unchanged: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: u64,
}

impl ResultCounts {
    /// The number of written documents.
    pub(crate) fn written(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

/// The result of one run of the program.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct OurRun {
    #[serde(flatten)]
    pub(crate) usage: ProcessUsage,
    #[serde(flatten)]
    pub(crate) summary: ProgramSummary,
}

/// A run, and the folder with its journal.
#[derive(Debug)]
pub(crate) struct JournaledRun {
    pub(crate) run: OurRun,
    pub(crate) journal: TempDir,
}

/// A line of the program's output.
#[derive(Deserialize)]
struct Line {
    event: String,
    data: exact_json::Value,
}

impl Children {
    /// Creates the value. `program` is the `kazoo-numbers` to measure.
    pub(crate) fn new(program: PathBuf, url: String) -> Result<Self> {
        Ok(Self {
            this_program: std::env::current_exe()?,
            program,
            url,
            scratch: tempfile::tempdir()?,
        })
    }

    /// The peak memory of a run that does nothing, which every run needs.
    pub(crate) fn trivial_peak_bytes(&self) -> Result<u64> {
        let (usage, _) = self.measured(&["--version".into()])?;
        Ok(usage.peak_bytes)
    }

    /// Runs a function as an operator does, with a journal in a separate folder.
    pub(crate) fn ours(&self, function: &str, arguments: &[&str]) -> Result<JournaledRun> {
        let journal = self.folder()?;
        let run = self.ours_with(function, arguments, journal.path())?;
        Ok(JournaledRun { run, journal })
    }

    /// The same with the journals in this folder.
    pub(crate) fn ours_with(
        &self,
        function: &str,
        arguments: &[&str],
        journal: &Path,
    ) -> Result<OurRun> {
        let without: Vec<OsString> = match uses_index(function, arguments.len()) {
            true => vec!["--no-index".into()],
            false => Vec::new(),
        };
        self.run(function, arguments, journal, &without)
    }

    /// Runs a function with an index in this folder.
    pub(crate) fn ours_with_index(
        &self,
        function: &str,
        arguments: &[&str],
        index: &Path,
    ) -> Result<OurRun> {
        let journal = self.folder()?;
        let with = ["--index".into(), index.into()];
        self.run(function, arguments, journal.path(), &with)
    }

    /// An empty folder.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        Ok(tempfile::tempdir_in(self.scratch.path())?)
    }

    fn run(
        &self,
        function: &str,
        arguments: &[&str],
        journal: &Path,
        options: &[OsString],
    ) -> Result<OurRun> {
        let mut line: Vec<OsString> = vec!["--json".into(), "--journal".into(), journal.into()];
        line.extend_from_slice(options);
        line.push(function.into());
        line.extend(arguments.iter().map(OsString::from));
        let (usage, output) = self.measured(&line)?;
        // 2 means that some documents failed, as conflicted ones do.
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
    pub(crate) fn floor(&self, requests: &RequestPlan) -> Result<FloorRun> {
        let file = self.scratch.path().join("requests.json");
        fs::write(&file, exact_json::to_vec(requests)?)?;
        let output = Command::new(&self.this_program)
            .arg("floor")
            .arg(&file)
            .env("COUCHDB_URL", &self.url)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "the floor failed: {}",
            output.status
        );
        Ok(exact_json::from_slice(&output.stdout)?)
    }

    /// Runs the program through the measuring process. Its output goes to a file, so that this
    /// process has no work meanwhile.
    fn measured(&self, arguments: &[OsString]) -> Result<(ProcessUsage, PathBuf)> {
        let reported = self.scratch.path().join("usage.json");
        let output = self.scratch.path().join("output.jsonl");
        let status = Command::new(&self.this_program)
            .arg("measure")
            .arg(&reported)
            .arg("--")
            .arg(&self.program)
            .args(arguments)
            .env("COUCHDB_URL", &self.url)
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .status()?;
        ensure!(status.success(), "the measuring process failed: {status}");
        Ok((exact_json::from_slice(&fs::read(reported)?)?, output))
    }
}

/// Whether a function of this arity uses an index.
pub(crate) fn uses_index(function: &str, arity: usize) -> bool {
    find(function, arity).is_some_and(|spec| spec.uses_index)
}

fn summary(output: &Path) -> Result<ProgramSummary> {
    for line in BufReader::new(File::open(output)?).lines() {
        let line = line?;
        // Most lines are other events, and some are long.
        if !line.starts_with(r#"{"event":"finished""#) {
            continue;
        }
        let mut line: Line = exact_json::from_str(&line)?;
        ensure!(line.event == "finished");
        return Ok(exact_json::from_value(line.data["summary"].take())?);
    }
    bail!("the output has no summary line")
}

/// The end of an output, for an error message.
fn tail(output: &Path) -> Result<String> {
    let text = fs::read_to_string(output)?;
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(3)..].join("\n"))
}
