//! `watch`: audits again and again, and reports the drift that arises and goes.
//!
//! Each audit reads only what changed, through the index. An audit that fails is tried again, later each time.

mod page;
mod shown;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;
use kazoo_numbers::command::{self, Argument};
use kazoo_numbers::plan::{Drift, Remedy};
use kazoo_numbers::report::audit::{Audit, Finding};
use kazoo_numbers::report::{Event, Renderer, sanitise};
use kazoo_numbers::run::{Ending, Exclusions, Finished, Job, Settings, run};
use kazoo_numbers::watch::{DriftChange, Watched};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal::{self, own_event};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::output::Form;
use crate::{connection, logging, perform};
use shown::Shown;

/// The longest pause after audits that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of the tool.
#[derive(Args, Clone, Debug)]
pub(crate) struct WatchOptions {
    /// The seconds between two audits
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,

    /// Report drift that has lasted for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    grace: u64,

    /// Serve /metrics, /healthz and the page of the audit on this address of this machine
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    listen: Option<SocketAddr>,

    /// Repair drift of this kind after the grace time. Can be given several times, or with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Drift::ALL.map(Drift::name)))]
    repair: Vec<String>,

    /// Repair at most this many documents a day
    #[arg(long, value_name = "N", default_value = "100", requires = "repair")]
    repair_limit: u64,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "expected an address and a port, for example 127.0.0.1:9107".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(
            "must be an address of this machine, such as 127.0.0.1: the page shows numbers"
                .to_owned(),
        )
    }
}

/// Watches until a signal ends it.
pub(crate) async fn watch(watch: WatchOptions, options: Options) -> io::Result<ExitStatus> {
    let refused = |line: &str| {
        let form = Form::of(&options);
        perform::refused(form, &sanitise::message(line), None, None)
    };
    let kinds = watch
        .repair
        .iter()
        .filter_map(|name| Drift::of_name(name))
        .collect::<Vec<_>>();
    let undecidable = |kind: &&Drift| !matches!(kind.remedy(), Remedy::Command { .. });
    if let Some(kind) = kinds.iter().find(undecidable) {
        return refused(&format!(
            "error: cannot repair {}: a person must decide",
            kind.name()
        ));
    }
    let exclude = match options.exclusions() {
        Ok(exclude) => exclude,
        Err(line) => return refused(&line),
    };
    if let Err(line) = logging::start(options.verbose) {
        return refused(&line);
    }
    let cancel = CancellationToken::new();
    stop_on_signal(Signals::take()?, cancel.clone());
    let shown = Shown::default();
    if let Some(address) = watch.listen {
        let address = page::serve(address, shown.clone(), cancel.clone()).await?;
        terminal::say(&format!("watch: listens on http://{address}/"));
    }
    let watching = Watching {
        watched: Watched::new(Duration::from_secs(watch.grace)),
        began: Instant::now(),
        options,
        exclude,
        watch,
        kinds,
        shown,
        cancel,
        repaired: Vec::new(),
    };
    watching.go_on().await
}

/// The first signal ends the watch: a repair in progress finishes its writes. The second one ends the program.
fn stop_on_signal(mut signals: Signals, cancel: CancellationToken) {
    tokio::spawn(async move {
        signals.next().await;
        cancel.cancel();
        let status = signals.next().await;
        std::process::exit(i32::from(status.code()));
    });
}

/// The end of an audit or a repair.
struct WatchRun {
    finished: Finished,
    audit: Option<Audit>,
    /// The first line about an error.
    error: Option<String>,
}

struct Watching {
    watched: Watched,
    began: Instant,
    options: Options,
    /// The parts of the cluster that audits and repairs leave alone.
    exclude: Exclusions,
    watch: WatchOptions,
    /// The kinds to repair.
    kinds: Vec<Drift>,
    shown: Shown,
    cancel: CancellationToken,
    /// The documents that were repaired in the last day, with the time.
    repaired: Vec<(Instant, u64)>,
}

