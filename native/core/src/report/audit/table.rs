//! An audit as lines of a terminal.

use super::{AcceptedEntry, Audit, AuditScope, Finding, NumberCounts};
use crate::plan::Drift;
use crate::report::{Line, Tone};

/// The most findings of a kind in the output. The other formats have all of them.
const SHOWN: usize = 10;

/// The lines for the terminal.
pub(in crate::report) fn lines(audit: &Audit) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![
        format!(
            "{}: {} of {} assigned numbers are in sync",
            scope(&audit.scope),
            audit.in_sync,
            audit.assigned
        )
        .into(),
        numbers(&audit.numbers).into(),
    ];
    lines.extend(audit.delay().map(Line::from));
    lines.extend(counts(audit));
    for kind in Drift::ALL {
        lines.extend(findings(kind, audit.of_kind(kind)));
    }
    lines.extend(accepted(&audit.accepted).into_iter().map(Line::from));
    if audit.is_clean() {
        lines.push("clean: no drift found".to_owned().into());
    }
    if audit.is_incomplete() {
        let line = format!(
            "incomplete: {} databases or numbers could not be read, {} documents could not be checked in full",
            audit.unread.count(),
            audit.unchecked
        );
        lines.push(line.into());
    }
    lines
}

/// The numbers, each counted once.
fn numbers(counts: &NumberCounts) -> String {
    let mut line = format!(
        "{} numbers looked at: {} clean, {} with findings",
        counts.looked_at, counts.clean, counts.with_findings
    );
    let more = [
        (
            counts.set_aside,
            "only with accepted findings or other kinds",
        ),
        (counts.unchecked, "not checked in full"),
    ];
    for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
        line.push_str(&format!(", {count} {what}"));
    }
    line
}

pub(super) fn scope(scope: &AuditScope) -> String {
    match scope {
        AuditScope::All => "all number databases and accounts".to_owned(),
        AuditScope::Account(account) => format!("account {account}"),
        AuditScope::NumberDatabases(database) => database.clone(),
        AuditScope::Number(number) => format!("number {number}"),
        AuditScope::Several(parts) => parts.join(" and "),
    }
}

fn counts(audit: &Audit) -> Vec<Line> {
    let head = ["drift", "severity", "numbers", "findings", "repaired by"];
    let mut rows = vec![head.map(str::to_owned)];
    let mut tones = vec![Tone::Plain];
    for one in &audit.kinds {
        tones.push(match one.count {
            0 => Tone::Plain,
            _ => Tone::Drift(one.severity),
        });
        rows.push([
            one.kind.name().to_owned(),
            one.severity.name().to_owned(),
            one.numbers.to_string(),
            one.count.to_string(),
            one.command
                .clone()
                .unwrap_or_else(|| "(a person decides)".to_owned()),
        ]);
    }
    rows.push([
        "total".to_owned(),
        String::new(),
        audit.numbers.with_findings.to_string(),
        audit.count().to_string(),
        String::new(),
    ]);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let [first, second, third, fourth] = [0, 1, 2, 3].map(width);
    let tones = tones.into_iter().chain(std::iter::repeat(Tone::Plain));
    rows.iter()
        .zip(tones)
        .map(|([kind, severity, numbers, findings, command], tone)| {
            let text = format!(
                "{kind:first$}  {severity:second$}  {numbers:>third$}  {findings:>fourth$}  {command}"
            );
            Line::new(tone, text.trim_end().to_owned())
        })
        .collect()
}

/// The accepted findings that the audit found, by entry.
fn accepted(entries: &[AcceptedEntry]) -> Vec<String> {
    let entries = entries.iter();
    let used: Vec<_> = entries
        .filter(|entry| entry.findings > 0 && !entry.is_expired)
        .collect();
    if used.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["accepted findings, which are not counted above:".to_owned()];
    lines.extend(used.iter().take(SHOWN).map(|entry| {
        let places = [&entry.database, &entry.account, &entry.number];
        let places: Vec<&str> = places.into_iter().flatten().map(String::as_str).collect();
        let (kind, place) = (entry.kind.name(), shown(&places.join(" ")));
        let (count, until, reason) = (entry.findings, &entry.expires, shown(&entry.reason));
        format!("  {kind} {place}: {count}, until {until}: {reason}")
    }));
    if used.len() > SHOWN {
        lines.push(format!("  and {} more", used.len() - SHOWN));
    }
    lines
}

fn findings(kind: Drift, findings: &[Finding]) -> Vec<Line> {
    if findings.is_empty() {
        return Vec::new();
    }
    let title = format!("{}: {}", kind.name(), kind.meaning());
    let mut lines = vec![Line::new(Tone::Drift(kind.severity()), title)];
    if let Some(hint) = super::remedy::hint(kind) {
        lines.push(format!("  ({hint})").into());
    }
    let shown = findings.iter().take(SHOWN);
    lines.extend(shown.map(|finding| Line::from(line(finding))));
    if findings.len() > SHOWN {
        lines.push(format!("  and {} more", findings.len() - SHOWN).into());
    }
    lines
}

/// A finding that is not part of a table.
pub(in crate::report) fn finding_lines(finding: &Finding) -> Vec<Line> {
    let text = format!("{}:{}", finding.kind.name(), line(finding));
    vec![Line::new(Tone::Drift(finding.kind.severity()), text)]
}

/// One finding.
fn line(finding: &Finding) -> String {
    let fields: Vec<&str> = finding.field_names().collect();
    let fields = if fields.is_empty() {
        String::new()
    } else {
        format!(": {}", fields.join(", "))
    };
    let other = match (finding.kind, finding.assigned_to) {
        (_, Some(account)) => format!(" (assigned to {account})"),
        (Drift::FormerAccount, None) => " (released: assigned to nobody)".to_owned(),
        _ => String::new(),
    };
    format!(
        "  {} {}{other}{}",
        finding.database,
        shown(&finding.number),
        shown(&fields)
    )
}

/// Limits the length of ids and fields, which come from others.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().take(LONGEST).collect()
}
