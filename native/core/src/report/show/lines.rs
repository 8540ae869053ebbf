//! A number as lines of a terminal.

use super::{DocumentState, NumberReport, ShownAccount, ShownDocument, ShownField, ShownFinding};

/// The longest value in a column, in characters. A longer one has a separate line.
const COLUMN: usize = 36;

/// The most documents with a column each. More have a line each.
const COLUMNS: usize = 3;

/// The most characters of a value in the output. JSON has the whole value.
const LONGEST: usize = 400;

/// The lines for the terminal.
pub(in crate::report) fn lines(report: &NumberReport) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", report.number, state(report))];
    for (index, document) in report.documents.iter().enumerate() {
        lines.push(format!("  {}  {}", letter(index), place(report, document)));
        lines.push(format!("     {}", facts(report, document)));
    }
    lines.extend(fields(report));
    lines.extend(report.accounts.iter().flat_map(|one| usage(report, one)));
    lines.extend(report.findings.iter().flat_map(drift));
    if report.is_incomplete() {
        lines.push(format!(
            "incomplete: {} databases or numbers could not be read, {} documents could not be checked in full",
            report.unread.count(),
            report.unchecked
        ));
    }
    lines
}

fn state(report: &NumberReport) -> String {
    let drift = match report.findings.len() {
        0 if report.in_sync => "in sync".to_owned(),
        0 => "no drift".to_owned(),
        1 => "1 case of drift".to_owned(),
        count => format!("{count} cases of drift"),
    };
    match report.documents.len() {
        0 => "in no database".to_owned(),
        1 => format!("1 document, {drift}"),
        count => format!("{count} documents, {drift}"),
    }
}

/// The letter of a document: `A` to `Z`, then numbers.
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index) if index < 26 => char::from(b'A' + index).to_string(),
        _ => (index + 1).to_string(),
    }
}

fn place(report: &NumberReport, document: &ShownDocument) -> String {
    match &document.account {
        Some(account) => format!("{}  account {}", document.database, report.named(account)),
        None => document.database.clone(),
    }
}

fn facts(report: &NumberReport, document: &ShownDocument) -> String {
    let mut facts = vec![
        match &document.rev {
            Some(rev) => format!("revision {rev}"),
            None => "no revision".to_owned(),
        },
        match document.state {
            DocumentState::Live => "live".to_owned(),
            DocumentState::SoftDeleted => "soft-deleted".to_owned(),
            DocumentState::OtherType => "not a number document".to_owned(),
        },
        match &document.assigned_to {
            Some(account) => format!("assigned to {}", report.named(account)),
            None => "assigned to no account".to_owned(),
        },
    ];
    if !document.conflicts.is_empty() {
        facts.push(format!("conflicts: {}", document.conflicts.join(" ")));
    }
    facts.join(", ")
}

/// The fields. A `*` marks fields that differ, and `=` a value that equals the first document's.
fn fields(report: &NumberReport) -> Vec<String> {
    if report.fields.is_empty() {
        return Vec::new();
    }
    let name_width = report.fields.iter().map(|one| width(&one.field));
    let name_width = name_width.max().unwrap_or_default().min(COLUMN);
    let rows: Vec<Vec<String>> = report.fields.iter().map(|one| cells(report, one)).collect();
    let has_columns = report.documents.len() <= COLUMNS;
    let is_in_columns =
        |cells: &[String]| has_columns && cells.iter().all(|cell| width(cell) <= COLUMN);
    let widths: Vec<usize> = (0..report.documents.len())
        .map(|column| {
            let in_columns = rows.iter().filter(|cells| is_in_columns(cells));
            let cells = in_columns.filter_map(|cells| cells.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or(1)
        })
        .collect();
    let in_columns = |mark: &str, name: &str, cells: &[String]| {
        let mut line = format!("{mark} {name:name_width$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("  {cell:width$}"));
        }
        line.trim_end().to_owned()
    };
    let mut lines = Vec::new();
    if has_columns {
        let letters: Vec<String> = (0..report.documents.len()).map(letter).collect();
        lines.push(in_columns(" ", "field", &letters));
    }
    for (one, cells) in report.fields.iter().zip(&rows) {
        let mark = if differs(report, &one.field) {
            "*"
        } else {
            " "
        };
        if is_in_columns(cells) {
            lines.push(in_columns(mark, &one.field, cells));
            continue;
        }
        lines.push(format!("{mark} {}", shown(&one.field)));
        for (index, cell) in cells.iter().enumerate() {
            lines.push(format!("      {}  {cell}", letter(index)));
        }
    }
    lines
}

fn differs(report: &NumberReport, field: &str) -> bool {
    let differs = |one: &ShownDocument| is_among(&one.differing_fields, field);
    report.documents.iter().any(differs)
}

fn is_among(names: &[String], field: &str) -> bool {
    names.iter().any(|name| name == field)
}

fn cells(report: &NumberReport, field: &ShownField) -> Vec<String> {
    let values = field.values.iter().zip(&report.documents).enumerate();
    values
        .map(|(index, (value, document))| match value {
            _ if index > 0 && !is_among(&document.differing_fields, &field.field) => "=".to_owned(),
            Some(json) => shown(json),
            None => "(none)".to_owned(),
        })
        .collect()
}

fn usage(report: &NumberReport, account: &ShownAccount) -> Vec<String> {
    let name = report.named(&account.account);
    if !account.has_database {
        return vec![format!("account {name} has no database")];
    }
    let mut line = format!("account {name}: ");
    line.push_str(match account.usage {
        Some("none") => "no callflow or trunkstore document uses the number",
        Some("both") => "callflow and trunkstore documents use the number; every command leaves pvt_used_by alone",
        Some(_) => "used by",
        None => "its documents were not read",
    });
    let used = account.used_by.iter();
    let used = used.map(|one| format!("  {} {}", one.application, one.id));
    std::iter::once(line).chain(used).collect()
}

fn drift(one: &ShownFinding) -> Vec<String> {
    let finding = &one.finding;
    let mut line = format!(
        "{} in {}: {}",
        finding.kind.name(),
        finding.database,
        one.meaning
    );
    if let Some(account) = finding.assigned_to {
        line.push_str(&format!(" (assigned to {account})"));
    }
    if !finding.fields.is_empty() {
        let fields = finding.fields.iter().map(|one| one.field.as_str());
        let fields = fields.collect::<Vec<_>>().join(", ");
        line.push_str(&format!(": {}", shown(&fields)));
    }
    let command = match &one.command {
        Some(command) => format!("  repaired by: {command}"),
        None => "  repaired by: (no command)".to_owned(),
    };
    let hint = one.hint.map(|hint| format!("  ({hint})"));
    [line, command].into_iter().chain(hint).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Limits the length of names and values, which come from others.
fn shown(text: &str) -> String {
    if width(text) <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}... ({} characters)", width(text))
}