impl Watching {
    async fn go_on(mut self) -> io::Result<ExitStatus> {
        let interval = Duration::from_secs(self.watch.interval);
        let mut is_first = true;
        let mut failures: u32 = 0;
        loop {
            let started = Instant::now();
            let now = started.duration_since(self.began);
            let audited = self.audit().await;
            if self.cancel.is_cancelled() {
                return Ok(ExitStatus::Done);
            }
            match audited {
                Ok(audit) => {
                    if failures > 0 {
                        terminal::say("watch: the audit works again");
                    }
                    failures = 0;
                    let is_complete = !audit.is_incomplete();
                    if is_first && is_complete {
                        self.print_start(&audit)?;
                        is_first = false;
                    }
                    let changes = self
                        .watched
                        .update(now, audit.findings.clone(), is_complete);
                    for change in &changes {
                        self.print(change)?;
                    }
                    self.shown.set(audit);
                    self.repair().await?;
                }
                Err(line) => {
                    let line = line.strip_prefix("error: ").unwrap_or(&line).to_owned();
                    if failures == 0 {
                        terminal::say(&format!("warning: {line}; trying again"));
                    }
                    failures = failures.saturating_add(1);
                    self.shown.fail(line);
                }
            }
            let mut next = started
                + interval
                    .saturating_mul(1 << failures.min(10))
                    .min(LONGEST_PAUSE.max(interval));
            if failures == 0
                && let Some(due) = self.watched.next_due()
            {
                next = next.min(self.began + due);
            }
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                () = self.cancel.cancelled() => return Ok(ExitStatus::Done),
            }
        }
    }

    /// Makes an audit, or returns the line with the reason why it failed.
    async fn audit(&self) -> Result<Audit, String> {
        let settings = Settings {
            journals: None,
            ..self.settings()
        };
        let ran = self.run("audit", &[], settings).await?;
        match ran.audit {
            Some(audit) => {
                self.shown.count(&ran.finished);
                Ok(audit)
            }
            None => Err(ran
                .error
                .unwrap_or_else(|| "the audit ended without a result".to_owned())),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            exclude: self.exclude.clone(),
            ..perform::settings(&self.options)
        }
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
            host: connection::host(self.options.address.couchdb.as_deref()),
            settings,
            events,
            cancel: self.cancel.clone(),
        };
        let collect = tokio::spawn(async move {
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
        });
        let finished = run(job).await;
        let (audit, error) = collect.await.map_err(|error| error.to_string())?;
        Ok(WatchRun {
            finished,
            audit,
            error,
        })
    }

    fn print_start(&self, audit: &Audit) -> io::Result<()> {
        let findings = audit.findings.len();
        if self.options.output.json {
            let data = json!({"findings": findings, "numbers": audit.numbers.looked_at});
            return terminal::print(&own_event("watch_started", &data));
        }
        terminal::print(&format!(
            "watch: {} numbers, {findings} findings; from now on changes are reported\n",
            audit.numbers.looked_at
        ))
    }

    fn print(&self, change: &DriftChange) -> io::Result<()> {
        let (event, finding) = match change {
            DriftChange::Arisen(finding) => ("drift", finding),
            DriftChange::Gone(finding) => ("drift_gone", finding),
        };
        if self.options.output.json {
            let data = serde_json::to_value(finding).unwrap_or_default();
            return terminal::print(&own_event(event, &data));
        }
        let place = described(finding);
        let fields: Vec<&str> = finding.field_names().collect();
        let line = match change {
            DriftChange::Gone(_) => format!("gone: {place}"),
            DriftChange::Arisen(_) if fields.is_empty() => format!("drift: {place}"),
            DriftChange::Arisen(_) => format!("drift: {place}: {}", fields.join(", ")),
        };
        terminal::print(&format!("{}\n", sanitise::line(&line)))
    }

    /// Repairs the reported drift of the chosen kinds, within the limit of a day.
    async fn repair(&mut self) -> io::Result<()> {
        self.repaired.retain(|(at, _)| at.elapsed() < A_DAY);
        let so_far: u64 = self.repaired.iter().map(|(_, documents)| documents).sum();
        let left = self.watch.repair_limit.saturating_sub(so_far);
        let numbers: Vec<String> = self
            .watched
            .reported(&self.kinds)
            .map(|finding| finding.number.clone())
            .collect();
        if numbers.is_empty() || left == 0 {
            return Ok(());
        }
        let mut settings = self.settings();
        settings.limit = Some(left);
        settings.audit.kinds = self.kinds.iter().copied().collect();
        settings.command_line = "watch --repair".to_owned();
        let ran = self
            .run("repair", &[Argument::List(numbers)], settings)
            .await;
        let line = match ran {
            Ok(WatchRun {
                finished, error, ..
            }) => {
                let written = finished.summary.counts.written();
                self.repaired.push((Instant::now(), written));
                let run = finished.run.unwrap_or_default();
                match (finished.ending, error) {
                    _ if written > 0 => format!("watch: repaired {written} documents in run {run}"),
                    (_, Some(error)) => {
                        let error = error.strip_prefix("error: ").unwrap_or(&error);
                        format!("warning: cannot repair: {error}")
                    }
                    (Ending::Done, None) => return Ok(()),
                    (ending, None) => format!(
                        "warning: cannot repair: {}",
                        serde_json::to_value(ending).unwrap_or_default()
                    ),
                }
            }
            Err(reason) => format!("warning: cannot repair: {reason}"),
        };
        terminal::say(&line);
        Ok(())
    }
}

/// The kind of a finding, and its place.
fn described(finding: &Finding) -> String {
    let (kind, number) = (finding.kind.name(), &finding.number);
    let database = finding.database.plain();
    let account = finding.account;
    match account.filter(|account| account.database() != finding.database) {
        Some(account) => format!("{kind} {number} in {database}, account {account}"),
        None => format!("{kind} {number} in {database}"),
    }
}
