//! `seed` and `wipe`: a made-up cluster into a CouchDB, and out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Instant;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use kazoo_numbers_cli::address;
use kazoo_numbers_cli::program::{FAILED, USAGE};
use kazoo_numbers_cli::terminal::{self, json_argument, own_event};
use kazoo_numbers_generator as cluster;
use kazoo_numbers_generator::{
    Cluster, Drift, DriftKind, Plan, ServerError, Statistics, UglyKind, refuse_if_any,
};
use serde_json::{Value, json};

pub(crate) fn subcommand() -> Command {
    let defaults = cluster::Options::default();
    Command::new("seed")
        .about("Fill a CouchDB with a made-up cluster, drift and all")
        .long_about(
            "Fills the CouchDB of --couchdb or COUCHDB_URL with a made-up cluster: accounts, \
             numbers, callflows, and numbers that have drifted apart in every way that an audit \
             knows. The same options make the same cluster. A server that holds a cluster, made so \
             or not, is refused before anything is written.",
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
                .help("Numbers, in all number databases together"),
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
                .help("The share of numbers that drifted, 0 to 1"),
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
                .help("With all that years of imports leave behind: odd types, odd ids, tombstones, …"),
            Arg::new("seed")
                .long("seed")
                .value_name("S")
                .value_parser(value_parser!(u64))
                .default_value(defaults.seed.to_string())
                .help("Random seed"),
            Arg::new("list-drift")
                .long("list-drift")
                .action(ArgAction::SetTrue)
                .help("Print the list of the drift as JSON; write nothing, and need no server"),
            Arg::new("anyway")
                .long("anyway")
                .action(ArgAction::SetTrue)
                .help("Allow seeding a server that already holds a cluster. WARNING: \"wipe\" then deletes that data too"),
            address::argument(),
            json_argument(),
        ])
}

pub(crate) fn wipe_subcommand() -> Command {
    Command::new("wipe")
        .about("Delete a made-up cluster from a CouchDB")
        .long_about(
            "Deletes every database of a Kazoo cluster from the CouchDB of --couchdb or \
             COUCHDB_URL, if it was \"kazoo-numbers-lab seed\" that filled it.",
        )
        .args([
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .required(true)
                .help("Say that it is meant"),
            address::argument(),
            json_argument(),
        ])
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a share between 0 and 1".to_owned()),
    }
}

/// Makes a cluster and writes it.
pub(crate) async fn seed(matches: &ArgMatches) -> io::Result<u8> {
    let plan = Plan::new(&wanted(matches));
    if matches.get_flag("list-drift") {
        let list: Vec<Value> = plan.drift().iter().map(listed).collect();
        terminal::print(&format!("{:#}\n", Value::Array(list)))?;
        return Ok(0);
    }
    let Some(url) = server(matches) else {
        return Ok(USAGE);
    };
    let began = Instant::now();
    if let Err(error) = load(&plan, &url, matches.get_flag("anyway")).await {
        return Ok(failed(&error));
    }
    let statistics = statistics(&plan);
    let drift = by_kind(plan.drift());
    let seconds = began.elapsed().as_secs_f64();
    terminal::print(&if matches.get_flag("json") {
        own_event("seeded", &figures(&statistics, &drift, seconds))
    } else {
        lines(&statistics, &drift, seconds)
    })?;
    Ok(0)
}

/// Takes it away.
pub(crate) async fn wipe(matches: &ArgMatches) -> io::Result<u8> {
    let Some(url) = server(matches) else {
        return Ok(USAGE);
    };
    if let Err(error) = Cluster::wipe(&url).await {
        return Ok(failed(&error));
    }
    terminal::print(&if matches.get_flag("json") {
        own_event("wiped", &json!({}))
    } else {
        "ok\n".to_owned()
    })?;
    Ok(0)
}

/// The server, which must have been named: a made-up cluster goes nowhere by default.
fn server(matches: &ArgMatches) -> Option<String> {
    let url = address::given(matches.get_one::<String>("couchdb").map(String::as_str))
        .map(|(url, _)| url);
    if url.is_none() {
        terminal::say(
            "error: which CouchDB? Set COUCHDB_URL=http://user:password@host:port, or give --couchdb",
        );
    }
    url
}

fn failed(error: &ServerError) -> u8 {
    terminal::say(&format!("error: {error}"));
    FAILED
}

async fn load(plan: &Plan, url: &str, anyway: bool) -> Result<(), ServerError> {
    if !anyway {
        refuse_if_any(url).await?;
    }
    plan.load(url).await
}

fn wanted(matches: &ArgMatches) -> cluster::Options {
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

/// Counted database by database: all of it need not be in memory at once.
fn statistics(plan: &Plan) -> Statistics {
    let mut total = Statistics::default();
    for name in plan.names() {
        let database = plan.database(&name);
        let one = Statistics::of(&Cluster {
            databases: BTreeMap::from([(name, database)]),
        });
        total.accounts += one.accounts;
        total.number_databases += one.number_databases;
        total.numbers += one.numbers;
        total.assigned += one.assigned;
        total.copies += one.copies;
        total.documents += one.documents;
        total.deleted += one.deleted;
    }
    total
}

fn by_kind(drift: &[Drift]) -> BTreeMap<&'static str, u64> {
    let mut kinds = BTreeMap::new();
    for one in drift {
        *kinds.entry(one.kind.name()).or_default() += 1;
    }
    kinds
}

fn listed(drift: &Drift) -> Value {
    json!({
        "kind": drift.kind.name(),
        "number": drift.number,
        "account": drift.account,
        "databases": drift.databases,
        "fields": drift.fields,
    })
}

fn figures(made: &Statistics, drift: &BTreeMap<&str, u64>, seconds: f64) -> Value {
    json!({
        "account_databases": made.accounts,
        "number_databases": made.number_databases,
        "numbers": made.numbers,
        "assigned": made.assigned,
        "copies": made.copies,
        "documents": made.documents,
        "deleted": made.deleted,
        "drift": drift,
        "seconds": seconds,
    })
}

fn lines(made: &Statistics, drift: &BTreeMap<&str, u64>, seconds: f64) -> String {
    let mut text = format!(
        "{} number databases with {} numbers, {} of them assigned\n\
         {} account databases with {} copies of numbers\n\
         {} documents in all, {seconds:.1} seconds\n",
        made.number_databases,
        made.numbers,
        made.assigned,
        made.accounts,
        made.copies,
        made.documents
    );
    text.push_str("drift:\n");
    for (kind, count) in drift {
        text.push_str(&format!("  {kind:<26} {count:>6}\n"));
    }
    text
}
