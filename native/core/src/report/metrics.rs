//! Counters over many runs, in the text format of Prometheus' node_exporter
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). A run adds its figures to those in the file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Summary;

/// A family of metrics: its name, its type, and its help text.
struct Family {
    name: &'static str,
    counter: bool,
    help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        counter: true,
        help,
    }
}

const RUNS: usize = 0;
const READ: usize = 1;
const CREATED: usize = 2;
const UPDATED: usize = 3;
const DELETED: usize = 4;
const FAILED: usize = 5;
const REQUESTS: usize = 6;
const RETRIES: usize = 7;
const RECEIVED: usize = 8;
const SENT: usize = 9;
const SECONDS: usize = 10;
const LAST_RUN: usize = 11;

/// In the order of the constants above.
const FAMILIES: [Family; 12] = [
    counter("kazoo_numbers_runs_total", "Runs, dry runs included."),
    counter(
        "kazoo_numbers_documents_read_total",
        "Documents that CouchDB delivered.",
    ),
    counter(
        "kazoo_numbers_documents_created_total",
        "Documents that were created.",
    ),
    counter(
        "kazoo_numbers_documents_updated_total",
        "Documents that were updated.",
    ),
    counter(
        "kazoo_numbers_documents_deleted_total",
        "Documents that were deleted.",
    ),
    counter(
        "kazoo_numbers_documents_failed_total",
        "Numbers that failed, and databases that could not be read.",
    ),
    counter(
        "kazoo_numbers_requests_total",
        "Requests to CouchDB, repeated ones included.",
    ),
    counter(
        "kazoo_numbers_request_retries_total",
        "Requests to CouchDB that were sent again.",
    ),
    counter(
        "kazoo_numbers_received_bytes_total",
        "Bytes of bodies received from CouchDB.",
    ),
    counter(
        "kazoo_numbers_sent_bytes_total",
        "Bytes of bodies sent to CouchDB.",
    ),
    counter("kazoo_numbers_run_seconds_total", "How long runs took."),
    Family {
        name: "kazoo_numbers_last_run_timestamp_seconds",
        counter: false,
        help: "When the last run ended, in seconds since 1970.",
    },
];

type Values = [f64; FAMILIES.len()];

/// Counters by command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(BTreeMap<String, Values>);

/// The file is not ours and must not be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not one of this library's metrics: the file is left unchanged")]
pub struct NotOurs(usize);

impl Metrics {
    /// Parses the output of [`Metrics::render`]; an empty text has no counters.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        let mut metrics = Self::default();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (family, command, value) = sample(line).ok_or(NotOurs(at + 1))?;
            let values = metrics.0.entry(command).or_default();
            if let Some(place) = values.get_mut(family) {
                *place = value;
            }
        }
        Ok(metrics)
    }

    /// Adds a run that ended at this time, in seconds since 1970. Changes of a dry run do not count.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no integers; below 2^53 nothing is lost"
    )]
    pub fn add(&mut self, summary: &Summary, ended: u64) {
        let values = self.0.entry(summary.command.clone()).or_default();
        let counts = &summary.counts;
        let wrote = |count: u64| if summary.dry_run { 0.0 } else { count as f64 };
        values[RUNS] += 1.0;
        values[READ] += summary.documents_read as f64;
        values[CREATED] += wrote(counts.created);
        values[UPDATED] += wrote(counts.updated);
        values[DELETED] += wrote(counts.deleted);
        values[FAILED] += counts.failed as f64;
        values[REQUESTS] += summary.requests as f64;
        values[RETRIES] += summary.retries as f64;
        values[RECEIVED] += summary.bytes_received as f64;
        values[SENT] += summary.bytes_sent as f64;
        values[SECONDS] += summary.seconds.as_secs_f64();
        values[LAST_RUN] = ended as f64;
    }

    /// The content of the file.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (at, family) in FAMILIES.iter().enumerate() {
            let Family { name, help, .. } = family;
            let kind = if family.counter { "counter" } else { "gauge" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (command, values) in &self.0 {
                let value = values.get(at).copied().unwrap_or_default();
                let _ = writeln!(text, "{name}{{command=\"{}\"}} {value}", escaped(command));
            }
        }
        text
    }
}

/// Parses one line: family, command, value.
fn sample(line: &str) -> Option<(usize, String, f64)> {
    let (name, rest) = line.split_once("{command=\"")?;
    let family = FAMILIES.iter().position(|family| family.name == name)?;
    let (command, rest) = unescaped(rest)?;
    let value: f64 = rest.strip_prefix('}')?.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((family, command, value))
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

/// A label's value up to its closing quote, and the text after that.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::report::Counts;

    fn summary(command: &str, count: u64, dry_run: bool) -> Summary {
        Summary {
            command: command.to_owned(),
            documents_read: count,
            counts: Counts {
                unchanged: 0,
                created: count,
                updated: count / 2,
                deleted: count / 3,
                failed: 1,
            },
            seconds: Duration::from_millis(count),
            requests: count,
            dry_run,
            ..Summary::default()
        }
    }

    #[test]
    fn runs_add_up_by_command() {
        let mut metrics = Metrics::default();
        metrics.add(&summary("fix_number", 7, false), 1_000);
        metrics.add(&summary("fix_number", 5, true), 2_000);
        let text = metrics.render();
        for line in [
            "# TYPE kazoo_numbers_documents_read_total counter",
            r#"kazoo_numbers_runs_total{command="fix_number"} 2"#,
            r#"kazoo_numbers_documents_read_total{command="fix_number"} 12"#,
            r#"kazoo_numbers_documents_created_total{command="fix_number"} 7"#,
            r#"kazoo_numbers_documents_failed_total{command="fix_number"} 2"#,
            r#"kazoo_numbers_run_seconds_total{command="fix_number"} 0.012"#,
            r#"kazoo_numbers_last_run_timestamp_seconds{command="fix_number"} 2000"#,
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
    }

    #[test]
    fn foreign_file_is_refused() {
        for (text, line) in [
            ("node_load1 0.5", 1),
            ("# a comment\n\nkazoo_numbers_runs_total{command=\"a\"", 3),
            ("kazoo_numbers_runs_total{command=\"a\"} -1", 1),
            ("kazoo_numbers_runs_total{command=\"a\"} NaN", 1),
        ] {
            assert_eq!(Metrics::parse(text), Err(NotOurs(line)), "{text}");
        }
        assert_eq!(Metrics::parse(""), Ok(Metrics::default()));
    }

    proptest! {
        #[test]
        fn metrics_round_trip(
            runs in prop::collection::vec((any::<String>(), 0..1_u64 << 50, any::<bool>()), 0..6)
        ) {
            let mut metrics = Metrics::default();
            for (command, count, dry_run) in &runs {
                metrics.add(&summary(command, *count, *dry_run), *count);
            }
            prop_assert_eq!(Metrics::parse(&metrics.render()), Ok(metrics));
        }

        #[test]
        fn parse_of_any_text_returns(text in any::<String>()) {
            let _ = Metrics::parse(&text);
        }
    }
}
