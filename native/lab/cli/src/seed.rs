//! `seed` and `wipe`: load a generated cluster into a CouchDB, and delete it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Instant;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, value_parser};
use kazoo_numbers_cli::address::{self, Address};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::terminal::{self, JsonOutput, own_event};
use kazoo_numbers_generator as cluster;
use kazoo_numbers_generator::{
    Cluster, Drift, DriftKind, Plan, ServerError, Statistics, UglyKind, refuse_if_any,
};
use serde_json::{Value, json};

pub(crate) fn subcommand() -> Command {
    let defaults = cluster::Options::default();
    with_shared_options(Command::new("seed"))
        .about("Fill a CouchDB with a generated cluster with drift")
        .long_about(
            "Fills the CouchDB at --couchdb or COUCHDB_URL with a generated cluster: accounts, \
             numbers, callflows, and every kind of drift that an audit reports. The same options \
             generate the same cluster. A server that already holds a cluster, generated or not, is \
             refused before anything is written.",
        )
        .args([
            Arg::new("accounts")
                .long("accounts")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..))
                .default_value(defaults.accounts.to_string())
                .help("Accounts"),
            Arg::new("numbers")
                .long("numbers")
                .value_name("N")
                .value_parser(value_parser!(u32))
                .default_value(defaults.numbers.to_string())
                .help("Numbers in all number databases"),
            Arg::new("number-databases")
                .long("number-databases")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=790))
                .default_value(defaults.number_databases.to_string())
                .help("Number databases"),
            Arg::new("drift")
                .long("drift")
                .value_name("SHARE")
                .value_parser(share)
                .default_value(defaults.drift.to_string())
                .help("The share of numbers with drift, 0 to 1"),
            Arg::new("kinds")
                .long("kinds")
                .value_name("KIND,…")
                .value_delimiter(',')
                .value_parser(PossibleValuesParser::new(
                    DriftKind::ALL.map(DriftKind::name),
                ))
                .help("The kinds of drift [default: all]"),
            Arg::new("ugly")
                .long("ugly")
                .action(ArgAction::SetTrue)
                .help("Add unusual documents as in old clusters: wrong types, other ids, tombstones, …"),
            Arg::new("seed")
                .long("seed")
                .value_name("S")
                .value_parser(value_parser!(u64))
                .default_value(defaults.seed.to_string())
                .help("Random seed"),
            Arg::new("list-drift")
                .long("list-drift")
                .action(ArgAction::SetTrue)
                .help("Print the list of the drift as JSON and write nothing; needs no server"),
            Arg::new("anyway")
                .long("anyway")
                .action(ArgAction::SetTrue)
                .help("Allow seeding a server that already holds a cluster. WARNING: \"wipe\" then deletes that data too"),
        ])
}

pub(crate) fn wipe_subcommand() -> Command {
    with_shared_options(Command::new("wipe"))
        .about("Delete a generated cluster from a CouchDB")
        .long_about(
            "Deletes every database of a Kazoo cluster from the CouchDB at --couchdb or \
             COUCHDB_URL, if \"kazoo-numbers-lab seed\" created the cluster.",
        )
        .args([Arg::new("yes")
            .long("yes")
            .action(ArgAction::SetTrue)
            .required(true)
            .help("Confirm the deletion")])
}

