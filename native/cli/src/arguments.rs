//! The command line, and the options of all commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::EnumValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use kazoo_numbers::couchdb::HttpSettings;

use kazoo_numbers_cli::address;
use kazoo_numbers_cli::terminal::json_argument;

use crate::output::AuditFormat;
use crate::{functions, logging, tools};

const ABOUT: &str = "Keeps Kazoo's number databases and account databases in sync";

const LONG_ABOUT: &str = "\
Keeps Kazoo's number databases and account databases in sync.

The functions of kazoo_numbers_maintenance have the same names, arguments, output and exit status \
as through sup, without Erlang. \"kazoo-numbers help FUNCTION\" describes one. A number database may \
be given as numbers%2F%2B1415, numbers/+1415 or +1415, an account by its id or its database.";

const AFTER: &str = "\
The address of CouchDB is --couchdb, else COUCHDB_URL, else the one in Kazoo's config.ini \
(KAZOO_CONFIG, /etc/kazoo/config.ini, /etc/kazoo/core/config.ini).

Exit status: 0 done; 1 invalid command line, or Kazoo is required; 2 refused, or some documents \
failed (the last line lists them as JSON), or a value was printed; 130 interrupted.

This program does not flush the caches of a running Kazoo. Next to a running Kazoo, prefer sup.";

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("kazoo-numbers")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("FUNCTION")
        .subcommand_help_heading("Functions and tools")
        .args(shared())
        .subcommands(functions::subcommands())
        .subcommands(tools::subcommands())
}

/// The options of every function. They may come before or after its name.
pub(crate) fn shared() -> [Arg; 14] {
    [
        address::argument(),
        json_argument(),
        Arg::new("ca-file")
            .long("ca-file")
            .value_name("FILE")
            .env("COUCHDB_CA_FILE")
            .value_parser(value_parser!(OsString))
            .help("Also trust the certificates in this PEM file: of a private authority, or CouchDB's own"),
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Print what would change, and change nothing"),
        Arg::new("parallel")
            .long("parallel")
            .value_name("N")
            .value_parser(value_parser!(u16).range(1..))
            .help(format!(
                "Maximum number of requests in flight [default: {}]",
                HttpSettings::default().ceiling
            )),
        Arg::new("requests-per-second")
            .long("requests-per-second")
            .value_name("N")
            .value_parser(positive)
            .help("Maximum number of requests a second [default: no limit]"),
        Arg::new("journal")
            .long("journal")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .help("Write the journal for \"undo\" to this directory [default: in your data directory]"),
        Arg::new("no-journal")
            .long("no-journal")
            .action(ArgAction::SetTrue)
            .conflicts_with("journal")
            .help("Write no journal. WARNING: the run cannot be undone"),
        Arg::new("journal-keep-days")
            .long("journal-keep-days")
            .value_name("N")
            .value_parser(value_parser!(u32))
            .conflicts_with("no-journal")
            .help("Delete journals after N days; they contain customers' documents [default: 30]"),
        Arg::new("report")
            .long("report")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Write the result to this file as JSON"),
        Arg::new("metrics")
            .long("metrics")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Add to the counters in this file, for Prometheus"),
        Arg::new("wait")
            .long("wait")
            .action(ArgAction::SetTrue)
            .help("Wait while another run holds the cluster lock, instead of failing"),
        Arg::new("no-lock")
            .long("no-lock")
            .action(ArgAction::SetTrue)
            .conflicts_with("wait")
            .help("Skip the cluster lock (dangerous)"),
        logging::argument(),
    ]
}

/// The output format of an audit.
pub(crate) fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(EnumValueParser::<AuditFormat>::new())
        .conflicts_with("json")
        .help("Print the audit in this format, and all other output on standard error")
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("must be greater than 0".to_owned()),
    }
}

/// The values of the shared options.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) couchdb: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) dry_run: bool,
    pub(crate) parallel: Option<u16>,
    pub(crate) requests_per_second: Option<f64>,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) no_journal: bool,
    pub(crate) journal_keep_days: Option<u32>,
    pub(crate) report: Option<PathBuf>,
    pub(crate) metrics: Option<PathBuf>,
    pub(crate) wait: bool,
    pub(crate) no_lock: bool,
    pub(crate) verbosity: u8,
    pub(crate) format: Option<AuditFormat>,
}

impl Options {
    /// Options after the command's name take precedence over those before it.
    pub(crate) fn of(top: &ArgMatches, sub: &ArgMatches) -> Self {
        Self {
            couchdb: value_of(top, sub, "couchdb"),
            ca_file: ca_file(top, sub),
            json: flag(top, sub, "json"),
            dry_run: flag(top, sub, "dry-run"),
            parallel: value_of(top, sub, "parallel"),
            requests_per_second: value_of(top, sub, "requests-per-second"),
            journal: value_of(top, sub, "journal"),
            no_journal: flag(top, sub, "no-journal"),
            journal_keep_days: value_of(top, sub, "journal-keep-days"),
            report: value_of(top, sub, "report"),
            metrics: value_of(top, sub, "metrics"),
            wait: flag(top, sub, "wait"),
            no_lock: flag(top, sub, "no-lock"),
            verbosity: verbosity(top, sub),
            format: value_of(top, sub, "format"),
        }
    }
}

fn value_of<T: Clone + Send + Sync + 'static>(
    top: &ArgMatches,
    sub: &ArgMatches,
    id: &str,
) -> Option<T> {
    [sub, top]
        .iter()
        .find_map(|matches| matches.try_get_one::<T>(id).ok().flatten().cloned())
}

/// The file from the option, on either side of the command's name, else from the environment.
fn ca_file(top: &ArgMatches, sub: &ArgMatches) -> Option<PathBuf> {
    let named = |matches: &ArgMatches, source| {
        let path = matches.try_get_one::<OsString>("ca-file").ok().flatten()?;
        (matches.value_source("ca-file") == Some(source)).then(|| PathBuf::from(path))
    };
    [ValueSource::CommandLine, ValueSource::EnvVariable]
        .into_iter()
        .find_map(|source| [sub, top].iter().find_map(|matches| named(matches, source)))
        .filter(|path| !path.as_os_str().is_empty())
}

/// How often the option is given, on both sides of the command's name.
fn verbosity(top: &ArgMatches, sub: &ArgMatches) -> u8 {
    let times = |matches: &ArgMatches| matches.try_get_one("verbose").ok().flatten().copied();
    let given = [top, sub].into_iter().filter_map(times);
    given.fold(0, u8::saturating_add)
}

fn flag(top: &ArgMatches, sub: &ArgMatches, id: &str) -> bool {
    [sub, top]
        .iter()
        .any(|matches| matches!(matches.try_get_one::<bool>(id), Ok(Some(true))))
}
