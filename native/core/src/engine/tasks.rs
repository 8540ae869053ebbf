//! Runs tasks for many databases at the same time.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument, debug, debug_span, info};

use super::run::Run;
use super::steps::milliseconds_since;
use crate::kazoo::{AccountId, DatabaseName};
use crate::operation;
use couchdb::{Error, Kind};

/// An item of work, by its database.
pub(crate) trait OfDatabase {
    /// The database, for the log.
    fn database(&self) -> DatabaseName;
}

impl OfDatabase for DatabaseName {
    fn database(&self) -> DatabaseName {
        self.clone()
    }
}

impl OfDatabase for AccountId {
    fn database(&self) -> DatabaseName {
        AccountId::database(*self)
    }
}

impl<T: OfDatabase, U> OfDatabase for (T, U) {
    fn database(&self) -> DatabaseName {
        self.0.database()
    }
}

impl Run {
    /// Calls `work` for each item, several at a time, each in a separate task. The first error stops the others; a panic is an
    /// error.
    pub(crate) async fn each<T, R, F, W>(
        self: &Arc<Self>,
        all: Vec<T>,
        work: W,
    ) -> Result<Vec<R>, Error>
    where
        T: OfDatabase + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, T) -> F,
    {
        self.some_at_once(self.settings.databases_at_once, all, work)
            .await
    }

    /// As [`Run::each`], for number databases that are read completely: half as many at a time, because their pages stay in
    /// memory until the other side is read.
    pub(crate) async fn each_number_database<R, F, W>(
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

    /// Calls `work` for each database and reports its figures. If `work` fails, the database fails (`None`); a fatal error is
    /// returned.
    pub(crate) async fn each_database<T, R, F, W>(
        self: &Arc<Self>,
        all: Vec<T>,
        database_of: fn(&T) -> DatabaseName,
        work: W,
    ) -> Result<Vec<Option<R>>, Error>
    where
        T: OfDatabase + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, T) -> F,
    {
        self.each(all, |run, one| {
            let database = database_of(&one);
            let work = work(run.clone(), one);
            async move {
                let result = run.or_failed(&database, work.await)?;
                run.finished(&database).await;
                Ok(result)
            }
        })
        .await
    }

    /// The result, or `None` with a recorded failure of the database.
    pub(crate) fn or_failed<R>(
        &self,
        database: &DatabaseName,
        result: Result<R, Error>,
    ) -> Result<Option<R>, Error> {
        match result {
            Ok(result) => Ok(Some(result)),
            Err(error) => {
                self.database_failed(database, error)?;
                Ok(None)
            }
        }
    }

    async fn some_at_once<T, R, F, W>(
        self: &Arc<Self>,
        at_once: usize,
        all: Vec<T>,
        work: W,
    ) -> Result<Vec<R>, Error>
    where
        T: OfDatabase + Send + 'static,
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
        W: Fn(Arc<Self>, T) -> F,
    {
        let places = Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)));
        let mut tasks = JoinSet::new();
        let mut results = BTreeMap::new();
        let mut stopped = None;
        // The first error stops other tasks at their next request, not within one: the answer to a write in flight must still be
        // counted and announced.
        let mut take = |done, stopped: &mut Option<Error>| match joined(done) {
            Ok((index, result)) => {
                results.insert(index, result);
            }
            Err(error) => {
                self.cancel.cancel();
                stopped.get_or_insert(error);
            }
        };
        let began = Instant::now();
        let of = all.len();
        info!(databases = of, "command: databases begin");
        self.reporter.to_do(of).await;
        for (index, one) in all.into_iter().enumerate() {
            while let Some(done) = tasks.try_join_next() {
                take(done, &mut stopped);
            }
            if stopped.is_some() {
                break;
            }
            // The semaphore is never closed. Without a permit the work would still be correct.
            let place = places.clone().acquire_owned().await.ok();
            let span = debug_span!("database", database = %one.database(), number = index + 1, of);
            let task = work(self.clone(), one);
            let run = self.clone();
            let work = async move {
                let began = Instant::now();
                let result = task.await;
                match &result {
                    Ok(_) => debug!(milliseconds = milliseconds_since(began), "database ends"),
                    Err(error) => debug!(%error, "database ends the run"),
                }
                run.reporter.one_done().await;
                let pause = run.settings.time_between_databases;
                if !pause.is_zero() {
                    tokio::time::sleep(pause)
                        .instrument(debug_span!("time_between_db"))
                        .await;
                }
                drop(place);
                (index, result)
            };
            tasks.spawn(work.instrument(span));
        }
        while let Some(done) = tasks.join_next().await {
            take(done, &mut stopped);
        }
        info!(
            databases = of,
            milliseconds = milliseconds_since(began),
            "command: databases end"
        );
        match stopped {
            Some(error) => Err(error),
            None => Ok(results.into_values().collect()),
        }
    }
}

fn joined<R>(done: Result<(usize, Result<R, Error>), JoinError>) -> Result<(usize, R), Error> {
    match done {
        Ok((index, result)) => Ok((index, result?)),
        Err(_) => Err(Error::new(
            Kind::Internal,
            operation::HOST,
            "a task of the run panicked: this is a bug of kazoo_numbers_maintenance",
        )),
    }
}
