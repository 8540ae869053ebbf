//! Audits again and again, reports the drift that arises and goes, and repairs chosen kinds.
//!
//! Each audit reads only what changed, through the index. An audit that fails is tried again, later each time.

mod drift;
mod event;
mod limit;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use drift::{DriftChange, Watched};
pub use event::WatchEvent;

use crate::command::{self, Argument};
use crate::commands::Ending;
use crate::engine::{ClusterMoment, IndexAsks, IndexSettings, Settings};
use crate::host::Host;
use crate::plan::{Drift, Remedy};
use crate::report::audit::{Audit, AuditedCluster};
use crate::report::{Event, Renderer, ReportTo};
use crate::run::{Finished, Job, run};
use limit::{REPAIR, RepairLimit};

/// The longest pause after audits that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The settings of a watch: its times, and the kinds that it repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// The time between the starts of two audits.
    pub interval: Duration,
    /// The time that drift must last before it is reported.
    pub grace: Duration,
    /// The kinds of drift to repair.
    pub repair: BTreeSet<Drift>,
    /// The most documents that are repaired in 24 hours, by watches that keep their journals in the same directory.
    pub repair_limit: u64,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            grace: Duration::from_secs(60),
            repair: BTreeSet::new(),
            repair_limit: 100,
        }
    }
}

impl WatchSettings {
    /// The line that refuses to repair a kind which a person must decide about.
    ///
    /// # Errors
    /// The line.
    pub fn check(&self) -> Result<(), String> {
        let undecidable = |kind: &&Drift| !matches!(kind.remedy(), Remedy::Command { .. });
        match self.repair.iter().find(undecidable) {
            Some(kind) => Err(format!(
                "error: cannot repair {}: a person must decide",
                kind.name()
            )),
            None => Ok(()),
        }
    }
}

/// A watch with its environment and the receiver of its events.
pub struct WatchJob {
    /// Its settings.
    pub watch: WatchSettings,
    /// Makes the environment of the library for each run: addresses and passwords can change while the watch goes on.
    pub host: Box<dyn Fn() -> Arc<dyn Host> + Send + Sync>,
    /// The settings of each run: audits keep no journal, repairs do.
    pub settings: Settings,
    /// The receiver of events. A full channel delays the watch.
    pub events: mpsc::Sender<WatchEvent>,
    /// If cancelled, the watch ends; a repair in progress finishes its writes.
    pub cancel: CancellationToken,
}

/// Watches until it is cancelled.
pub fn watch(job: WatchJob) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let watching = Watching {
            watched: Watched::new(job.watch.grace),
            began: Instant::now(),
            limit: RepairLimit::new(job.watch.repair_limit),
            failures: 0,
            is_incomplete: false,
            known: None,
            job,
        };
        watching.go_on().await;
    })
}

/// The end of an audit or a repair.
struct WatchRun {
    finished: Finished,
    audit: Option<Audit>,
    /// The first line about an error.
    error: Option<String>,
}

struct Watching {
    job: WatchJob,
    watched: Watched,
    began: Instant,
    /// The audits that failed since the last one that did not.
    failures: u32,
    /// Whether the last audit was incomplete.
    is_incomplete: bool,
    /// The last audit, if it was complete and asked feeds of updates.
    known: Option<(Box<Audit>, ClusterMoment)>,
    limit: RepairLimit,
}

/// Drift must last for the grace time, so a feed may be late by seconds.
fn asking_feed(index: IndexSettings) -> IndexSettings {
    match index.asks {
        IndexAsks::EachDatabase => index.asking(IndexAsks::Feed),
        _ => index,
    }
}

