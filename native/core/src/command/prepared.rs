//! The work of a command for its arguments.

use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::argument::Argument;
use crate::commands::{Answer, Ending, FAILED, NOT_HERE, Returned, plans};
use crate::engine::Run;
use crate::lease::Scope;
use couchdb::Error;

type Work = Box<dyn FnOnce(Arc<Run>) -> BoxFuture<'static, Result<Answer, Error>> + Send + Sync>;

/// A check before all other work, the lock included. It refuses the run by an error or an answer.
type Check =
    Box<dyn FnOnce(Arc<Run>) -> BoxFuture<'static, Result<Option<Answer>, Error>> + Send + Sync>;

type LateScope = Box<dyn Fn() -> Scope + Send + Sync>;

/// The work that a command does for its arguments.
pub(super) struct Prepared {
    pub(super) work: Work,
    pub(super) check: Option<Check>,
    /// The scope, if the arguments decide it.
    pub(super) scope: Option<Option<Scope>>,
    /// The scope, if only the check finds it out.
    pub(super) late_scope: Option<LateScope>,
    pub(super) is_published: bool,
    /// The call that is planned instead of this command: a function and its arguments.
    pub(super) plans: Option<(String, Vec<Argument>)>,
    /// If set, the command does nothing but print this refusal after the check.
    pub(super) refusal: Option<String>,
}

impl Prepared {
    /// Work that ends with the summary and the failure report.
    pub(super) fn figures<F>(work: impl FnOnce(Arc<Run>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self::answer(|run| {
            let work = work(run);
            async move { work.await.map(|()| Answer::Figures) }
        })
    }

    /// Work that returns its own answer.
    pub(super) fn answer<F>(work: impl FnOnce(Arc<Run>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        Self {
            work: Box::new(move |run| Box::pin(work(run))),
            check: None,
            scope: None,
            late_scope: None,
            is_published: true,
            plans: None,
            refusal: None,
        }
    }

    /// A plan of this call.
    pub(super) fn plan(function: String, arguments: Vec<Argument>) -> Self {
        let nothing = Self::answer(|_| async { Ok(Answer::Figures) });
        Self {
            plans: Some((function, arguments)),
            ..nothing
        }
    }

    /// This work, and then the end of its plan. It takes no lock, because it writes nothing.
    pub(super) fn planned(self) -> Self {
        let prepared = self.scope(None);
        let work = prepared.work;
        Self {
            work: Box::new(|run| {
                Box::pin(async move {
                    match work(run.clone()).await? {
                        // The command refused itself.
                        refused @ (Answer::Only(Returned::Code(_))
                        | Answer::Ended(..)
                        | Answer::Refused { .. }) => Ok(refused),
                        _ => plans::finish(&run).await,
                    }
                })
            }),
            ..prepared
        }
    }

    /// A function that needs a running Kazoo.
    pub(super) fn needs_kazoo(name: &'static str) -> Self {
        Self::answer(move |run| async move {
            let line = format!("error: {name} needs a running Kazoo: call it in a Kazoo node");
            run.reporter.error(line, None).await;
            Ok(Answer::Only(Returned::Code(NOT_HERE)))
        })
    }

    /// For an empty list: no work.
    pub(super) fn nothing() -> Self {
        let nothing = Self::answer(|run| async move {
            let line = "nothing to do: the list is empty".to_owned();
            run.reporter.output(line).await;
            Ok(Answer::Only(Returned::Ok))
        });
        nothing.scope(None)
    }

    /// A refusal that is printed after the check.
    pub(super) fn refused(line: String) -> Self {
        let refusal = Some(line.clone());
        let refused = Self::answer(move |run| async move {
            run.reporter.error(format!("error: {line}"), None).await;
            Ok(Answer::Ended(Returned::Code(FAILED), Ending::Usage))
        });
        Self {
            refusal,
            ..refused.scope(None)
        }
    }

    /// Adds a check.
    pub(super) fn check<F>(self, check: impl FnOnce(Arc<Run>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<Answer>, Error>> + Send + 'static,
    {
        Self {
            check: Some(Box::new(move |run| Box::pin(check(run)))),
            ..self
        }
    }

    /// Sets the scope.
    pub(super) fn scope(self, scope: Option<Scope>) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    /// Sets the scope that the check finds out.
    pub(super) fn late_scope(self, scope: impl Fn() -> Scope + Send + Sync + 'static) -> Self {
        Self {
            late_scope: Some(Box::new(scope)),
            ..self
        }
    }

    /// Excludes the run from the report and the counters.
    pub(super) fn unpublished(self) -> Self {
        Self {
            is_published: false,
            ..self
        }
    }
}
