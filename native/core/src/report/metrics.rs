//! Counters over many runs, in the text format of Prometheus' node_exporter
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). A run adds its figures to those in the file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{AuditTotals, Summary};

/// A family of metrics: its name, its type, the label of its samples, and its help text.
struct Family {
    name: &'static str,
    counter: bool,
    /// `None`: it has one sample without a label.
    label: Option<&'static str>,
    help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        counter: true,
        label: Some("command"),
        help,
    }
}

const fn gauge(name: &'static str, label: Option<&'static str>, help: &'static str) -> Family {
    Family {
        name,
        counter: false,
        label,
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
const LAST_STATUS: usize = 12;
const DRIFT: usize = 13;
const LOOKED_AT: usize = 14;
const WITH_FINDINGS: usize = 15;
const ASSIGNED: usize = 16;
const IN_SYNC: usize = 17;
const INCOMPLETE: usize = 18;
const AUDITED_AT: usize = 19;

/// In the order of the constants above.
const FAMILIES: [Family; 20] = [
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
    gauge(
        "kazoo_numbers_last_run_timestamp_seconds",
        Some("command"),
        "When the last run ended, in seconds since 1970.",
    ),
    gauge(
        "kazoo_numbers_last_run_exit_status",
        Some("command"),
        "The exit status that sup makes of the last run: 0 done, 2 something failed or the run was refused.",
    ),
    gauge(
        "kazoo_numbers_drift",
        Some("kind"),
        "Findings of the last audit of the whole cluster, without accepted ones.",
    ),
    gauge(
        "kazoo_numbers_looked_at",
        None,
        "Numbers that the last audit of the whole cluster looked at.",
    ),
    gauge(
        "kazoo_numbers_with_findings",
        None,
        "Numbers with findings in the last audit of the whole cluster.",
    ),
    gauge(
        "kazoo_numbers_assigned",
        None,
        "Assigned numbers in the last audit of the whole cluster.",
    ),
    gauge(
        "kazoo_numbers_in_sync",
        None,
        "Assigned numbers in sync in the last audit of the whole cluster.",
    ),
    gauge(
        "kazoo_numbers_audit_incomplete",
        None,
        "1: the last audit of the whole cluster could not read or check something.",
    ),
    gauge(
        "kazoo_numbers_audit_timestamp_seconds",
        None,
        "When the last audit of the whole cluster was made, in seconds since 1970.",
    ),
];

/// The samples of each family, by the value of their label. A sample without a label has an empty one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics([BTreeMap<String, f64>; FAMILIES.len()]);

/// The file is not ours and must not be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0} is not one of this library's metrics: the file is left unchanged")]
pub struct NotOurs(usize);

impl Metrics {
    /// Parses the output of [`Metrics::render`]; an empty text has no samples.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        let mut metrics = Self::default();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (family, label, value) = sample(line).ok_or(NotOurs(at + 1))?;
            metrics.set(family, &label, value);
        }
        Ok(metrics)
    }

    fn set(&mut self, family: usize, label: &str, value: f64) {
        if let Some(samples) = self.0.get_mut(family) {
            samples.insert(label.to_owned(), value);
        }
    }

    fn increase(&mut self, family: usize, label: &str, by: f64) {
        let before = self.0.get(family).and_then(|samples| samples.get(label));
        self.set(family, label, before.copied().unwrap_or_default() + by);
    }

    /// Adds a run that ended at this time, in seconds since 1970, with this exit status. Changes of a dry run do not count.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no integers; below 2^53 nothing is lost"
    )]
    pub fn add(&mut self, summary: &Summary, exit_status: u8, ended: u64) {
        let command = summary.command.as_str();
        let counts = &summary.counts;
        let wrote = |count: u64| if summary.dry_run { 0.0 } else { count as f64 };
        for (family, by) in [
            (RUNS, 1.0),
            (READ, summary.documents_read as f64),
            (CREATED, wrote(counts.created)),
            (UPDATED, wrote(counts.updated)),
            (DELETED, wrote(counts.deleted)),
            (FAILED, counts.failed as f64),
            (REQUESTS, summary.requests as f64),
            (RETRIES, summary.retries as f64),
            (RECEIVED, summary.bytes_received as f64),
            (SENT, summary.bytes_sent as f64),
            (SECONDS, summary.seconds.as_secs_f64()),
        ] {
            self.increase(family, command, by);
        }
        self.set(LAST_RUN, command, ended as f64);
        self.set(LAST_STATUS, command, f64::from(exit_status));
    }

    /// Sets the gauges of drift to the totals of an audit of the whole cluster.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no integers; below 2^53 nothing is lost"
    )]
    pub fn set_drift(&mut self, totals: &AuditTotals) {
        // A kind that an earlier version knew is dropped.
        if let Some(samples) = self.0.get_mut(DRIFT) {
            samples.clear();
        }
        for (kind, count) in &totals.kinds {
            self.set(DRIFT, kind, *count as f64);
        }
        for (family, value) in [
            (LOOKED_AT, totals.numbers.looked_at),
            (WITH_FINDINGS, totals.numbers.with_findings),
            (ASSIGNED, totals.assigned),
            (IN_SYNC, totals.in_sync),
            (INCOMPLETE, u64::from(totals.incomplete)),
            (AUDITED_AT, totals.taken_at),
        ] {
            self.set(family, "", value as f64);
        }
    }

    /// The content of the file.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let families = FAMILIES.iter().zip(&self.0);
        for (family, samples) in families.filter(|(_, samples)| !samples.is_empty()) {
            let Family { name, help, .. } = family;
            let kind = if family.counter { "counter" } else { "gauge" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (value_of_label, value) in samples {
                let _ = match family.label {
                    Some(label) => {
                        writeln!(
                            text,
                            "{name}{{{label}=\"{}\"}} {value}",
                            escaped(value_of_label)
                        )
                    }
                    None => writeln!(text, "{name} {value}"),
                };
            }
        }
        text
    }
}

