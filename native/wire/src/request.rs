//! What Erlang sends to start a job.

use crate::term::{Term, Unexpected};

/// One argument of a command, as Erlang normalised it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A binary.
    Text(String),
    /// A list of binaries.
    List(Vec<String>),
}

/// Where the databases are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// At this URL, for every database.
    Url(String),
    /// Where Kazoo's config.ini says: the file at this path, or the one that Kazoo would take.
    ConfigIni(Option<String>),
    /// Where the host says, a database at a time.
    Host,
}

/// What stands behind the calls that a job makes to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// No Kazoo in this node: the job works on the documents alone.
    Standalone,
    /// The calling process answers with Kazoo's own modules.
    Kazoo,
}

/// A fault on purpose: shows, in the very library that runs, that the node survives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The function that starts the job panics.
    Start,
    /// The task of the job panics.
    Task,
    /// The task never ends by itself.
    Hang,
}

/// Where what a job does is written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Journal {
    /// In the user's data directory.
    #[default]
    Usual,
    /// In this directory.
    In(String),
    /// Nowhere: nothing can be undone.
    Off,
}

/// What a job does about others that write to the same cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lock {
    /// It is refused while one does.
    #[default]
    Refuse,
    /// It waits while one does.
    Wait,
    /// It neither looks nor is seen.
    Off,
}

/// The settings of a job; what is absent has the default of the place that reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Databases worked on at once.
    pub parallel_jobs_count: Option<u64>,
    /// Milliseconds of rest between databases.
    pub time_between_db_ms: Option<u64>,
    /// Documents read at once.
    pub max_bulk_read: Option<u64>,
    /// Documents written at once.
    pub max_bulk_insert: Option<u64>,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
    /// The node's own section of `system_config` documents.
    pub config_section: Option<String>,
    /// The carrier modules that are valid targets.
    pub carrier_modules: Option<Vec<String>>,
    /// The width of the caller's terminal.
    pub columns: Option<u64>,
    /// Who calls.
    pub who: Option<String>,
    /// The node that it runs in.
    pub place: Option<String>,
    /// What is done about other jobs.
    pub lock: Lock,
    /// Where the journal is.
    pub journal: Journal,
    /// How many days journals are kept.
    pub journal_keep_days: Option<u64>,
    /// How many bytes of journals are kept.
    pub journal_keep_bytes: Option<u64>,
    /// The directory that reports are written to.
    pub report_directory: Option<String>,
    /// The file of counters for Prometheus.
    pub metrics_file: Option<String>,
    /// The file of certificates that are trusted like those of the system.
    pub ca_file: Option<String>,
    /// Whether the caller wants to be told how far the run is.
    pub follow: bool,
    /// A fault on purpose.
    pub fault: Option<Fault>,
    /// What this version does not know, for it to be ignored knowingly.
    pub others: Vec<(String, Term)>,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The name of the command.
    pub function: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Where the databases are.
    pub connection: Connection,
    /// What answers the job's calls.
    pub host: HostKind,
    /// The settings.
    pub settings: Settings,
}

impl TryFrom<&Term> for Start {
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
                .map_or(Ok(Settings::default()), Settings::try_from)?,
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

impl TryFrom<&Term> for Settings {
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
                "lock" => {
                    settings.lock = match value.as_atom() {
                        Some("refuse") => Lock::Refuse,
                        Some("wait") => Lock::Wait,
                        Some("off") => Lock::Off,
                        _ => return Err(Unexpected::instead_of("the lock refuse, wait or off")),
                    }
                }
                "journal" => {
                    settings.journal = match value.as_atom() {
                        Some("off") => Journal::Off,
                        _ => Journal::In(text(value)?),
                    }
                }
                "journal_keep_days" => settings.journal_keep_days = Some(natural(value)?),
                "journal_keep_bytes" => settings.journal_keep_bytes = Some(natural(value)?),
                "report_directory" => settings.report_directory = Some(text(value)?),
                "ca_file" => settings.ca_file = Some(text(value)?),
                "metrics_file" => settings.metrics_file = Some(text(value)?),
                "fault" => {
                    settings.fault = match value.as_atom() {
                        Some("start") => Some(Fault::Start),
                        Some("task") => Some(Fault::Task),
                        Some("hang") => Some(Fault::Hang),
                        _ => return Err(Unexpected::instead_of("the fault start, task or hang")),
                    }
                }
                other => settings.others.push((other.to_owned(), value.clone())),
            }
        }
        Ok(settings)
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
