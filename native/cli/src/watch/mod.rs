//! `watch`: prints the drift that arises and goes, and serves it as a page.

mod page;
mod shown;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use kazoo_numbers::plan::Drift;
use kazoo_numbers::report::sanitise;
use kazoo_numbers::run::Settings;
use kazoo_numbers::watch::{self, DriftChange, WatchEvent, WatchJob, WatchSettings};
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
    let settings = WatchSettings {
        interval: Duration::from_secs(watch.interval),
        grace: Duration::from_secs(watch.grace),
        repair: watch
            .repair
            .iter()
            .filter_map(|name| Drift::of_name(name))
            .collect(),
        repair_limit: watch.repair_limit,
    };
    if let Err(line) = settings.check() {
        return refused(&line);
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
    let (events, mut receiver) = mpsc::channel(64);
    let url = options.address.couchdb.clone();
    let watching = tokio::spawn(watch::watch(WatchJob {
        watch: settings,
        host: Box::new(move || connection::host(url.as_deref())),
        settings: Settings {
            exclude,
            ..perform::settings(&options)
        },
        events,
        cancel: cancel.clone(),
    }));
    while let Some(event) = receiver.recv().await {
        if let Err(error) = show(event, &shown, options.output.json) {
            cancel.cancel();
            drop(receiver);
            // A repair in progress finishes its writes.
            watching.await?;
            return Err(error);
        }
    }
    watching.await?;
    Ok(ExitStatus::Done)
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

/// Prints an event, and shows it on the page. Changes of the drift are the output; all else goes to standard error.
fn show(event: WatchEvent, shown: &Shown, json: bool) -> io::Result<()> {
    let output = match &event {
        WatchEvent::Started { findings, numbers } => Some((
            "watch_started",
            json!({"findings": findings, "numbers": numbers}),
        )),
        WatchEvent::Drift(change) => {
            let (name, finding) = match change {
                DriftChange::Arisen(finding) => ("drift", finding),
                DriftChange::Gone(finding) => ("drift_gone", finding),
            };
            Some((name, serde_json::to_value(finding).unwrap_or_default()))
        }
        _ => None,
    };
    match (event.line(), output) {
        (_, Some((name, data))) if json => terminal::print(&own_event(name, &data))?,
        (Some(line), Some(_)) => terminal::print(&format!("{line}\n"))?,
        (Some(line), None) => terminal::say(&line),
        (None, _) => {}
    }
    match event {
        WatchEvent::Audited { audit, finished } => shown.set(*audit, &finished),
        WatchEvent::Failed { reason, .. } => shown.fail(reason),
        _ => {}
    }
    Ok(())
}
