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
use kazoo_numbers::lease::Lock;
use kazoo_numbers::plan::{Drift, Remedy};
use kazoo_numbers::report::audit::{Audit, Finding};
use kazoo_numbers::report::{Event, Renderer, sanitise};
use kazoo_numbers::run::{Ending, Finished, Job, Settings, run};
use kazoo_numbers::watch::{DriftChange, Watched};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal::{self, own_event};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::{connection, journal, perform};
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
    let kinds: Vec<Drift> = watch
        .repair
        .iter()
        .filter_map(|name| Drift::of_name(name))
        .collect();
    if let Some(kind) = kinds
        .iter()
        .find(|kind| !matches!(kind.remedy(), Remedy::Command { .. }))
    {
        let line = format!("error: cannot repair {}: a person must decide", kind.name());
        return perform::refused(crate::output::Form::of(&options), &line, None, None);
    }
    let mut signals = Signals::take()?;
    let cancel = CancellationToken::new();
    let shown = Shown::default();
    if let Some(address) = watch.listen {
        let address = page::serve(address, shown.clone(), cancel.clone()).await?;
        terminal::say(&format!("watch: listens on http://{address}/"));
    }
    let watching = Watching {
        watched: Watched::new(Duration::from_secs(watch.grace)),
        began: Instant::now(),
        options,
        watch,
        kinds,
        shown,
        cancel: cancel.clone(),
        repaired: Vec::new(),
    };
    tokio::select! {
        ended = watching.go_on() => ended,
        _ = signals.next() => {
            cancel.cancel();
            Ok(ExitStatus::Done)
        }
    }
}

struct Watching {
    watched: Watched,
    began: Instant,
    options: Options,
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
            match self.audit().await {
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
            tokio::time::sleep_until(next.into()).await;
        }
    }

    /// Makes an audit, or returns the line with the reason why it failed.
    async fn audit(&self) -> Result<Audit, String> {
        let settings = Settings {
            journals: None,
            ..perform::settings(&self.options)
        };
        let (finished, events) = self.run("audit", &[], settings).await?;
        let mut reasons = Vec::new();
        for event in events {
            match event {
                Event::Audit(audit) => {
                    self.shown.count(&finished);
                    return Ok(*audit);
                }
                Event::Error { .. } => reasons.extend(Renderer.lines(&event)),
                _ => {}
            }
        }
        let reason = reasons.into_iter().next();
        Err(reason.unwrap_or_else(|| "the audit ended without a result".to_owned()))
    }

    async fn run(
        &self,
        function: &str,
        arguments: &[Argument],
        settings: Settings,
    ) -> Result<(Finished, Vec<Event>), String> {
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
            let mut all = Vec::new();
            while let Some(event) = receiver.recv().await {
                if matches!(
                    event,
                    Event::Audit(_) | Event::Error { .. } | Event::Warning(_)
                ) {
                    all.push(event);
                }
            }
            all
        });
        let finished = run(job).await;
        let events = collect.await.map_err(|error| error.to_string())?;
        Ok((finished, events))
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
        let mut settings = perform::settings(&self.options);
        settings.lock = Lock::Refuse;
        settings.journals = journal::journals(&self.options);
        settings.limit = Some(left);
        settings.audit.kinds = self.kinds.iter().copied().collect();
        settings.command_line = "watch --repair".to_owned();
        let ran = self
            .run("repair", &[Argument::List(numbers)], settings)
            .await;
        let line = match ran {
            Ok((finished, _)) => {
                let written = finished.summary.counts.written();
                self.repaired.push((Instant::now(), written));
                let run = finished.run.unwrap_or_default();
                match finished.ending {
                    _ if written > 0 => format!("watch: repaired {written} documents in run {run}"),
                    Ending::Done => return Ok(()),
                    ending => format!(
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
