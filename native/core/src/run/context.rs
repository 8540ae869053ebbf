//! What the tasks of a run share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Mutex as AsyncMutex, OnceCell, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assigned::Indexes;
use super::budget::Budget;
use super::usage::Usages;
use super::{Job, Settings};
use crate::command::Door;
use crate::host::Host;
use crate::journal::{Journal, Record, Start};
use crate::kazoo::{
    AccountId, Converters, DatabaseName, NUMBER_MANAGER, Normaliser, SystemConfig,
    gregorian_seconds,
};
use crate::operation;
use crate::report::{Event, Notes, Progress, Summary, Tally};
use couchdb::{AnswerBudget, ClusterIdentity, Error, Kind};
use couchdb::{Include, Object, OnOutage, Server, ServerUrl, Traffic};

pub(super) struct Run {
    pub(super) host: Arc<dyn Host>,
    pub(super) settings: Settings,
    pub(super) tally: Tally,
    pub(super) cancel: CancellationToken,
    pub(super) budget: Budget,
    /// The moment of the run in gregorian seconds: one for all that it writes.
    pub(super) now: u64,
    function: String,
    has_fixed_output: bool,
    journal: OnceCell<Option<Journal>>,
    cluster: OnceCell<ClusterIdentity>,
    events: mpsc::Sender<Event>,
    servers: AsyncMutex<HashMap<ServerUrl, Arc<Server>>>,
    traffic: Arc<Traffic>,
    /// What answers of all its servers may hold at once.
    answers: AnswerBudget,
    normaliser: OnceCell<Arc<Normaliser>>,
    pub(super) usages: Usages,
    pub(super) indexes: Indexes,
    /// Accounts whose numbers changed.
    touched: Mutex<BTreeSet<AccountId>>,
    unreconciled: Mutex<Vec<String>>,
    /// What the report tells besides figures.
    notes: Mutex<Notes>,
    /// Databases that are done, of those that are to be done as far as is known.
    done: AtomicU64,
    to_be_done: AtomicU64,
}

/// An event that is no answer of the command.
fn beside_output(has_fixed_output: bool, event: Event) -> Event {
    if has_fixed_output {
        Event::Aside(Box::new(event))
    } else {
        event
    }
}

impl Run {
    pub(super) fn new(job: &Job) -> Self {
        Self {
            host: job.host.clone(),
            settings: job.settings.clone(),
            tally: Tally::default(),
            // Its own: an error that ends the run stops the rest of it, and not its caller.
            cancel: job.cancel.child_token(),
            budget: Budget::new(job.settings.memory),
            now: gregorian_seconds(SystemTime::now()),
            function: job.function.clone(),
            has_fixed_output: job.command.has_fixed_output(),
            journal: OnceCell::new(),
            cluster: OnceCell::new(),
            events: job.events.clone(),
            servers: AsyncMutex::default(),
            traffic: Arc::default(),
            answers: AnswerBudget::default(),
            normaliser: OnceCell::new(),
            usages: Usages::default(),
            indexes: Indexes::default(),
            touched: Mutex::default(),
            unreconciled: Mutex::default(),
            notes: Mutex::default(),
            done: AtomicU64::new(0),
            to_be_done: AtomicU64::new(0),
        }
    }

    /// Tells of an event. A receiver that is gone is no reason to stop in the middle: who wants
    /// the run stopped cancels it.
    pub(super) async fn tell(&self, event: Event) {
        if self.settings.report.is_some() {
            lock(&self.notes).saw(&event);
        }
        let _ = self.events.send(event).await;
    }

    pub(super) async fn output(&self, line: String) {
        self.tell(Event::Output(line)).await;
    }

    pub(super) async fn warn(&self, line: String) {
        self.tell_aside(Event::Warning(line)).await;
    }

    /// Reports something that is no answer of the command.
    pub(super) async fn note(&self, line: String) {
        self.tell_aside(Event::Output(line)).await;
    }

    async fn tell_aside(&self, event: Event) {
        self.tell(beside_output(self.has_fixed_output, event)).await;
    }

