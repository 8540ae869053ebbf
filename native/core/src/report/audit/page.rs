//! An audit as one self-contained HTML page for reading, printing and sending.
//!
//! Ids, names and fields come from others: the template (`templates/audit.html`) writes each text through [`Sanitised`]. The page
//! forbids scripts and external content.

use std::fmt::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use askama::{Template, filters};

use super::figures::Chart;
use super::{Audit, Finding, remedy, table};
use crate::plan::Drift;
use crate::report::sanitise;

/// The most findings of a kind on the page. The CSV has all of them.
const FINDINGS: usize = 1000;

/// The whole report as one page.
pub fn to_html(audit: &Audit) -> String {
    // Writing to a string cannot fail.
    Page::new(audit).render().unwrap_or_default()
}

/// The escaper of the templates (askama.toml): sanitises a text into one line, and escapes it for use between tags and in quoted
/// attributes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sanitised;

impl filters::Escaper for Sanitised {
    fn write_escaped_str<W: Write>(&self, to: W, text: &str) -> fmt::Result {
        filters::Html.write_escaped_str(to, &sanitise::line(text))
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page<'a> {
    audit: &'a Audit,
    scope: String,
    taken_at: String,
    unread: Vec<Unread<'a>>,
    most_of_a_kind: u64,
    charts: [Chart; 2],
    tables: Vec<FindingTable<'a>>,
}

/// A database that could not be read.
struct Unread<'a> {
    database: &'a str,
    reasons: String,
}

/// The findings of a kind.
struct FindingTable<'a> {
    kind: Drift,
    /// All findings, those without a row included.
    count: usize,
    last_column: &'static str,
    rows: Vec<FindingRow<'a>>,
}

struct FindingRow<'a> {
    number: &'a str,
    database: String,
    /// The account, and the one that the number database assigns the number to.
    accounts: Vec<AccountLabel<'a>>,
    last: String,
}

struct AccountLabel<'a> {
    id: String,
    name: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn new(audit: &'a Audit) -> Self {
        let taken_at = UNIX_EPOCH + Duration::from_secs(audit.taken_at);
        let counts = audit.kinds.iter().map(|kind| kind.count);
        let kinds = Drift::ALL.into_iter();
        Self {
            audit,
            scope: table::scope(&audit.scope),
            taken_at: httpdate::fmt_http_date(taken_at),
            unread: unread(audit),
            most_of_a_kind: counts.max().unwrap_or_default(),
            charts: [Chart::by_account(audit), Chart::by_prefix(audit)],
            tables: kinds.filter_map(|kind| findings(audit, kind)).collect(),
        }
    }
}

fn unread(audit: &Audit) -> Vec<Unread<'_>> {
    let databases = audit.unread.by_database().iter();
    databases
        .map(|(database, failures)| {
            let last_error = failures.last_error.map(|kind| kind.name().into());
            let failed = failures.failed.keys().map(|reason| reason.key());
            let reasons: Vec<_> = last_error.into_iter().chain(failed).collect();
            Unread {
                database,
                reasons: reasons.join(", "),
            }
        })
        .collect()
}

fn findings(audit: &Audit, kind: Drift) -> Option<FindingTable<'_>> {
    let findings = audit.of_kind(kind);
    (!findings.is_empty()).then(|| FindingTable {
        kind,
        count: findings.len(),
        last_column: match kind {
            Drift::DifferingCopy => "Fields",
            _ => "Repaired by",
        },
        rows: findings
            .iter()
            .take(FINDINGS)
            .map(|finding| row(audit, finding))
            .collect(),
    })
}

fn row<'a>(audit: &'a Audit, finding: &'a Finding) -> FindingRow<'a> {
    let accounts = match finding.account {
        Some(account) => std::iter::once(account)
            .chain(finding.assigned_to)
            .collect(),
        None => Vec::new(),
    };
    FindingRow {
        number: &finding.number,
        database: finding.database.encoded(),
        accounts: accounts
            .into_iter()
            .map(|account| {
                let id = account.to_string();
                let name = audit.account_names.get(&id).map(String::as_str);
                AccountLabel { id, name }
            })
            .collect(),
        last: if finding.kind == Drift::DifferingCopy {
            finding.field_names().collect::<Vec<_>>().join(", ")
        } else {
            remedy::command_for(finding).unwrap_or_else(|| "no command".to_owned())
        },
    }
}

