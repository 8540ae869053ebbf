//! The settings of a run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::database_states::ClusterMoment;
use super::max_delete::MaxDelete;
use crate::journal::Journals;
use crate::plan::Drift;
use crate::report::Frontend;
use crate::report::ReportTo;
use crate::selection::Exclusions;
use couchdb::HttpSettings;

/// The settings of a run. Settings that Kazoo also has keep their names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings of the HTTP client.
    pub http: HttpSettings,
    /// The number of databases in work at the same time. It is larger than the number of requests in flight, so that reads and
    /// writes alternate and work remains while some databases wait for a disk. Number databases that are read completely: half as
    /// many.
    pub databases_at_once: usize,
    /// Kazoo's `time_between_db_ms`: a pause after each database. The default is zero.
    pub time_between_databases: Duration,
    /// Kazoo's `max_bulk_read`: documents per read.
    pub max_bulk_read: usize,
    /// Kazoo's `max_bulk_insert`: documents per write.
    pub max_bulk_insert: usize,
    /// The budget in bytes for documents that wait to be written. Beyond it, some are written, or dropped and read again later.
    /// The documents that they replace have a budget of the same size.
    pub memory: usize,
    /// Whether the run is a dry run.
    pub dry_run: bool,
    /// The most documents that a run may delete. `None`: half of the numbers, and any number where the function's name warns.
    pub max_delete: Option<MaxDelete>,
    /// The most documents that a run may change.
    pub max_changes: Option<u64>,
    /// A run makes only this many of its changes, the first by database and id.
    pub limit: Option<u64>,
    /// The parts of the cluster that a run leaves alone.
    pub exclude: Exclusions,
    /// The file of a plan. `None`: it is kept next to the journals.
    pub plan_file: Option<PathBuf>,
    /// The section of the system config that is read first, and written.
    pub config_section: String,
    /// Where journals are kept. `None`: nowhere; the run cannot be undone.
    pub journals: Option<Journals>,
    /// How the run uses the cluster lock.
    pub lock: Lock,
    /// The time without a renewal after which the holder of a lock counts as dead.
    pub lease: Duration,
    /// The user, for the journal and the lock.
    pub who: String,
    /// The node, or the process and machine, for operators who find the lock taken.
    pub place: String,
    /// The function and its arguments as given, for the journal and the lock. If empty, the function is used.
    pub command_line: String,
    /// The id of the run in the log and in the lock. `None`: a new one.
    pub run_id: Option<String>,
    /// Runs that the caller has listed already, which `status` leaves out. `None`: the caller lists none.
    pub known_runs: Option<Vec<String>>,
    /// The target of the report, if any.
    pub report: Option<ReportTo>,
    /// The Prometheus file that the run's counters are added to, if any.
    pub metrics: Option<PathBuf>,
    /// The settings of audits.
    pub audit: AuditSettings,
    /// The index of the cluster. `None`: all documents are read.
    pub index: Option<IndexSettings>,
    /// The options of the command line, with their values, that a printed command must repeat.
    pub repeated_options: Vec<String>,
    /// The caller of commands; hints and examples use its syntax.
    pub frontend: Frontend,
    /// Whether each document of a plan is shown, whatever the arguments say.
    pub shows_documents: bool,
}

/// The settings of audits.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// The kinds of drift to report. Empty: all.
    pub kinds: BTreeSet<Drift>,
    /// The file of accepted findings, which are counted and not reported.
    pub accepted: Option<PathBuf>,
    /// Whether findings are sent as events as soon as they are found, in no order, and not kept. A report keeps them anyway.
    pub streams: bool,
    /// The moment of an audit of the whole cluster that found everything readable. If nothing changed since, according to feeds of
    /// updates, the run ends without another audit. Only with [`IndexAsks::Feed`].
    pub known: Option<ClusterMoment>,
}

/// Where and when an index of the cluster is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSettings {
    /// The directory.
    pub directory: PathBuf,
    /// A cluster with fewer documents has no index: reading it takes no longer than asking what changed.
    pub from_documents: u64,
    /// The questions before the run believes the index.
    pub asks: IndexAsks,
}

/// The questions to CouchDB before a run believes the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexAsks {
    /// Each database, whether it changed (`_dbs_info`).
    #[default]
    EachDatabase,
    /// The feed of updates, which databases changed (`_db_updates`), and each database once in an hour. Changes of the last seconds
    /// can be missing. Only for audits; other commands ask each database.
    Feed,
    /// Nothing: everything is read, and the index replaced.
    Nothing,
}

/// The size of a cluster in documents from which on it has an index.
const INDEXED_FROM: u64 = 20_000;

impl IndexSettings {
    /// The index of this user, next to the journals. `None`: the user has no home directory.
    pub fn usual() -> Option<Self> {
        let user = directories::ProjectDirs::from("", "", "kazoo_numbers_maintenance")?;
        Some(Self {
            directory: user.data_dir().join("index"),
            from_documents: INDEXED_FROM,
            asks: IndexAsks::default(),
        })
    }

    /// An index in this directory, whatever the size of the cluster.
    pub fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            from_documents: 0,
            asks: IndexAsks::default(),
        }
    }

    /// The same, with other questions before.
    #[must_use]
    pub fn asking(self, asks: IndexAsks) -> Self {
        Self { asks, ..self }
    }
}

/// The use that a run makes of the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// It neither takes it nor looks.
    #[default]
    Off,
    /// It takes it, or is refused.
    Refuse,
    /// It takes it, or waits until it can.
    Wait,
}

/// Databases in work for each request in flight.
const DATABASES_A_REQUEST: usize = 4;

impl Settings {
    /// Limits the requests in flight, and the databases in work in proportion: Kazoo's `parallel_jobs_count`.
    pub fn limit_parallel(&mut self, requests: usize) {
        self.http.ceiling = requests;
        self.databases_at_once = requests.saturating_mul(DATABASES_A_REQUEST);
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            databases_at_once: HttpSettings::default().ceiling * DATABASES_A_REQUEST,
            http: HttpSettings::default(),
            time_between_databases: Duration::ZERO,
            max_bulk_read: 1000,
            max_bulk_insert: 500,
            memory: 32 << 20,
            dry_run: false,
            max_delete: None,
            max_changes: None,
            limit: None,
            exclude: Exclusions::default(),
            plan_file: None,
            config_section: "default".to_owned(),
            journals: None,
            lock: Lock::default(),
            lease: Duration::from_secs(90),
            who: String::new(),
            place: String::new(),
            command_line: String::new(),
            run_id: None,
            known_runs: None,
            report: None,
            metrics: None,
            audit: AuditSettings::default(),
            index: None,
            repeated_options: Vec::new(),
            frontend: Frontend::default(),
            shows_documents: false,
        }
    }
}
