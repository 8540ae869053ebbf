//! An audit as lines of a terminal.

use super::{Audit, AuditScope, Finding};
use crate::plan::Drift;

/// The most findings of a kind in the output. The other formats have all of them.
const SHOWN: usize = 10;

/// The lines for the terminal.
pub(in crate::report) fn lines(audit: &Audit) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {} of {} assigned numbers are in sync",
        scope(&audit.scope),
        audit.in_sync,
        audit.assigned
    )];
    lines.extend(counts(audit));
    for kind in Drift::ALL {
        lines.extend(findings(kind, audit.of_kind(kind)));
    }
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

pub(super) fn scope(scope: &AuditScope) -> String {
    match scope {
        AuditScope::All => "all number databases and accounts".to_owned(),
        AuditScope::Account(account) => format!("account {account}"),
        AuditScope::NumberDatabases(database) => database.clone(),
        AuditScope::Number(number) => format!("number {number}"),
    }
}

fn counts(audit: &Audit) -> Vec<String> {
    let mut rows = vec![[
        "drift".to_owned(),
        "numbers".to_owned(),
        "repaired by".to_owned(),
    ]];
    for one in &audit.kinds {
        rows.push([
            one.kind.name().to_owned(),
            one.count.to_string(),
            one.command
                .clone()
                .unwrap_or_else(|| "(no command)".to_owned()),
        ]);
    }
    rows.push([
        "total".to_owned(),
        audit.findings.len().to_string(),
        String::new(),
    ]);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[kind, count, command]| {
            format!("{kind:first$}  {count:>second$}  {command}")
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn findings(kind: Drift, findings: &[Finding]) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{}: {}", kind.name(), kind.meaning())];
    if let Some(hint) = super::remedy::hint(kind) {
        lines.push(format!("  ({hint})"));
    }
    for finding in findings.iter().take(SHOWN) {
        let fields = if finding.fields.is_empty() {
            String::new()
        } else {
            format!(": {}", finding.fields.join(", "))
        };
        let other = finding
            .assigned_to
            .map_or_else(String::new, |account| format!(" (assigned to {account})"));
        lines.push(format!(
            "  {} {}{other}{}",
            finding.database,
            shown(&finding.number),
            shown(&fields)
        ));
    }
    if findings.len() > SHOWN {
        lines.push(format!("  and {} more", findings.len() - SHOWN));
    }
    lines
}

/// Limits the length of ids and fields, which come from others.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().take(LONGEST).collect()
}
