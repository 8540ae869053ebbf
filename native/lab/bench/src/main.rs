//! `kazoo-numbers-bench`: measures the time of the commands against their minimum.
//!
//! Generated clusters are written to a server ([`shape`]), and one command of each family
//! ([`family`]) is run by the real program, alternating with its *floor*: a minimal program that
//! sends the fewest requests for the work ([`request_plan`], [`reads`]), with the same number in
//! flight, and discards the answers. The changes are reverted in between ([`bench`](mod@bench),
//! [`changes`]). Everything that is measured is a separate process ([`children`]). The figures are
//! written to a file ([`results`]) and to a page ([`page`]), which reports whether the targets are
//! met ([`targets`]).

mod arguments;
mod bench;
mod changes;
mod children;
mod conditions;
mod current;
mod family;
mod floor;
mod http;
mod idle;
mod measurement;
mod page;
mod progress;
mod reads;
mod request_plan;
mod requests;
mod results;
mod server;
mod shape;
mod snapshot;
mod targets;
mod usage;

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;

use arguments::{Arguments, BenchCommand, Files, Part, RunOptions};
use bench::Bench;
use children::Children;
use family::{CommandFamily, FAMILIES};
use results::Results;
use server::MeasuredServer;
use shape::ClusterShape;

/// Up to this size a run is short and is repeated more often.
const SMALL: usize = 20_000;

fn main() -> Result<()> {
    match Arguments::parse().command {
        BenchCommand::Run(options) => in_runtime(run(options)),
        BenchCommand::Table(files) => table(&files),
        BenchCommand::Floor { requests } => {
            let url = env::var("COUCHDB_URL").context("COUCHDB_URL")?;
            let done = in_runtime(floor::run(&url, &requests))?;
            Ok(exact_json::to_writer(io::stdout().lock(), &done)?)
        }
        BenchCommand::Sandbox => in_runtime(server::serve()),
        BenchCommand::Measure { output, line } => {
            let (program, arguments) = line.split_first().context("which program?")?;
            let usage = usage::measure(program, arguments)?;
            Ok(fs::write(output, exact_json::to_vec(&usage)?)?)
        }
    }
}

/// One thread is enough: this process computes nothing that takes time.
fn in_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

async fn run(options: RunOptions) -> Result<()> {
    let families: Vec<&CommandFamily> = FAMILIES
        .iter()
        .filter(|family| {
            let only = &options.only;
            only.is_empty() || only.iter().any(|part| family.name.contains(part.as_str()))
        })
        .collect();
    ensure!(!families.is_empty(), "no command matches --only");
    let program = program(options.program)?;
    let url = env::var("COUCHDB_URL").ok().filter(|url| !url.is_empty());
    let server = MeasuredServer::start(url.as_deref())?;
    let mut results = Results::open(&options.files.figures)?;
    let children = Children::new(program, server.url().to_owned())?;
    let bench = Bench::new(&server, children).await?;
    for size in options.sizes {
        let few = if size <= SMALL { 5 } else { 3 };
        let turns = options.turns.map_or(few, usize::from);
        let shape = ClusterShape::of(size);
        let mut put = |measurement| {
            progress::measured(&measurement);
            results.put(measurement)
        };
        if options.part != Some(Part::Index) {
            bench.cluster(shape, &families, turns, &mut put).await?;
        }
        if options.part != Some(Part::Full) {
            bench
                .second_looks(shape, &families, turns, &mut put)
                .await?;
        }
    }
    finish(&options.files, &results)
}

/// The program to measure, if it exists.
fn program(given: Option<PathBuf>) -> Result<PathBuf> {
    let program = match given {
        Some(program) => program,
        None => env::current_exe()?.with_file_name("kazoo-numbers"),
    };
    ensure!(
        program.is_file(),
        "cannot find {}; build it with `cargo build --release -p kazoo-numbers`",
        program.display()
    );
    Ok(program.canonicalize()?)
}

fn table(files: &Files) -> Result<()> {
    finish(files, &Results::open(&files.figures)?)
}

fn finish(files: &Files, results: &Results) -> Result<()> {
    page::write(&files.page, results.measurements())?;
    writeln!(io::stdout(), "{}", files.page.display())?;
    Ok(())
}
