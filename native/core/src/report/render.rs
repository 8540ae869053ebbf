//! Renders events as lines for a terminal.

use std::borrow::Cow;

use super::{
    Conversion, Counts, Event, Features, Line, PlannedChange, Summary, Tone, plan_lines, sanitise,
};

/// Renders events as lines for an operator (docs/specification.md#output).
#[derive(Clone, Copy, Debug, Default)]
pub struct Renderer;

impl Renderer {
    /// The lines of an event; empty for an event that only programs need.
    pub fn lines(&self, event: &Event) -> Vec<String> {
        let lines = self.toned_lines(event).into_iter();
        lines.map(|line| line.text).collect()
    }

    /// The lines of an event with what each is about.
    pub fn toned_lines(&self, event: &Event) -> Vec<Line> {
        let mut lines = Self::raw_lines(event);
        let is_about_connections = matches!(
            event,
            Event::Warning(_) | Event::Aside(_) | Event::Error { .. }
        );
        for Line { text: line, .. } in &mut lines {
            if is_about_connections {
                replace(line, sanitise::without_credentials);
            }
            replace(line, sanitise::line);
        }
        lines
    }

    /// The summary, in one line.
    pub fn summary(summary: &Summary) -> String {
        finished(summary)
    }

    fn raw_lines(event: &Event) -> Vec<Line> {
        match event {
            Event::Plan(head) => plan_lines::head(head),
            Event::PlanTotals(totals) => plan_lines::totals(totals),
            Event::PlanDatabase(database) => plan_lines::database(database),
            Event::PlanChange(change) => plan_lines::document(change),
            Event::Planned(change) => planned(change),
            Event::Check(check) => super::check::lines(check),
            Event::Finding(finding) => super::audit::finding_lines(finding),
            Event::Audit(audit) => super::audit::lines(audit),
            Event::Aside(event) => Self::raw_lines(event),
            other => Self::plain_lines(other)
                .into_iter()
                .map(Line::from)
                .collect(),
        }
    }

    fn plain_lines(event: &Event) -> Vec<String> {
        match event {
            Event::Output(line) => vec![line.clone()],
            Event::Warning(line) => vec![format!("warning: {line}")],
            Event::Error { line, hint, .. } => {
                let hint = hint.iter().map(|hint| format!("hint: {hint}"));
                std::iter::once(line.clone()).chain(hint).collect()
            }
            Event::Database {
                database,
                read,
                counts,
            } => vec![format!("{database}: {read} read, {}", outcomes(counts))],
            Event::Failures(failures) => vec![failures.to_json()],
            Event::CarrierUsage { database, modules } => {
                let title = database.as_deref().unwrap_or("Totals");
                let counts = modules
                    .iter()
                    .map(|(module, numbers)| format!("{module}: {numbers}"));
                std::iter::once(format!("{title}:")).chain(counts).collect()
            }
            Event::Conversion(conversion) => converted(conversion),
            Event::Features(features) => listed(features),
            Event::Purged {
                database,
                state,
                numbers,
            } => vec![format!(
                "{database}: purged {numbers} numbers in state {state}"
            )],
            Event::Runs(past) => super::past_runs::lines(past),
            Event::Plans(plans) => plans.iter().map(plan_lines::saved).collect(),
            Event::Status(entries) => super::runs_in_progress::lines(entries),
            Event::Number(report) => super::show::lines(report),
            Event::Undecided(undecided) => super::undecided::lines(undecided),
            Event::Trend(history) => super::audit::trend_lines(history),
            Event::Finished { summary, figures } => {
                let mut lines = Vec::new();
                if *figures {
                    lines.push(Self::summary(summary));
                    if !summary.failures.is_empty() {
                        lines.push(summary.failures.to_json());
                    }
                }
                lines
            }
            // Only programs need these, or their lines are toned.
            Event::Progress(_)
            | Event::NumberWarning(_)
            | Event::Plan(_)
            | Event::PlanTotals(_)
            | Event::PlanDatabase(_)
            | Event::PlanChange(_)
            | Event::Planned(_)
            | Event::Check(_)
            | Event::Finding(_)
            | Event::Audit(_)
            | Event::Aside(_) => Vec::new(),
        }
    }
}

