//! The start request from Erlang.

use crate::term::{Term, Unexpected};
use kazoo_numbers::run::MaxDelete;

/// An argument of a command, normalised by Erlang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A binary.
    Text(String),
    /// A list of binaries.
    List(Vec<String>),
}

/// The address of the databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// One URL for all databases.
    Url(String),
    /// The address in Kazoo's config.ini: in the file at this path, or at Kazoo's default path.
    ConfigIni(Option<String>),
    /// The host returns the address of each database.
    Host,
}

/// The side that answers the calls of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// There is no Kazoo in this node: the job works on the documents alone.
    Standalone,
    /// The calling process answers with Kazoo's modules.
    Kazoo,
}

/// An injected fault, to test in the loaded library that the node survives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// The function that starts the job panics.
    Start,
    /// The task of the job panics.
    Task,
    /// The task never ends.
    Hang,
}

/// The journal of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum JournalMode {
    /// In the user's data directory.
    #[default]
    Usual,
    /// In this directory.
    In(String),
    /// No journal: the job cannot be undone.
    Off,
}

/// The index of the cluster that a job uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexMode {
    /// In the user's data directory.
    #[default]
    Usual,
    /// In this directory, whatever the size of the cluster.
    In(String),
    /// As usual; audits ask CouchDB's feed which databases changed.
    Recent,
    /// Everything is read, and the index replaced.
    ReadAll,
    /// No index: everything is read.
    Off,
}

/// How a job handles another run that holds the cluster lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LockMode {
    /// The job is refused.
    #[default]
    Refuse,
    /// The job waits.
    Wait,
    /// The job skips the lock.
    Off,
}

/// The least important events that go to Erlang's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// None. Erlang modules of an older version do not know the frame.
    #[default]
    Off,
    /// Errors.
    Error,
    /// Warnings and above.
    Warning,
    /// The steps of a run and above.
    Info,
    /// Databases, pages and batches, and above.
    Debug,
    /// All.
    Trace,
}

/// The settings of a watch. Absent settings have the defaults of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchRequest {
    /// The seconds between the starts of two audits.
    pub interval: Option<u64>,
    /// The seconds that drift must last before it is reported.
    pub grace: Option<u64>,
    /// The kinds of drift to repair.
    pub repair: Vec<String>,
    /// The most documents that are repaired in a day.
    pub repair_limit: Option<u64>,
}

/// The settings of a job. Absent settings have the defaults of the code that reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSettings {
    /// The number of concurrent databases.
    pub parallel_jobs_count: Option<u64>,
    /// The pause between databases in milliseconds.
    pub time_between_db_ms: Option<u64>,
    /// The number of documents in a read.
    pub max_bulk_read: Option<u64>,
    /// The number of documents in a write.
    pub max_bulk_insert: Option<u64>,
    /// Report the writes without making them.
    pub dry_run: bool,
    /// The node's section of `system_config` documents.
    pub config_section: Option<String>,
    /// The valid carrier modules of a conversion.
    pub carrier_modules: Option<Vec<String>>,
    /// The width of the caller's terminal.
    pub columns: Option<u64>,
    /// The user.
    pub who: Option<String>,
    /// The name of the node.
    pub place: Option<String>,
    /// The id of the run. The session chooses it.
    pub run_id: Option<String>,
    /// Runs that the caller of `status` has listed already.
    pub known_runs: Option<Vec<String>>,
    /// How other runs are handled.
    pub lock: LockMode,
    /// The journal.
    pub journal: JournalMode,
    /// The number of days to keep journals.
    pub journal_keep_days: Option<u64>,
    /// The size limit of all journals in bytes.
    pub journal_keep_bytes: Option<u64>,
    /// The index.
    pub index: IndexMode,
    /// The most documents that a run may delete.
    pub max_delete: Option<MaxDelete>,
    /// The most documents that a run may change.
    pub max_changes: Option<u64>,
    /// The parts of the cluster that a run leaves alone.
    pub exclude: Option<Vec<String>>,
    /// A run makes only so many of its changes.
    pub limit: Option<u64>,
    /// The directory of reports.
    pub report_directory: Option<String>,
    /// The file of Prometheus counters.
    pub metrics_file: Option<String>,
    /// The kinds of drift that an audit reports.
    pub audit_kinds: Option<Vec<String>>,
    /// The file of accepted findings.
    pub audit_ignore: Option<String>,
    /// The settings of a watch.
    pub watch: WatchRequest,
    /// The file of additional trusted certificates.
    pub ca_file: Option<String>,
    /// Whether to report progress.
    pub follow: bool,
    /// The events that go to Erlang's log.
    pub log_level: LogLevel,
    /// An injected fault.
    pub fault: Option<InjectedFault>,
    /// Settings unknown to this version, which are ignored.
    pub others: Vec<(String, Term)>,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRequest {
    /// The name of the command.
    pub function: String,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// The address of the databases.
    pub connection: Connection,
    /// The side that answers the job's calls.
    pub host: HostKind,
    /// The settings.
    pub settings: JobSettings,
}

