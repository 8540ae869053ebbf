//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the commands of kazoo-numbers against the least that a CouchDB could be asked for the
/// same work.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) what: What,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Measures, and writes the figures and the table
    Run(Run),
    /// Writes the table anew from figures that were measured before
    Table(Files),
    /// Sends the requests that a file holds: the floor
    #[command(hide = true)]
    Floor {
        /// The prepared requests
        job: PathBuf,
    },
    /// Serves an embedded server, as long as its input is open
    #[command(hide = true)]
    Sandbox,
    /// Runs a program and tells what it cost
    #[command(hide = true)]
    Measure {
        /// Where to tell it
        told: PathBuf,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        line: Vec<OsString>,
    },
}

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Numbers in a cluster, smallest first
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "5000,50000"
    )]
    pub(crate) sizes: Vec<usize>,
    /// Only commands whose names hold one of these
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Runs of each, of ours and of the floor [default: 5, above 20 000 numbers 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) turns: Option<u8>,
    /// The kazoo-numbers to measure [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Where the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// All figures, as JSON; what is in it and is not measured again stays
    #[arg(long, value_name = "FILE", default_value = "docs/performance.json")]
    pub(crate) figures: PathBuf,
    /// The page with the table, between its marks
    #[arg(long, value_name = "FILE", default_value = "docs/performance.md")]
    pub(crate) page: PathBuf,
}
