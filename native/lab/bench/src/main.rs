//! `kazoo-numbers-bench`: how long the commands take, and how long they would have to take at
//! least.
//!
//! Made-up clusters are put on a server ([`shape`]), and of each family of commands one
//! ([`family`]) is run by the real program, as an operator runs it, in turns with its *floor*: a
//! bare program that sends the fewest requests that the work needs ([`work`], [`reads`]), as many
//! at once, and does nothing with the answers. What was changed is put back in between
//! ([`bench`], [`changes`]). Everything that is timed is a process of its own ([`children`]). The figures go
//! to a file ([`results`]) and to a page ([`page`]), which says whether the targets hold
//! ([`targets`]).

mod arguments;
mod bench;
mod changes;
mod children;
mod conditions;
mod family;
mod floor;
mod http;
mod job;
mod measurement;
mod page;
mod present;
mod progress;
mod quiet;
mod reads;
mod results;
mod server;
mod shape;
mod snapshot;
mod targets;
mod usage;
mod work;

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;

use arguments::{Arguments, Files, Run, What};
use bench::Bench;
use children::Children;
use family::{FAMILIES, Family};
use results::Results;
use server::Server;
use shape::Shape;

/// Up to this size a run is short, and more of them tell more.
const SMALL: usize = 20_000;

fn main() -> Result<()> {
    match Arguments::parse().what {
        What::Run(options) => in_runtime(run(options)),
        What::Table(files) => table(&files),
        What::Floor { job } => {
            let url = env::var("COUCHDB_URL").context("COUCHDB_URL")?;
            let done = in_runtime(floor::run(&url, &job))?;
            Ok(exact_json::to_writer(io::stdout().lock(), &done)?)
        }
        What::Sandbox => in_runtime(server::serve()),
        What::Measure { told, line } => {
            let (program, arguments) = line.split_first().context("which program?")?;
            let usage = usage::measure(program, arguments)?;
            Ok(fs::write(told, exact_json::to_vec(&usage)?)?)
        }
    }
}

/// One thread does all there is to do here: nothing that takes time is computed.
fn in_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

async fn run(options: Run) -> Result<()> {
    let families: Vec<&Family> = FAMILIES
        .iter()
        .filter(|family| {
            let only = &options.only;
            only.is_empty() || only.iter().any(|part| family.name.contains(part.as_str()))
        })
        .collect();
    ensure!(!families.is_empty(), "there is no such command");
    let program = program(options.program)?;
    let url = env::var("COUCHDB_URL").ok().filter(|url| !url.is_empty());
    let server = Server::start(url.as_deref())?;
    let mut results = Results::open(&options.files.figures)?;
    let children = Children::new(program, server.url().to_owned())?;
    let bench = Bench::new(&server, children).await?;
    for size in options.sizes {
        let few = if size <= SMALL { 5 } else { 3 };
        let turns = options.turns.map_or(few, usize::from);
        bench
            .cluster(Shape::of(size), &families, turns, |one| {
                progress::measured(&one);
                results.put(one)
            })
            .await?;
    }
    finish(&options.files, &results)
}

/// The program that is measured, if it is there.
fn program(given: Option<PathBuf>) -> Result<PathBuf> {
    let program = match given {
        Some(program) => program,
        None => env::current_exe()?.with_file_name("kazoo-numbers"),
    };
    ensure!(
        program.is_file(),
        "there is no {}: `cargo build --release -p kazoo-numbers` makes it",
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