impl Watching {
    async fn go_on(mut self) {
        loop {
            let started = Instant::now();
            let audited = self.audit().await;
            if self.job.cancel.is_cancelled() {
                return;
            }
            match audited {
                Ok((audit, finished)) => {
                    let cluster = audit.cluster.clone();
                    self.take_in(started, audit, finished).await;
                    self.repair(&cluster).await;
                }
                Err(line) => self.fail(&line).await,
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.next(started).into()) => {}
                () = self.job.cancel.cancelled() => return,
            }
        }
    }

    /// The time of the next audit: after the interval, or when drift has lasted for the grace time. After failures later each time.
    fn next(&self, started: Instant) -> Instant {
        let interval = self.job.watch.interval;
        let pause = interval.saturating_mul(1 << self.failures.min(10));
        let next = started + pause.min(LONGEST_PAUSE.max(interval));
        match self.watched.next_due() {
            // Drift whose database cannot be read stays due.
            Some(due) if self.failures == 0 && self.began + due > started => {
                next.min(self.began + due)
            }
            _ => next,
        }
    }

    async fn take_in(&mut self, started: Instant, audit: Audit, finished: Finished) {
        if self.failures > 0 {
            self.failures = 0;
            self.send(WatchEvent::Recovered).await;
        }
        let is_complete = !audit.is_incomplete();
        // In either direction.
        if self.is_incomplete == is_complete {
            self.is_incomplete = !is_complete;
            let (unread, unchecked) = (audit.unread.count(), audit.unchecked);
            let event = WatchEvent::Incomplete { unread, unchecked };
            self.send(event).await;
        }
        if is_complete && !self.watched.has_begun() {
            let (findings, numbers) = (audit.findings.len(), audit.numbers.looked_at);
            self.send(WatchEvent::Started { findings, numbers }).await;
        }
        let now = started.duration_since(self.began);
        let findings = audit.findings.clone();
        for change in self.watched.update(now, findings, is_complete) {
            self.send(WatchEvent::Drift(change)).await;
        }
        let audit = Box::new(audit);
        let finished = Box::new(finished);
        self.send(WatchEvent::Audited { audit, finished }).await;
    }

    async fn fail(&mut self, line: &str) {
        let reason = line.strip_prefix("error: ").unwrap_or(line).to_owned();
        let is_first = self.failures == 0;
        self.failures = self.failures.saturating_add(1);
        self.send(WatchEvent::Failed { reason, is_first }).await;
    }

    async fn send(&self, event: WatchEvent) {
        // Without a receiver, the watch is about to be cancelled.
        let _ = self.job.events.send(event).await;
    }

    /// Makes an audit, or returns the line with the reason why it failed. If nothing changed, it is the last audit, at this time.
    async fn audit(&mut self) -> Result<(Audit, Finished), String> {
        let mut settings = Settings {
            journals: None,
            index: self.job.settings.index.clone().map(asking_feed),
            // A file for each audit would fill the disk.
            report: self
                .job
                .settings
                .report
                .clone()
                .filter(|to| !matches!(to, ReportTo::Directory(_))),
            ..self.job.settings.clone()
        };
        let known = self.known.take();
        settings.audit.known = known.as_ref().map(|(_, moment)| moment.clone());
        let ran = self.run("audit", &[], settings).await?;
        let audit = match (ran.audit, ran.error, known) {
            (Some(audit), _, _) => audit,
            (None, None, Some((audit, _))) if ran.finished.ending == Ending::Done => {
                audit.at(SystemTime::now())
            }
            (None, error, _) => {
                let unknown = || "the audit ended without a result".to_owned();
                return Err(error.unwrap_or_else(unknown));
            }
        };
        let moment = ran.finished.moment.clone();
        self.known = moment
            .filter(|_| !audit.is_incomplete())
            .map(|moment| (Box::new(audit.clone()), moment));
        Ok((audit, ran.finished))
    }

    async fn run(
        &self,
        function: &str,
        arguments: &[Argument],
        settings: Settings,
    ) -> Result<WatchRun, String> {
        let command = command::parse(function, arguments).map_err(|refusal| refusal.to_string())?;
        let (events, mut receiver) = mpsc::channel(64);
        let job = Job {
            function: function.to_owned(),
            command,
            host: (self.job.host)(),
            settings,
            events,
            cancel: self.job.cancel.clone(),
        };
        let collect = async {
            let (mut audit, mut error) = (None, None);
            while let Some(event) = receiver.recv().await {
                match event {
                    Event::Audit(made) => audit = Some(*made),
                    Event::Error { .. } if error.is_none() => {
                        error = Renderer.lines(&event).into_iter().next();
                    }
                    _ => {}
                }
            }
            (audit, error)
        };
        let (finished, (audit, error)) = futures::future::join(run(job), collect).await;
        Ok(WatchRun {
            finished,
            audit,
            error,
        })
    }

    /// Repairs the reported drift of the chosen kinds, within the limit of a day. `cluster`: that of the last audit.
    async fn repair(&mut self, cluster: &AuditedCluster) {
        let numbers: BTreeSet<String> = self
            .watched
            .reported(&self.job.watch.repair)
            .map(|finding| finding.number.clone())
            .collect();
        if numbers.is_empty() || !self.watched.has_begun() {
            return;
        }
        let journals = self.job.settings.journals.as_ref();
        let left = self.limit.left(SystemTime::now(), journals, cluster);
        if left == 0 {
            return;
        }
        let mut settings = self.job.settings.clone();
        settings.limit = Some(settings.limit.map_or(left, |limit| limit.min(left)));
        settings.audit.kinds.clone_from(&self.job.watch.repair);
        settings.command_line = REPAIR.to_owned();
        let numbers = Argument::List(numbers.into_iter().collect());
        let event = match self.run("repair", &[numbers], settings).await {
            Ok(ran) => {
                let documents = ran.finished.summary.counts.written();
                self.limit.add(SystemTime::now(), documents);
                let run = ran.finished.run.unwrap_or_default();
                let failed = ran.finished.summary.counts.failed;
                if documents > 0 {
                    self.send(WatchEvent::Repaired { documents, run }).await;
                }
                match (ran.finished.ending, ran.error) {
                    (_, None) if failed > 0 => WatchEvent::NotRepaired {
                        reason: format!("{failed} failed"),
                    },
                    (_, Some(error)) => WatchEvent::NotRepaired { reason: error },
                    (Ending::Done, None) => return,
                    (ending, None) => WatchEvent::NotRepaired {
                        reason: serde_json::to_value(ending).unwrap_or_default().to_string(),
                    },
                }
            }
            Err(reason) => WatchEvent::NotRepaired { reason },
        };
        self.send(event).await;
    }
}
