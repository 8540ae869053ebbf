//! The command line arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the commands of kazoo-numbers against the minimum of requests for the same work.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure, and write the figures and the table
    Run(RunOptions),
    /// Write the table again from existing figures
    Table(Files),
    /// Send the requests in a file (the floor)
    #[command(hide = true)]
    Floor {
        /// The prepared requests
        requests: PathBuf,
    },
    /// Serve an embedded server until standard input is closed
    #[command(hide = true)]
    Sandbox,
    /// Run a program and measure its time and memory
    #[command(hide = true)]
    Measure {
        /// The file for the result
        output: PathBuf,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        line: Vec<OsString>,
    },
}

/// Options of a measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Numbers in a cluster, smallest first
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "5000,50000"
    )]
    pub(crate) sizes: Vec<usize>,
    /// Only commands with one of these texts in their names
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only the commands without an index, or only those with one
    #[arg(long, value_name = "PART")]
    pub(crate) part: Option<Part>,
    /// Number of runs of each command and of its floor [default: 5, above 20 000 numbers 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) turns: Option<u8>,
    /// The kazoo-numbers to measure [default: in the folder of this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Commands that read everything
    Full,
    /// Commands with an index
    Index,
}

/// The output files.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// The file with all figures (JSON); figures that are not measured again stay
    #[arg(long, value_name = "FILE", default_value = "docs/performance.json")]
    pub(crate) figures: PathBuf,
    /// The page with the table, which is written between two marks
    #[arg(long, value_name = "FILE", default_value = "docs/performance.md")]
    pub(crate) page: PathBuf,
}