    /// Tells why the run ends, or did not begin.
    pub(super) async fn error(&self, line: String, hint: Option<String>) {
        self.tell(Event::Error { line, hint }).await;
    }

    /// Makes something of what was noted for the report.
    pub(super) fn noted<T>(&self, work: impl FnOnce(&Notes) -> T) -> T {
        work(&lock(&self.notes))
    }

    /// A database is done: its figures are told.
    pub(super) async fn finished(&self, database: &DatabaseName) {
        let (read, counts) = self.tally.database(database);
        self.tell(Event::Database {
            database: database.encoded(),
            read,
            counts,
        })
        .await;
    }

    async fn progress(&self) {
        let (documents, changed) = self.tally.so_far();
        self.tell(Event::Progress(Progress {
            databases: self.done.load(Relaxed),
            of: self.to_be_done.load(Relaxed),
            documents,
            changed,
        }))
        .await;
    }

    /// The server of a database; without one, the server that lists the cluster's databases.
    pub(super) async fn server(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<Arc<Server>, Error> {
        let url = self.host.server(database).await?;
        let mut servers = self.servers.lock().await;
        if let Some(server) = servers.get(&url) {
            return Ok(server.clone());
        }
        let mut http = self.settings.http.clone();
        http.answers = self.answers.clone();
        let events = self.events.clone();
        let has_fixed_output = self.has_fixed_output;
        http.on_outage = Some(OnOutage(Arc::new(move |error, patience| {
            let line = format!("{error}; trying again for {} seconds", patience.as_secs());
            // The event is dropped when the channel is full: the outage is not worth waiting for it.
            let _ = events.try_send(beside_output(has_fixed_output, Event::Warning(line)));
        })));
        let server = Arc::new(Server::new(
            url.clone(),
            http,
            self.traffic.clone(),
            self.cancel.clone(),
        )?);
        servers.insert(url, server.clone());
        Ok(server)
    }

    /// How numbers are normalised in this cluster: as its system config says, if it says so.
    pub(super) async fn normaliser(&self) -> Result<Arc<Normaliser>, Error> {
        self.normaliser
            .get_or_try_init(|| async {
                let converters = self
                    .system_config(|config| config.converters())
                    .await?
                    .unwrap_or_else(Converters::default);
                let normaliser = Normaliser::new(&converters);
                if let Some(unusable) = normaliser.unusable() {
                    self.warn(format!(
                        "system_config/number_manager holds expressions that do not compile, and match nothing: {unusable}"
                    ))
                    .await;
                }
                Ok(Arc::new(normaliser))
            })
            .await
            .cloned()
    }

    /// Reads something out of the system config; None where there is no such document.
    pub(super) async fn system_config<T>(
        &self,
        read: impl FnOnce(&SystemConfig<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let Some(database) = DatabaseName::new("system_config") else {
            return Ok(None);
        };
        let server = self.server(Some(&database)).await?;
        let found = match server
            .read_keys(&database, &[NUMBER_MANAGER], Include::Documents, 1)
            .await
        {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::DatabaseNotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let document = found.first().and_then(|found| found.document());
        Ok(document
            .and_then(|(_, text)| Object::parse(text).ok())
            .map(|document| read(&SystemConfig::new(&document, &self.settings.config_section))))
    }

    /// Does something for each database, several at a time, each in a task of its own. The first error
    /// stops the rest; a panic is an error.
    pub(super) async fn each<T, R, F, W>(
        self: &Arc<Self>,
        all: Vec<T>,
        work: W,
    ) -> Result<Vec<R>, Error>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, T) -> F,
    {
        self.some_at_once(self.settings.databases_at_once, all, work)
            .await
    }

    /// The same for number databases that are read whole: half as many, since their pages are full
    /// of documents and are held until what they are compared with is read.
    pub(super) async fn each_number_database<R, F, W>(
        self: &Arc<Self>,
        all: Vec<DatabaseName>,
        work: W,
    ) -> Result<Vec<R>, Error>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, DatabaseName) -> F,
    {
        self.some_at_once(self.settings.databases_at_once.div_ceil(2), all, work)
            .await
    }

    async fn some_at_once<T, R, F, W>(
        self: &Arc<Self>,
        at_once: usize,
        all: Vec<T>,
        work: W,
    ) -> Result<Vec<R>, Error>
    where
        T: Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, T) -> F,
    {
        let places = Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)));
        let mut tasks = JoinSet::new();
        let mut results = BTreeMap::new();
        let mut stopped = None;
        // The first error stops the others at their next request and not in the middle of one:
        // what a write in flight comes to is counted and told.
        let mut take = |done, stopped: &mut Option<Error>| match joined(done) {
            Ok((index, result)) => {
                results.insert(index, result);
            }
            Err(error) => {
                self.cancel.cancel();
                stopped.get_or_insert(error);
            }
        };
        self.to_be_done.fetch_add(all.len() as u64, Relaxed);
        self.progress().await;
        for (index, one) in all.into_iter().enumerate() {
            while let Some(done) = tasks.try_join_next() {
                take(done, &mut stopped);
            }
            if stopped.is_some() {
                break;
            }
            // Never closed; without a place the work would still be right.
            let place = places.clone().acquire_owned().await.ok();
            let task = work(self.clone(), one);
            let run = self.clone();
            let pause = self.settings.time_between_databases;
            tasks.spawn(async move {
                let result = task.await;
                run.done.fetch_add(1, Relaxed);
                run.progress().await;
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                drop(place);
                (index, result)
            });
        }
        while let Some(done) = tasks.join_next().await {
            take(done, &mut stopped);
        }
        match stopped {
            Some(error) => Err(error),
            None => Ok(results.into_values().collect()),
        }
    }

    /// The cluster that this run is on.
    pub(super) async fn cluster(&self) -> Result<&ClusterIdentity, Error> {
        self.cluster
            .get_or_try_init(|| async { self.server(None).await?.identity().await })
            .await
    }

    /// Whether an earlier run was on the cluster that this one is on.
    pub(super) async fn is_on_this_cluster(&self, earlier: &Start) -> Result<bool, Error> {
        let server = self.host.server(None).await?.to_string();
        Ok(earlier.is_on(self.cluster().await?, &server))
    }

    /// The journal of this run, begun when it is first asked for: a run that changes nothing
    /// leaves none.
    pub(super) async fn journal(&self) -> Result<Option<&Journal>, Error> {
        let journal = self
            .journal
            .get_or_try_init(|| async {
                let Some(journals) = &self.settings.journals else {
                    return Ok(None);
                };
                let server = self.host.server(None).await?.to_string();
                let command = self.command_line();
                let cluster = self.cluster().await?;
                let (journal, elsewhere) = journals
                    .begin(command, &self.settings.who, &server, cluster)
                    .map_err(|error| self.without_undo(error))?;
                if let Some(why) = elsewhere {
                    let path = journal.path().display();
                    self.warn(format!("{why}; the journal of this run is {path}"))
                        .await;
                }
                Ok(Some(journal))
            })
            .await?;
        Ok(journal.as_ref())
    }

    /// Refuses a run whose journal could not be written, before it writes anything.
    pub(super) fn check_journal(&self) -> Result<(), Error> {
        match &self.settings.journals {
            Some(journals) => journals.check().map_err(|error| self.without_undo(error)),
            None => Ok(()),
        }
    }

    /// Without a journal nothing is written, unless that was asked for.
    fn without_undo(&self, error: Error) -> Error {
        let detail = format!(
            "{}; this run could not be undone, and nothing was changed",
            error.detail()
        );
        let hint = match self.settings.door {
            Door::CommandLine => {
                "--journal DIR keeps the journal elsewhere; --no-journal runs without one, and cannot be undone"
            }
            _ => {
                "{journal, \"DIR\"} in the environment of the application keeps the journal elsewhere; {journal, off} runs without one, and cannot be undone"
            }
        };
        Error::new(error.kind(), error.operation(), detail).hint(hint)
    }

    /// What is being run, as a journal has it.
    pub(super) fn command_line(&self) -> &str {
        match self.settings.command_line.as_str() {
            "" => &self.function,
            line => line,
        }
    }

    /// The id under which this run is written down, if it has been begun.
    pub(super) fn journal_id(&self) -> Option<&str> {
        self.journal.get()?.as_ref().map(Journal::run)
    }

    /// Ends the journal, if one was begun.
    pub(super) async fn end_journal(&self, summary: &Summary) {
        let Some(Some(journal)) = self.journal.get() else {
            return;
        };
        let end = Record::End {
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            created: summary.counts.created,
            updated: summary.counts.updated,
            deleted: summary.counts.deleted,
            failed: summary.counts.failed,
        };
        // Without its end the run counts as broken off, which undo takes just the same.
        let _ = journal.end(end).await;
    }

    /// An error that ends the run: cancellation, wrong credentials, a bug. Others are failures
    /// of a database, and the rest goes on.
    pub(super) fn is_fatal(error: &Error) -> bool {
        matches!(
            error.kind(),
            Kind::Cancelled | Kind::Unauthorized | Kind::Internal | Kind::Config
        )
    }

    /// A database could not be read: a failure of it, unless the run is over.
    pub(super) fn database_failed(
        &self,
        database: &DatabaseName,
        error: Error,
    ) -> Result<(), Error> {
        if Self::is_fatal(&error) {
            return Err(error);
        }
        self.tally
            .database_failed(&database.encoded(), error.kind().name());
        Ok(())
    }

    /// Numbers failed: because of this error, in the database that it names.
    pub(super) fn numbers_failed<'a>(
        &self,
        database: &DatabaseName,
        error: &Error,
        reason: &str,
        numbers: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        if Self::is_fatal(error) {
            return Err(error.clone());
        }
        let database = error.database().unwrap_or(database).encoded();
        for number in numbers {
            self.tally.failed(&database, reason, number);
        }
        Ok(())
    }

    /// An account's numbers changed, on either side.
    pub(super) fn touch(&self, account: AccountId) {
        lock(&self.touched).insert(account);
    }

    /// Has the services of all accounts whose numbers changed reconciled, each once.
    pub(super) async fn reconcile_services(&self) -> Result<(), Error> {
        if self.settings.dry_run {
            return Ok(());
        }
        let touched = std::mem::take(&mut *lock(&self.touched));
        let mut left = Vec::new();
        for account in touched {
            if self.cancel.is_cancelled() {
                return Err(Error::cancelled(operation::HOST));
            }
            match self.host.services(account).await {
                Ok(true) => {}
                Ok(false) => left.push(account.to_string()),
                Err(error) => {
                    self.warn(format!("services of {account} are not reconciled: {error}"))
                        .await;
                    self.tally.failed(
                        &account.database().encoded(),
                        "services",
                        &account.to_string(),
                    );
                }
            }
        }
        if !left.is_empty() {
            self.note(format!(
                "services of these accounts must be reconciled in Kazoo: {}",
                left.join(" ")
            ))
            .await;
            lock(&self.unreconciled).extend(left);
        }
        Ok(())
    }

    /// Accounts whose services somebody else must reconcile.
    pub(super) fn unreconciled(&self) -> Vec<String> {
        lock(&self.unreconciled).clone()
    }

    pub(super) fn add_traffic(&self, summary: &mut Summary) {
        summary.requests = self.traffic.requests.load(Relaxed);
        summary.retries = self.traffic.retries.load(Relaxed);
        summary.bytes_received = self.traffic.received.load(Relaxed);
        summary.bytes_sent = self.traffic.sent.load(Relaxed);
    }
}

fn joined<R>(
    done: Result<(usize, Result<R, Error>), tokio::task::JoinError>,
) -> Result<(usize, R), Error> {
    match done {
        Ok((index, result)) => Ok((index, result?)),
        Err(_) => Err(Error::new(
            Kind::Internal,
            operation::HOST,
            "a task of the run panicked: this is a bug of kazoo_numbers_maintenance",
        )),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