impl TryFrom<&Term> for StartRequest {
    type Error = Unexpected;

    fn try_from(term: &Term) -> Result<Self, Unexpected> {
        let function = term
            .get("function")
            .and_then(Term::as_text)
            .ok_or(Unexpected::instead_of("the name of a function"))?;
        let arguments = term
            .get("arguments")
            .and_then(Term::as_list)
            .ok_or(Unexpected::instead_of("a list of arguments"))?
            .iter()
            .map(Argument::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            function,
            arguments,
            connection: term
                .get("connection")
                .map_or(Ok(Connection::Host), Connection::try_from)?,
            host: match term.get("host").and_then(Term::as_atom) {
                Some("kazoo") => HostKind::Kazoo,
                Some("standalone") | None => HostKind::Standalone,
                Some(_) => return Err(Unexpected::instead_of("the host standalone or kazoo")),
            },
            settings: term
                .get("settings")
                .map_or(Ok(JobSettings::default()), JobSettings::try_from)?,
        })
    }
}

impl TryFrom<&Term> for Argument {
    type Error = Unexpected;

    fn try_from(term: &Term) -> Result<Self, Unexpected> {
        match term {
            Term::List(_) => texts(term).map(Self::List),
            _ => text(term).map(Self::Text),
        }
    }
}

impl TryFrom<&Term> for Connection {
    type Error = Unexpected;

    fn try_from(term: &Term) -> Result<Self, Unexpected> {
        match (term.as_atom(), term.as_tagged()) {
            (Some("host"), _) => Ok(Self::Host),
            (_, Some(("url", [url]))) => text(url).map(Self::Url),
            (_, Some(("config_ini", [Term::Atom(default)]))) if default == "default" => {
                Ok(Self::ConfigIni(None))
            }
            (_, Some(("config_ini", [path]))) => text(path).map(|path| Self::ConfigIni(Some(path))),
            _ => Err(Unexpected::instead_of("a connection")),
        }
    }
}

impl TryFrom<&Term> for JobSettings {
    type Error = Unexpected;

