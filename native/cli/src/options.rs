//! The options of all commands.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches as _, ValueEnum, value_parser,
};
use kazoo_numbers::command::{
    Brake, CommandSpec, Effect, Journaling, Parameter, Scope, exclusions,
};
use kazoo_numbers::couchdb::HttpSettings;
use kazoo_numbers::plan::Drift;
use kazoo_numbers::run::{Exclusions, MaxDelete};
use kazoo_numbers_cli::address::Address;
use kazoo_numbers_cli::terminal::JsonOutput;

use crate::word_file;

/// The functions with options that no other function has.
pub(crate) const AUDIT: &str = "audit";
const REPAIR: &str = "repair";

/// The format of an audit document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// One JSON object
    Json,
    /// One row for each finding
    Csv,
    /// One self-contained page
    Html,
    /// One JSON object for each finding as soon as it is found, then one with the totals
    Jsonl,
}

/// The options of every function, as clap knows them.
pub(crate) fn all() -> impl Iterator<Item = Arg> {
    let command = Options::augment_args(Command::new("options"));
    command
        .get_arguments()
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
}

/// Whether an option of all functions means something for a function with these rows. A tool has no
/// rows.
pub(crate) fn applies(option: &Arg, forms: &[&CommandSpec]) -> bool {
    let any = |is: fn(&CommandSpec) -> bool| forms.iter().any(|spec| is(spec));
    match option.get_id().as_str() {
        "dry_run" => any(|spec| spec.effect != Effect::Reads && !spec.needs_kazoo),
        "parallel" | "requests_per_second" | "report" | "metrics" => any(|spec| spec.needs_server),
        "journal" | "journal_keep_days" => any(|spec| spec.journals != Journaling::None),
        "no_journal" => any(|spec| {
            matches!(
                spec.journals,
                Journaling::Keeps | Journaling::Prunes | Journaling::Checks
            )
        }),
        "index" | "no_index" | "read_all" => any(|spec| spec.uses_index || makes_plan(spec)),
        "recent" => any(|spec| spec.name == AUDIT),
        "max_changes" => any(is_braked),
        "max_delete" => any(|spec| is_braked(spec) && spec.deletes_documents()),
        "limit" => any(|spec| is_braked(spec) || makes_plan(spec)),
        "plan_file" => any(makes_plan),
        "exclude" => any(|spec| is_braked(spec) || makes_plan(spec) || spec.name == AUDIT),
        "full" => any(|spec| makes_plan(spec) || spec.parameters.contains(&Parameter::Full)),
        "skip_stale" => any(|spec| spec.parameters.contains(&Parameter::SkipStale)),
        "yes" => any(CommandSpec::deletes_documents),
        "wait" | "no_lock" => any(|spec| spec.scope == Some(Scope::Exclusive)),
        _ => true,
    }
}

fn is_braked(spec: &CommandSpec) -> bool {
    spec.effect != Effect::Reads && spec.is_planned && spec.brake != Brake::Never
}

fn makes_plan(spec: &CommandSpec) -> bool {
    spec.parameters.contains(&Parameter::OfFunction)
}