/// Parses one line: family, value of its label, value.
fn sample(line: &str) -> Option<(usize, String, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(end)?;
    let at = FAMILIES.iter().position(|family| family.name == name)?;
    let (value_of_label, rest) = match FAMILIES.get(at)?.label {
        Some(label) => {
            let rest = rest.strip_prefix('{')?.strip_prefix(label)?;
            let (value, rest) = unescaped(rest.strip_prefix("=\"")?)?;
            (value, rest.strip_prefix('}')?)
        }
        None => (String::new(), rest),
    };
    let value: f64 = rest.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some((at, value_of_label, value))
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

    fn totals(contested: u64) -> AuditTotals {
        AuditTotals {
            taken_at: 1_000,
            assigned: 12,
            in_sync: 9,
            kinds: [("contested".to_owned(), contested)].into(),
            ..AuditTotals::default()
        }
    }

    #[test]
    fn runs_add_up_by_command() {
        let mut metrics = Metrics::default();
        metrics.add(&summary("fix_number", 7, false), 0, 1_000);
        metrics.add(&summary("fix_number", 5, true), 2, 2_000);
        metrics.set_drift(&totals(3));
        metrics.set_drift(&totals(0));
        let text = metrics.render();
        for line in [
            "# TYPE kazoo_numbers_documents_read_total counter",
            r#"kazoo_numbers_runs_total{command="fix_number"} 2"#,
            r#"kazoo_numbers_documents_read_total{command="fix_number"} 12"#,
            r#"kazoo_numbers_documents_created_total{command="fix_number"} 7"#,
            r#"kazoo_numbers_documents_failed_total{command="fix_number"} 2"#,
            r#"kazoo_numbers_run_seconds_total{command="fix_number"} 0.012"#,
            r#"kazoo_numbers_last_run_timestamp_seconds{command="fix_number"} 2000"#,
            r#"kazoo_numbers_last_run_exit_status{command="fix_number"} 2"#,
            "# TYPE kazoo_numbers_drift gauge",
            r#"kazoo_numbers_drift{kind="contested"} 0"#,
            "kazoo_numbers_assigned 12",
            "kazoo_numbers_in_sync 9",
            "kazoo_numbers_audit_timestamp_seconds 1000",
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
            ("kazoo_numbers_runs_total{kind=\"a\"} 1", 1),
            ("kazoo_numbers_drift 1", 1),
            ("kazoo_numbers_assigned{command=\"a\"} 1", 1),
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
                metrics.add(&summary(command, *count, *dry_run), u8::from(*dry_run), *count);
                metrics.set_drift(&totals(*count));
            }
            prop_assert_eq!(Metrics::parse(&metrics.render()), Ok(metrics));
        }

        #[test]
        fn parse_of_any_text_returns(text in any::<String>()) {
            let _ = Metrics::parse(&text);
        }
    }
}
