//! An audit in formats for programs.

use serde::Serialize;

use super::{Audit, Finding, remedy};
use crate::plan::Severity;
use crate::report::sanitise;

/// The whole report as one JSON object.
pub fn to_json(audit: &Audit) -> String {
    // Serialising strings, numbers and lists cannot fail.
    let text = serde_json::to_string_pretty(audit).unwrap_or_default();
    sanitise::page(&text).into_owned()
}

/// One finding as one line of JSON.
pub fn finding_line(finding: &Finding) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        severity: Severity,
        #[serde(flatten)]
        finding: &'a Finding,
        command: Option<String>,
    }
    json_line(&Line {
        r#type: "finding",
        severity: finding.kind.severity(),
        finding,
        command: remedy::command_for(finding),
    })
}

/// The rest of an audit as one line of JSON. It follows the lines of its findings, so a text without it is incomplete.
pub fn last_line(audit: &Audit) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        #[serde(flatten)]
        audit: &'a Audit,
    }
    json_line(&Line {
        r#type: "audit",
        audit,
    })
}

fn json_line(value: &impl Serialize) -> String {
    // As above: serialising cannot fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    sanitise::line(&text).into_owned()
}

/// A header, and one row per finding.
pub fn to_csv(audit: &Audit) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record([
        "kind",
        "database",
        "number",
        "account",
        "account_name",
        "number_database",
        "fields",
        "command",
        "assigned_to",
        "severity",
    ]);
    for finding in &audit.findings {
        let _ = writer.write_record(record(audit, finding).map(|text| sanitise::cell(&text)));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn record(audit: &Audit, finding: &Finding) -> [String; 10] {
    let account = finding.account.map(|account| account.to_string());
    let account = account.unwrap_or_default();
    let name = audit.account_names.get(&account).cloned();
    let number_database = finding.number_database.as_ref().map(|name| name.encoded());
    [
        finding.kind.name().to_owned(),
        finding.database.encoded(),
        finding.number.clone(),
        account,
        name.unwrap_or_default(),
        number_database.unwrap_or_default(),
        finding.field_names().collect::<Vec<_>>().join(" "),
        remedy::command_for(finding).unwrap_or_default(),
        finding
            .assigned_to
            .map(|account| account.to_string())
            .unwrap_or_default(),
        finding.kind.severity().name().to_owned(),
    ]
}