/// A part in percent of the largest, for the width of a bar.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture is as exact as a pixel"
)]
fn share(part: u64, of: u64) -> String {
    match of {
        0 => "0.0".to_owned(),
        of => format!("{:.1}", part as f64 * 100.0 / of as f64),
    }
}

/// The colour of a kind. Labels repeat the information, so no colour is needed to read the page.
fn colour(kind: &Drift) -> &'static str {
    match kind {
        Drift::MissingCopy => "#2563eb",
        Drift::DifferingCopy => "#0891b2",
        Drift::WrongUsedByInNumberDatabase => "#7c3aed",
        Drift::WrongUsedByInAccount => "#c084fc",
        Drift::WrongAccount => "#dc2626",
        Drift::FormerAccount => "#f97316",
        Drift::OnlyInAccount => "#d4a106",
        Drift::AccountMissing => "#6b7280",
        Drift::Misfiled => "#db2777",
        Drift::UnassignedButUsed => "#16a34a",
        Drift::OddAssignment => "#a16207",
        Drift::Contested => "#be123c",
        Drift::Conflicted => "#475569",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use couchdb::Kind;

    use super::super::{AuditScope, KindCount};
    use super::*;
    use crate::kazoo::{AccountId, DatabaseName};
    use crate::plan::FieldDifference;
    use crate::report::Reason;

    const HOSTILE: &str = "<script>alert(\"1\")</script> 'a' & ]]> --> \n\u{202e}<b";
    const ESCAPED: &str = "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#39;a&#39; &#38; ]]&#62; --&#62; \\u000a\\u202e&#60;b";

    /// An audit with this text in each field that the page shows. A database's name has letters, digits and a few signs only.
    fn audit(text: &'static str) -> Audit {
        let account = AccountId::parse("abcdef0123456789abcdef0123456789").unwrap();
        let other = AccountId::parse("00112233445566778899aabbccddeeff").unwrap();
        let finding = |kind: &Drift| Finding {
            kind: *kind,
            database: account.database(),
            number: text.to_owned(),
            account: Some(account),
            number_database: Some(DatabaseName::new("numbers/+1415").unwrap()),
            fields: vec![
                FieldDifference {
                    field: text.to_owned(),
                    number_database: Some(text.to_owned()),
                    account: None,
                };
                2
            ],
            assigned_to: Some(other),
        };
        let findings = Drift::ALL.iter().map(finding).collect();
        let scope = AuditScope::Number(text.to_owned());
        let mut audit = Audit::new(scope, &BTreeMap::new(), findings);
        audit.kinds = Drift::ALL
            .into_iter()
            .map(|kind| KindCount {
                kind,
                severity: kind.severity(),
                meaning: text,
                numbers: 1,
                count: 1,
                accepted: 0,
                command: Some(text.to_owned()),
                hint: Some(text),
            })
            .collect();
        audit.account_names = [account, other]
            .map(|account| (account.to_string(), text.to_owned()))
            .into();
        audit.unread.database(text, Kind::Connection);
        audit.unread.number(text, Reason::Contested, text);
        audit
    }

    /// The tags of a page with their attributes.
    fn tags(page: &str) -> Vec<&str> {
        page.split('<')
            .filter_map(|rest| Some(rest.split_once('>')?.0))
            .collect()
    }

    #[test]
    fn hostile_text_is_escaped_in_every_field() {
        let (hostile, harmless) = (to_html(&audit(HOSTILE)), to_html(&audit("harmless")));
        assert_eq!(tags(&hostile), tags(&harmless));
        assert!(!hostile.contains(|c| c != '\n' && sanitise::is_unsafe(c)));
        let kinds = Drift::ALL.len();
        // The scope in title and heading, the unread database, a kind's meaning, command and hint, the label of a bar, and in a
        // finding its number and two names; the fields of a differing copy.
        let shown = 2 + 1 + kinds * 3 + 1 + kinds * 3 + 2;
        assert_eq!(harmless.matches("harmless").count(), shown);
        assert_eq!(hostile.matches(ESCAPED).count(), shown);
    }
}
