//! The command line, and the options of all commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches as _, Subcommand as _, value_parser};
use kazoo_numbers::couchdb::HttpSettings;
use kazoo_numbers_cli::address::Address;
use kazoo_numbers_cli::terminal::JsonOutput;

use crate::functions;
use crate::output::AuditFormat;
use crate::tools::Tool;

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

/// The function with options that no other function has.
pub(crate) const AUDIT: &str = "audit";

/// The command line.
pub(crate) fn command() -> Command {
    // A tool shows none of the options, but says which one it does not support.
    let hidden = || options().map(|option| option.hide(true));
    without_options_of_tools().mut_subcommands(|sub| {
        if is_tool(&sub) {
            sub.args(hidden())
        } else {
            sub
        }
    })
}

/// The command line for the generators of shell completion, which do not support hidden options.
pub(crate) fn command_for_completion() -> Command {
    let local = || options().map(|option| option.global(false));
    without_options_of_tools()
        .mut_args(|option| option.global(false))
        .mut_subcommands(|sub| {
            if is_tool(&sub) {
                sub
            } else {
                sub.args(local())
            }
        })
}

fn is_tool(command: &Command) -> bool {
    Tool::has_subcommand(command.get_name())
}

fn without_options_of_tools() -> Command {
    // An audit's own option has the order 0.
    let command = Command::new("kazoo-numbers").next_display_order(1);
    let command = Options::augment_args(command).subcommands(functions::subcommands());
    // The descriptions come last: the derived parts have some, too.
    Tool::augment_subcommands(command)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("FUNCTION")
        .subcommand_help_heading("Functions and tools")
}

/// The options of every function, as clap knows them.
pub(crate) fn options() -> impl Iterator<Item = Arg> {
    let command = Options::augment_args(Command::new("options"));
    command
        .get_arguments()
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
}

/// The options of this function alone.
pub(crate) fn own_options(function: &str, command: Command) -> Command {
    match function {
        AUDIT => AuditOptions::augment_args(command),
        _ => command,
    }
}

/// The options of every function. They may come before or after its name; the latter take precedence.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) output: JsonOutput,

    /// Also trust the certificates in this PEM file: of a private authority, or CouchDB's own
    #[arg(long, global = true, value_name = "FILE", env = "COUCHDB_CA_FILE", value_parser = value_parser!(OsString))]
    ca_file: Option<OsString>,

    /// Print what would change, and change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,

    #[arg(long, global = true, value_name = "N", value_parser = value_parser!(u16).range(1..), help = parallel_help())]
    pub(crate) parallel: Option<u16>,

    /// Maximum number of requests a second [default: no limit]
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) requests_per_second: Option<f64>,

    /// Write the journal for "undo" to this directory [default: in your data directory]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,

    /// Write no journal. WARNING: the run cannot be undone
    #[arg(long, global = true, conflicts_with = "journal")]
    pub(crate) no_journal: bool,

    /// Delete journals after N days; they contain customers' documents [default: 30]
    #[arg(long, global = true, value_name = "N", conflicts_with = "no_journal")]
    pub(crate) journal_keep_days: Option<u32>,

    /// Write the result to this file as JSON
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Add to the counters in this file, for Prometheus
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Wait while another run holds the cluster lock, instead of failing
    #[arg(long, global = true)]
    pub(crate) wait: bool,

    /// Skip the cluster lock (dangerous)
    #[arg(long, global = true, conflicts_with = "wait")]
    pub(crate) no_lock: bool,

    /// Only an audit has it.
    #[arg(skip)]
    pub(crate) format: Option<AuditFormat>,
}

/// The options of an audit alone.
#[derive(Args)]
struct AuditOptions {
    /// Print the audit in this format, and all other output on standard error
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<AuditFormat>,
}

impl Options {
    /// The options on both sides of a function's name.
    pub(crate) fn of(function: &str, matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = Self::from_arg_matches(matches)?;
        if function == AUDIT {
            options.format = AuditOptions::from_arg_matches(matches)?.format;
        }
        Ok(options)
    }

    /// The file with additional certificates. An empty environment variable does not count.
    pub(crate) fn ca_file(&self) -> Option<PathBuf> {
        let file = self.ca_file.as_ref().map(PathBuf::from);
        file.filter(|path| !path.as_os_str().is_empty())
    }
}

fn parallel_help() -> String {
    let default = HttpSettings::default().ceiling;
    format!("Maximum number of requests in flight [default: {default}]")
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("must be greater than 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_of(line: &str) -> Options {
        let words = std::iter::once("kazoo-numbers").chain(line.split(' '));
        let matches = command().try_get_matches_from(words).unwrap();
        let (name, sub) = matches.subcommand().unwrap();
        Options::of(name, sub).unwrap()
    }

    #[test]
    fn option_after_the_name_takes_precedence() {
        let options =
            options_of("--parallel 2 --dry-run --couchdb u audit --parallel 3 --format csv");
        assert_eq!((options.parallel, options.dry_run), (Some(3), true));
        assert_eq!(options.address.couchdb.as_deref(), Some("u"));
        assert_eq!(options.format, Some(AuditFormat::Csv));
        let options = options_of("runs --json --journal-keep-days 5");
        assert_eq!((options.output.json, options.dry_run), (true, false));
        assert_eq!((options.journal_keep_days, options.format), (Some(5), None));
    }

    #[test]
    fn completion_offers_no_options_for_tools() {
        let mut command = command_for_completion();
        command.build();
        for sub in command.get_subcommands() {
            let has_options = sub.get_arguments().any(|arg| arg.get_id() == "dry_run");
            assert_ne!(has_options, is_tool(sub), "{}", sub.get_name());
        }
    }
}