fn replace(line: &mut String, by: impl Fn(&str) -> Cow<'_, str>) {
    if let Cow::Owned(replaced) = by(line) {
        *line = replaced;
    }
}

fn outcomes(counts: &Counts) -> String {
    format!(
        "{} unchanged, {} created, {} updated, {} deleted, {} failed",
        counts.unchanged, counts.created, counts.updated, counts.deleted, counts.failed
    )
}

fn finished(summary: &Summary) -> String {
    let suffix = if summary.dry_run {
        " (dry run: nothing was written)"
    } else {
        ""
    };
    format!(
        "{}: {} databases, {} documents read, {}, {:.1} seconds{suffix}",
        summary.command,
        summary.databases,
        summary.documents_read,
        outcomes(&summary.counts),
        summary.seconds.as_secs_f64()
    )
}

fn converted(conversion: &Conversion) -> Vec<String> {
    let Conversion {
        database,
        source,
        target,
        converted,
        failed,
    } = conversion;
    let mut lines = Vec::new();
    if let (Some(source), Some(database)) = (source, database) {
        lines.push(format!(
            "attempt to convert numbers with carrier module {source} to {target} in database {database}"
        ));
    }
    lines.push(format!(
        "updated carrier module to {target} for {}:",
        converted.len()
    ));
    lines.extend(converted.iter().cloned());
    lines.push(format!(
        "updating carrier module failed for {}:",
        failed.len()
    ));
    lines.extend(
        failed
            .iter()
            .map(|(number, reason)| format!("{number}: {reason}")),
    );
    lines
}

fn listed(features: &Features) -> Vec<String> {
    match features {
        Features::Known { features } => {
            vec![
                "Known features:".to_owned(),
                format!("\t{}", features.join(" ")),
            ]
        }
        Features::Number {
            number,
            allowed,
            denied,
        } => vec![
            format!("Feature permissions on {number}:"),
            format!("\tFeatures allowed: {}", allowed.join(" ")),
            format!("\tFeatures denied: {}", denied.join(" ")),
        ],
        Features::SystemConfig { allowed } => vec![
            "Features allowed on system config document:".to_owned(),
            format!("\t{}", allowed.join(" ")),
        ],
    }
}

fn planned(change: &PlannedChange) -> Vec<Line> {
    let tone = match change.outcome {
        "created" => Tone::Creation,
        "updated" => Tone::Update,
        "deleted" => Tone::Deletion,
        _ => Tone::Plain,
    };
    let head = format!(
        "{} {}: would be {}",
        change.database, change.id, change.outcome
    );
    let mut lines = vec![Line::new(tone, head)];
    for field in &change.fields {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".into());
        let line = format!(
            "  {}: {} -> {}",
            field.field,
            shown(&field.old),
            shown(&field.new)
        );
        lines.push(line.into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_followed_by_failures() {
        let mut summary = Summary {
            command: "copy_number_dbs_to_accounts".into(),
            databases: 2,
            documents_read: 12,
            seconds: std::time::Duration::from_millis(1234),
            ..Summary::default()
        };
        summary.counts.failed = 1;
        summary.failures.number(
            "numbers%2F%2B1415",
            crate::report::Reason::CONFLICT,
            "+14155550100",
        );
        let lines = Renderer.lines(&Event::Finished {
            summary: Box::new(summary),
            figures: true,
        });
        assert_eq!(
            lines,
            [
                "copy_number_dbs_to_accounts: 2 databases, 12 documents read, 0 unchanged, 0 created, 0 updated, 0 deleted, 1 failed, 1.2 seconds",
                r#"{"numbers%2F%2B1415":{"failed":{"save_docs-conflict":["+14155550100"]}}}"#
            ]
        );
    }
}
