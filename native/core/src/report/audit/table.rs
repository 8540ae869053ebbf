//! An audit as lines of a terminal.

use super::{AcceptedEntry, Audit, AuditScope, Finding, NumberCounts};
use crate::plan::Drift;

/// The most findings of a kind in the output. The other formats have all of them.
const SHOWN: usize = 10;

/// The lines for the terminal.
pub(in crate::report) fn lines(audit: &Audit) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: {} of {} assigned numbers are in sync",
            scope(&audit.scope),
            audit.in_sync,
            audit.assigned
        ),
        numbers(&audit.numbers),
    ];
    lines.extend(counts(audit));
    for kind in Drift::ALL {
        lines.extend(findings(kind, audit.of_kind(kind)));
    }
    lines.extend(accepted(&audit.accepted));
    if audit.is_clean() {
        lines.push("clean: no drift found".to_owned());
    }
    if audit.is_incomplete() {
        lines.push(format!(
            "incomplete: {} databases or numbers could not be read, {} documents could not be checked in full",
            audit.unread.count(),
            audit.unchecked
        ));
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

fn counts(audit: &Audit) -> Vec<String> {
    let head = ["drift", "severity", "numbers", "findings", "repaired by"];
    let mut rows = vec![head.map(str::to_owned)];
    for one in &audit.kinds {
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
    rows.iter()
        .map(|[kind, severity, numbers, findings, command]| {
            format!(
                "{kind:first$}  {severity:second$}  {numbers:>third$}  {findings:>fourth$}  {command}"
            )
            .trim_end()
            .to_owned()
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

fn findings(kind: Drift, findings: &[Finding]) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{}: {}", kind.name(), kind.meaning())];
    if let Some(hint) = super::remedy::hint(kind) {
        lines.push(format!("  ({hint})"));
    }
    lines.extend(findings.iter().take(SHOWN).map(line));
    if findings.len() > SHOWN {
        lines.push(format!("  and {} more", findings.len() - SHOWN));
    }
    lines
}

/// A finding that is not part of a table.
pub(in crate::report) fn finding_lines(finding: &Finding) -> Vec<String> {
    vec![format!("{}:{}", finding.kind.name(), line(finding))]
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
