//! How a run goes about its work.

use std::path::PathBuf;
use std::time::Duration;

use crate::journal::Journals;
use crate::lease::Lock;
use crate::report::Frontend;
use crate::report::ReportTo;
use couchdb::HttpSettings;

/// How a run goes about its work. Kazoo's knobs go by their names there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How requests are made.
    pub http: HttpSettings,
    /// Databases that are worked on at the same time: more than requests in flight, so that reads
    /// and writes can take turns, and there is something to send while some wait for a disk. Of
    /// number databases, when they are read whole, half as many.
    pub databases_at_once: usize,
    /// Kazoo's `time_between_db_ms`: a pause after each database; none unless it is set.
    pub time_between_databases: Duration,
    /// Kazoo's `max_bulk_read`: documents in one read.
    pub max_bulk_read: usize,
    /// Kazoo's `max_bulk_insert`: documents in one write.
    pub max_bulk_insert: usize,
    /// Bytes of documents that are held for writing before some are written, or let go to be
    /// read again; and as many of those that they may replace.
    pub memory: usize,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Whose section of the system config is read first, and written.
    pub config_section: String,
    /// Where what is done is written down; None: nowhere, and nothing can be undone.
    pub journals: Option<Journals>,
    /// What is done about other runs that write to the same cluster.
    pub lock: Lock,
    /// After how long a silence a run that holds the lock counts as dead.
    pub lease: Duration,
    /// Who runs this, for the journal and the lock.
    pub who: String,
    /// Where this runs, for who finds the lock taken: a node, or a process of a machine.
    pub place: String,
    /// The function and its arguments as given, for the journal and the lock; empty: the
    /// function alone.
    pub command_line: String,
    /// Where the report is written, if anywhere.
    pub report: Option<ReportTo>,
    /// The file of counters for Prometheus that the run is added to, if any.
    pub metrics: Option<PathBuf>,
    /// Where commands are given; hints and examples read accordingly.
    pub frontend: Frontend,
}

/// Databases that are worked on for each request in flight.
const DATABASES_A_REQUEST: usize = 4;

impl Settings {
    /// Limits the run to so many requests in flight, and to databases in proportion: Kazoo's
    /// `parallel_jobs_count`.
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
            config_section: "default".to_owned(),
            journals: None,
            lock: Lock::default(),
            lease: Duration::from_secs(90),
            who: String::new(),
            place: String::new(),
            command_line: String::new(),
            report: None,
            metrics: None,
            frontend: Frontend::default(),
        }
    }
}