fn with_shared_options(command: Command) -> Command {
    JsonOutput::augment_args(Address::augment_args(command))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

/// Generates a cluster and loads it.
pub(crate) async fn seed(matches: &ArgMatches) -> io::Result<ExitStatus> {
    let plan = Plan::new(&options_of(matches));
    if matches.get_flag("list-drift") {
        let list: Vec<Value> = plan.drift().iter().map(drift_entry).collect();
        terminal::print(&format!("{:#}\n", Value::Array(list)))?;
        return Ok(ExitStatus::Done);
    }
    let Some(url) = server(matches) else {
        return Ok(ExitStatus::Usage);
    };
    let began = Instant::now();
    if let Err(error) = load(&plan, &url, matches.get_flag("anyway")).await {
        return Ok(failed(&error));
    }
    let statistics = statistics(&plan);
    let drift = by_kind(plan.drift());
    let seconds = began.elapsed().as_secs_f64();
    terminal::print(&if matches.get_flag("json") {
        own_event("seeded", &statistics_json(&statistics, &drift, seconds))
    } else {
        lines(&statistics, &drift, seconds)
    })?;
    Ok(ExitStatus::Done)
}

/// Deletes a generated cluster.
pub(crate) async fn wipe(matches: &ArgMatches) -> io::Result<ExitStatus> {
    let Some(url) = server(matches) else {
        return Ok(ExitStatus::Usage);
    };
    if let Err(error) = Cluster::wipe(&url).await {
        return Ok(failed(&error));
    }
    terminal::print(&if matches.get_flag("json") {
        own_event("wiped", &json!({}))
    } else {
        "ok\n".to_owned()
    })?;
    Ok(ExitStatus::Done)
}

/// The server. It must be given explicitly, so that no cluster is loaded by accident.
fn server(matches: &ArgMatches) -> Option<String> {
    let url = address::given(matches.get_one::<String>("couchdb").map(String::as_str))
        .map(|(url, _)| url);
    if url.is_none() {
        terminal::say("error: cannot find CouchDB: no address was given");
        terminal::say("hint: set COUCHDB_URL=http://user:password@host:port, or use --couchdb");
    }
    url
}

fn failed(error: &ServerError) -> ExitStatus {
    terminal::say(&format!("error: {error}"));
    ExitStatus::Failed
}

async fn load(plan: &Plan, url: &str, anyway: bool) -> Result<(), ServerError> {
    if !anyway {
        refuse_if_any(url).await?;
    }
    plan.load(url).await
}

fn options_of(matches: &ArgMatches) -> cluster::Options {
    let mut options = cluster::Options::default();
    let count = |id: &str, default: usize| {
        matches
            .get_one::<u32>(id)
            .and_then(|&count| usize::try_from(count).ok())
            .unwrap_or(default)
    };
    options.accounts = count("accounts", options.accounts);
    options.numbers = count("numbers", options.numbers);
    options.number_databases = count("number-databases", options.number_databases);
    if let Some(&drift) = matches.get_one::<f64>("drift") {
        options.drift = drift;
    }
    if let Some(&seed) = matches.get_one::<u64>("seed") {
        options.seed = seed;
    }
    if let Some(kinds) = matches.get_many::<String>("kinds") {
        options.kinds = kinds
            .filter_map(|name| DriftKind::from_name(name))
            .collect();
    }
    options.ugly = if matches.get_flag("ugly") {
        UglyKind::all()
    } else {
        BTreeSet::new()
    };
    options
}

/// Counts counts database at a time, so that not all are in memory at once.
fn statistics(plan: &Plan) -> Statistics {
    let mut total = Statistics::default();
    for name in plan.names() {
        let database = plan.database(&name);
        let counts = Statistics::of(&Cluster {
            databases: BTreeMap::from([(name, database)]),
        });
        total.accounts += counts.accounts;
        total.number_databases += counts.number_databases;
        total.numbers += counts.numbers;
        total.assigned += counts.assigned;
        total.copies += counts.copies;
        total.documents += counts.documents;
        total.deleted += counts.deleted;
    }
    total
}

fn by_kind(drift: &[Drift]) -> BTreeMap<&'static str, u64> {
    let mut kinds = BTreeMap::new();
    for entry in drift {
        *kinds.entry(entry.kind.name()).or_default() += 1;
    }
    kinds
}

fn drift_entry(drift: &Drift) -> Value {
    json!({
        "kind": drift.kind.name(),
        "number": drift.number,
        "account": drift.account,
        "databases": drift.databases,
        "fields": drift.fields,
    })
}

fn statistics_json(statistics: &Statistics, drift: &BTreeMap<&str, u64>, seconds: f64) -> Value {
    json!({
        "account_databases": statistics.accounts,
        "number_databases": statistics.number_databases,
        "numbers": statistics.numbers,
        "assigned": statistics.assigned,
        "copies": statistics.copies,
        "documents": statistics.documents,
        "deleted": statistics.deleted,
        "drift": drift,
        "seconds": seconds,
    })
}

fn lines(statistics: &Statistics, drift: &BTreeMap<&str, u64>, seconds: f64) -> String {
    let mut text = format!(
        "{} number databases with {} numbers, {} of them assigned\n\
         {} account databases with {} copies of numbers\n\
         {} documents in all, {seconds:.1} seconds\n",
        statistics.number_databases,
        statistics.numbers,
        statistics.assigned,
        statistics.accounts,
        statistics.copies,
        statistics.documents
    );
    text.push_str("drift:\n");
    for (kind, count) in drift {
        text.push_str(&format!("  {kind:<26} {count:>6}\n"));
    }
    text
}
