//! An audit as one self-contained HTML page for reading, printing and sending.
//!
//! Ids, names and fields come from others: the template (`templates/audit.html`) writes each text through [`Sanitised`]. The page
//! forbids external content and all scripts but its own, which is named by its hash and contains nothing from the audit.

use std::fmt::{self, Write};

use askama::{Template, filters};

use super::curves::Curves;
use super::figures::{Chart, log_share};
use super::trend::time;
use super::{AcceptedEntry, Audit, Finding, remedy, table};
use crate::plan::{Drift, FieldDifference, Severity};
use crate::report::sanitise;

/// The most findings of a kind on the page. The CSV has all of them.
const FINDINGS: usize = 1000;

/// The script of the page: filter, search, sort, copy. Without it the page can be read and printed.
const SCRIPT: &str = include_str!("../../../templates/audit.js");

/// The hash of [`SCRIPT`] for the page's Content-Security-Policy. A test names the right one.
const SCRIPT_HASH: &str = "sha256-p3Pi7qYEt2cEuvcVr6J8DZi0Nz/jcUaOBH5B4j9mgfw=";

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
    severities: [(Severity, u64); 3],
    trend: Option<Curves>,
    charts: [Chart; 2],
    accepted: Vec<Accepted<'a>>,
    tables: Vec<FindingTable<'a>>,
}

/// A database that could not be read.
struct Unread<'a> {
    database: &'a str,
    reasons: String,
}

/// An entry of the file of accepted findings.
struct Accepted<'a> {
    entry: &'a AcceptedEntry,
    place: String,
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
    /// Whether the number belongs to nobody, for a former copy.
    is_released: bool,
    fields: &'a [FieldDifference],
    command: Option<String>,
}

struct AccountLabel<'a> {
    id: String,
    name: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn new(audit: &'a Audit) -> Self {
        let counts = audit.kinds.iter().map(|kind| kind.count);
        let kinds = Drift::ALL.into_iter();
        Self {
            audit,
            scope: table::scope(&audit.scope),
            taken_at: time(audit.taken_at),
            unread: unread(audit),
            most_of_a_kind: counts.max().unwrap_or_default(),
            severities: Severity::ALL.map(|severity| (severity, of_severity(audit, severity))),
            trend: Curves::of(&audit.history),
            charts: [Chart::by_account(audit), Chart::by_prefix(audit)],
            accepted: audit.accepted.iter().map(accepted).collect(),
            tables: kinds.filter_map(|kind| findings(audit, kind)).collect(),
        }
    }
}

fn of_severity(audit: &Audit, severity: Severity) -> u64 {
    let kinds = audit.kinds.iter();
    kinds
        .filter(|kind| kind.severity == severity)
        .map(|kind| kind.count)
        .sum()
}

fn accepted(entry: &AcceptedEntry) -> Accepted<'_> {
    let places = [&entry.database, &entry.account, &entry.number];
    let places: Vec<&str> = places.into_iter().flatten().map(String::as_str).collect();
    Accepted {
        entry,
        place: places.join(" "),
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
            Drift::DifferingCopy => "Fields and repair",
            _ => "Repair",
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
        is_released: finding.kind == Drift::FormerAccount && finding.assigned_to.is_none(),
        fields: &finding.fields,
        command: remedy::command_for(finding),
    }
}

/// The width of a bar in percent of the largest.
fn share(part: u64, of: u64) -> String {
    format!("{:.1}", log_share(part, of) * 100.0)
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

    use sha2::{Digest, Sha256};

    use super::super::{AuditScope, AuditTotals, AuditedCluster, KindCount};
    use super::*;
    use crate::kazoo::{AccountId, DatabaseName};
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
        audit.cluster = AuditedCluster {
            server: text.to_owned(),
            ..AuditedCluster::default()
        };
        audit.cluster.identity.uuid = Some(text.to_owned());
        audit.accepted = vec![AcceptedEntry {
            line: 1,
            kind: Drift::Misfiled,
            number: Some(text.to_owned()),
            database: None,
            account: None,
            reason: text.to_owned(),
            expires: text.to_owned(),
            is_expired: false,
            findings: 1,
        }];
        let totals = AuditTotals::of(&audit);
        audit.history = vec![AuditTotals::default(), totals];
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
        // The scope in title and heading, server and uuid, the unread database, a kind's meaning, command and hint, the label of a
        // bar, an accepted number, date and reason, and in a finding its number, two names, and two fields with a value.
        let shown = 2 + 2 + 1 + kinds * 3 + 1 + 3 + kinds * (3 + 2 * 2);
        assert_eq!(harmless.matches("harmless").count(), shown);
        assert_eq!(hostile.matches(ESCAPED).count(), shown);
    }

    #[test]
    fn page_allows_its_own_script_only() {
        let page = to_html(&audit("harmless"));
        assert_eq!(page.matches("<script").count(), 1);
        let (_, script) = page.split_once("<script>").unwrap();
        let (script, _) = script.split_once("</script>").unwrap();
        let hash = base64_of(&Sha256::digest(script));
        assert_eq!(format!("sha256-{hash}"), SCRIPT_HASH, "the script changed");
        // Otherwise a browser would end the script earlier.
        assert!(!SCRIPT.contains('<'));
        let (_, policy) = page
            .split_once("Content-Security-Policy\" content=\"")
            .unwrap();
        let (policy, _) = policy.split_once('"').unwrap();
        assert_eq!(
            policy,
            format!(
                "default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'"
            )
        );
    }

    fn base64_of(bytes: &[u8]) -> String {
        data_encoding::BASE64.encode(bytes)
    }
}