/// The line that refuses an option that means nothing for this function or tool: `port --dry-run`
/// must not run without the dry run.
pub(crate) fn unsupported(
    name: &str,
    forms: &[&CommandSpec],
    matches: &ArgMatches,
) -> Option<String> {
    let is_given = |option: &Arg| {
        matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let mut others = all().filter(|option| !applies(option, forms) && is_given(option));
    let option = others.find_map(|option| option.get_long().map(str::to_owned))?;
    Some(format!("error: --{option} cannot be used with {name}"))
}

/// The options of this function alone.
pub(crate) fn own(function: &str, command: Command) -> Command {
    match function {
        AUDIT => AuditOptions::augment_args(command),
        REPAIR => FindingOptions::augment_args(command),
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

    /// Keep the index in this directory, even of a small cluster [default: in your data directory,
    /// of clusters with 20000 documents or more]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) index: Option<PathBuf>,

    /// Read all documents, and neither use an index nor make one
    #[arg(long, global = true, conflicts_with = "index")]
    pub(crate) no_index: bool,

    /// Read all documents, and replace the index
    #[arg(long, global = true, conflicts_with = "no_index")]
    pub(crate) read_all: bool,

    /// Ask CouchDB's feed which databases changed: faster in a large cluster, but changes of the
    /// last seconds can be missing
    #[arg(long, global = true, conflicts_with_all = ["no_index", "read_all"])]
    pub(crate) recent: bool,

    /// Write the result to this file as JSON
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Add to the counters in this file, for Prometheus
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// Stop before deleting more than N documents, or more than a share of the numbers (50%; 100% is any number) [default: 50%]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) max_delete: Option<MaxDelete>,

    /// Stop before changing more than N documents
    #[arg(long, global = true, value_name = "N")]
    pub(crate) max_changes: Option<u64>,

    /// Make only N of the changes, the first by database and number
    #[arg(long, global = true, value_name = "N")]
    pub(crate) limit: Option<u64>,

    /// Leave this alone: an account, a number database, a prefix or a number. Can be given several
    /// times; @FILE has one on each line
    #[arg(long, global = true, value_name = "PART")]
    pub(crate) exclude: Vec<String>,

    /// Write the plan to this file
    #[arg(long = "plan-file", short = 'o', global = true, value_name = "FILE")]
    pub(crate) plan_file: Option<PathBuf>,

    /// Show each document of the plan
    #[arg(long, global = true)]
    pub(crate) full: bool,

    /// Leave documents alone that changed since the plan was made, and apply the rest
    #[arg(long, global = true)]
    pub(crate) skip_stale: bool,

    /// Do not ask before deleting or applying
    #[arg(long, global = true)]
    pub(crate) yes: bool,

    /// Wait while another run holds the cluster lock, instead of failing
    #[arg(long, global = true)]
    pub(crate) wait: bool,

    /// Skip the cluster lock (dangerous)
    #[arg(long, global = true, conflicts_with = "wait")]
    pub(crate) no_lock: bool,

    /// Print every database, not only those with changes or failures, and log the steps on standard
    /// error; -vv also logs databases, pages and batches, -vvv also documents
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print no database, only changes of a dry run, warnings, the summary and failures
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Whether the output belongs to a question, so that standard output stays that of the command.
    #[arg(skip)]
    pub(crate) is_question: bool,

    /// Only an audit has them.
    #[arg(skip)]
    pub(crate) audit: AuditOptions,
}

/// The options of an audit alone.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AuditOptions {
    /// Print the audit in this format, and all other output on standard error
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<AuditFormat>,

    #[command(flatten)]
    findings: FindingOptions,

    /// Exit with status 5 if drift is found that is not accepted
    #[arg(long)]
    pub(crate) fail_on_drift: bool,

    /// Print the totals of all audits of this whole cluster so far, without an audit
    #[arg(long, conflicts_with_all = ["format", "kind", "ignore", "fail_on_drift", "0"])]
    pub(crate) trend: bool,
}

/// The options of an audit and of a repair.
#[derive(Args, Clone, Debug, Default)]
struct FindingOptions {
    /// Only this kind of drift. Can be given several times, or with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Drift::ALL.map(Drift::name)))]
    kind: Vec<String>,

    /// Accept the findings in this TOML file: each with a reason and a date until which it counts (docs/audit.md)
    #[arg(long, value_name = "FILE")]
    ignore: Option<PathBuf>,
}

impl AuditOptions {
    /// The file of accepted findings.
    pub(crate) fn ignore(&self) -> Option<PathBuf> {
        self.findings.ignore.clone()
    }

    /// The kinds to report. Empty: all.
    pub(crate) fn kinds(&self) -> BTreeSet<Drift> {
        let kinds = self.findings.kind.iter();
        kinds.filter_map(|name| Drift::of_name(name)).collect()
    }
}

impl Options {
    /// The parts of the cluster that a run leaves alone.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a text names no part of the cluster: the line that says so.
    pub(crate) fn exclusions(&self) -> Result<Exclusions, String> {
        let texts = word_file::expanded(self.exclude.iter().cloned())?;
        exclusions(&texts).map_err(|refusal| format!("error: {refusal}"))
    }

    /// The options on both sides of a function's name.
    pub(crate) fn of(function: &str, matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut options = Self::from_arg_matches(matches)?;
        match function {
            AUDIT => options.audit = AuditOptions::from_arg_matches(matches)?,
            REPAIR => options.audit.findings = FindingOptions::from_arg_matches(matches)?,
            _ => {}
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