    fn try_from(term: &Term) -> Result<Self, Unexpected> {
        let Term::Map(pairs) = term else {
            return Err(Unexpected::instead_of("a map of settings"));
        };
        let mut settings = Self::default();
        for (key, value) in pairs {
            match key.as_atom().unwrap_or_default() {
                "parallel_jobs_count" => settings.parallel_jobs_count = Some(natural(value)?),
                "time_between_db_ms" => settings.time_between_db_ms = Some(natural(value)?),
                "max_bulk_read" => settings.max_bulk_read = Some(natural(value)?),
                "max_bulk_insert" => settings.max_bulk_insert = Some(natural(value)?),
                "columns" => settings.columns = Some(natural(value)?),
                "dry_run" => settings.dry_run = value.as_atom() == Some("true"),
                "follow" => settings.follow = value.as_atom() == Some("true"),
                "config_section" => settings.config_section = Some(text(value)?),
                "carrier_modules" => settings.carrier_modules = Some(texts(value)?),
                "who" => settings.who = Some(text(value)?),
                "place" => settings.place = Some(text(value)?),
                "known_runs" => settings.known_runs = Some(texts(value)?),
                "lock" => {
                    settings.lock = match value.as_atom() {
                        Some("refuse") => LockMode::Refuse,
                        Some("wait") => LockMode::Wait,
                        Some("off") => LockMode::Off,
                        _ => return Err(Unexpected::instead_of("the lock refuse, wait or off")),
                    }
                }
                "journal" => {
                    settings.journal = match value.as_atom() {
                        Some("off") => JournalMode::Off,
                        _ => JournalMode::In(text(value)?),
                    }
                }
                "index" => {
                    settings.index = match value.as_atom() {
                        Some("off") => IndexMode::Off,
                        Some("recent") => IndexMode::Recent,
                        Some("read_all") => IndexMode::ReadAll,
                        _ => IndexMode::In(text(value)?),
                    }
                }
                "journal_keep_days" => settings.journal_keep_days = Some(natural(value)?),
                "journal_keep_bytes" => settings.journal_keep_bytes = Some(natural(value)?),
                "max_delete" => settings.max_delete = Some(max_delete(value)?),
                "max_changes" => settings.max_changes = Some(natural(value)?),
                "limit" => settings.limit = Some(natural(value)?),
                "exclude" => settings.exclude = Some(texts(value)?),
                "report_directory" => settings.report_directory = Some(text(value)?),
                "audit_kinds" => settings.audit_kinds = Some(texts(value)?),
                "audit_ignore" => settings.audit_ignore = Some(text(value)?),
                "watch" => settings.watch = WatchRequest::try_from(value)?,
                "ca_file" => settings.ca_file = Some(text(value)?),
                "metrics_file" => settings.metrics_file = Some(text(value)?),
                "log_level" => settings.log_level = log_level(value)?,
                "fault" => {
                    settings.fault = match value.as_atom() {
                        Some("start") => Some(InjectedFault::Start),
                        Some("task") => Some(InjectedFault::Task),
                        Some("hang") => Some(InjectedFault::Hang),
                        _ => return Err(Unexpected::instead_of("the fault start, task or hang")),
                    }
                }
                other => settings.others.push((other.to_owned(), value.clone())),
            }
        }
        Ok(settings)
    }
}

impl TryFrom<&Term> for WatchRequest {
    type Error = Unexpected;

    fn try_from(term: &Term) -> Result<Self, Unexpected> {
        let Term::Map(pairs) = term else {
            return Err(Unexpected::instead_of("a map of settings of a watch"));
        };
        let mut watch = Self::default();
        for (key, value) in pairs {
            match key.as_atom().unwrap_or_default() {
                "interval" => watch.interval = Some(natural(value)?),
                "grace" => watch.grace = Some(natural(value)?),
                "repair" => watch.repair = texts(value)?,
                "repair_limit" => watch.repair_limit = Some(natural(value)?),
                _ => return Err(Unexpected::instead_of("a setting of a watch")),
            }
        }
        Ok(watch)
    }
}

fn max_delete(term: &Term) -> Result<MaxDelete, Unexpected> {
    let expected = "the setting max_delete as off, a whole number, or a share such as \"50%\"";
    match term {
        Term::Integer(_) => natural(term).map(MaxDelete::Count),
        Term::Atom(word) => word.parse().map_err(|_| Unexpected::instead_of(expected)),
        _ => text(term)?
            .parse()
            .map_err(|_| Unexpected::instead_of(expected)),
    }
}

fn log_level(term: &Term) -> Result<LogLevel, Unexpected> {
    match term.as_atom() {
        Some("off") => Ok(LogLevel::Off),
        Some("error") => Ok(LogLevel::Error),
        Some("warning") => Ok(LogLevel::Warning),
        Some("info") => Ok(LogLevel::Info),
        Some("debug") => Ok(LogLevel::Debug),
        Some("trace") => Ok(LogLevel::Trace),
        _ => Err(Unexpected::instead_of(
            "the log_level off, error, warning, info, debug or trace",
        )),
    }
}

fn text(term: &Term) -> Result<String, Unexpected> {
    term.as_text().ok_or(Unexpected::instead_of("a binary"))
}

fn texts(term: &Term) -> Result<Vec<String>, Unexpected> {
    term.as_list()
        .ok_or(Unexpected::instead_of("a list of binaries"))?
        .iter()
        .map(text)
        .collect()
}

fn natural(term: &Term) -> Result<u64, Unexpected> {
    term.as_integer()
        .and_then(|value| u64::try_from(value).ok())
        .ok_or(Unexpected::instead_of("a natural number"))
}
