//! Accepted findings: a file in which a person lists the drift that is known and left as it is, until a date.
//!
//! ```toml
//! [[accepted]]
//! kind = "differing_copy"
//! number = "+14155550100"
//! account = "4b87ccf02d8846f06c3b1f0e04e76bfd"
//! reason = "ticket 4711: the customer's own note"
//! expires = 2027-01-31
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::value::Datetime;

use super::Finding;
use crate::kazoo::{AccountId, DatabaseName, account_argument, decoded};
use crate::plan::Drift;
use crate::report::shown;

/// The reason why a file of accepted findings cannot be used: one line, with the line of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadAccepted {
    line: usize,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accepted: Vec<Spanned<RawEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    kind: Spanned<String>,
    number: Option<String>,
    database: Option<Spanned<String>>,
    account: Option<Spanned<String>>,
    reason: Spanned<String>,
    expires: Spanned<Datetime>,
}

/// An entry of the file.
#[derive(Debug)]
struct Entry {
    line: usize,
    kind: Drift,
    number: Option<String>,
    database: Option<DatabaseName>,
    account: Option<AccountId>,
    reason: String,
    /// The last day on which it counts, as `2027-01-31`, in UTC.
    expires: String,
    is_expired: bool,
    matched: AtomicU64,
}

/// An entry of the file and what became of it, for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptedEntry {
    /// The line of the file.
    pub line: usize,
    /// The kind of drift.
    pub kind: Drift,
    /// The number. `None`: every number of the account or database.
    pub number: Option<String>,
    /// The database, encoded.
    pub database: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The reason that the operator gave.
    pub reason: String,
    /// The last day on which it counts.
    pub expires: String,
    /// Whether that day is over. Its findings are reported.
    pub is_expired: bool,
    /// The findings that it accepts; for an expired entry, those that it would accept.
    pub findings: u64,
}

/// The entries of a file.
#[derive(Debug, Default)]
pub struct AcceptedFindings {
    entries: Vec<Entry>,
    /// Indexes of entries, by kind and number.
    by_number: HashMap<(Drift, Option<String>), Vec<usize>>,
}

impl AcceptedFindings {
    /// Parses a file. `today`: the date in UTC, as `2027-01-31`.
    ///
    /// # Errors
    ///
    /// The text is not TOML, or an entry is incomplete or names an unknown kind.
    pub fn parse(text: &str, today: &str) -> Result<Self, BadAccepted> {
        let file: File = toml::from_str(text).map_err(|error| BadAccepted {
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            problem: error.message().replace('\n', ", "),
        })?;
        let mut all = Self::default();
        for entry in file.accepted {
            let entry = entry_of(text, entry, today)?;
            let key = (entry.kind, entry.number.clone());
            let same_number = all.by_number.entry(key).or_default();
            same_number.push(all.entries.len());
            all.entries.push(entry);
        }
        Ok(all)
    }

    /// Whether an entry accepts a finding. Each entry counts its findings.
    pub fn accepts(&self, finding: &Finding) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        let mut is_accepted = false;
        for number in [Some(finding.number.clone()), None] {
            let indexes = self.by_number.get(&(finding.kind, number));
            let entries = indexes.into_iter().flatten();
            let entries = entries.filter_map(|index| self.entries.get(*index));
            for entry in entries.filter(|entry| entry.matches(finding)) {
                entry.matched.fetch_add(1, Ordering::Relaxed);
                is_accepted |= !entry.is_expired;
            }
        }
        is_accepted
    }

    /// The entries, for reports.
    pub fn entries(&self) -> Vec<AcceptedEntry> {
        let entries = self.entries.iter().map(|entry| AcceptedEntry {
            line: entry.line,
            kind: entry.kind,
            number: entry.number.clone(),
            database: entry.database.as_ref().map(DatabaseName::encoded),
            account: entry.account.map(|account| account.to_string()),
            reason: entry.reason.clone(),
            expires: entry.expires.clone(),
            is_expired: entry.is_expired,
            findings: entry.matched.load(Ordering::Relaxed),
        });
        entries.collect()
    }
}

impl Entry {
    fn matches(&self, finding: &Finding) -> bool {
        let database = self.database.as_ref();
        let is_account = |account| finding.account == Some(account);
        database.is_none_or(|database| *database == finding.database)
            && self.account.is_none_or(is_account)
    }
}

fn entry_of(text: &str, raw: Spanned<RawEntry>, today: &str) -> Result<Entry, BadAccepted> {
    let line = line_at(text, raw.span().start);
    let raw = raw.into_inner();
    let bad = |at: usize, problem: String| BadAccepted {
        line: line_at(text, at),
        problem,
    };
    let kind = Drift::of_name(raw.kind.as_ref())
        .ok_or_else(|| bad(raw.kind.span().start, unknown_kind(raw.kind.as_ref())))?;
    let database = match &raw.database {
        None => None,
        Some(name) => Some(database_of(name.as_ref()).ok_or_else(|| {
            let problem = format!(
                "{} is no database, for example numbers/+1415",
                shown(name.as_ref())
            );
            bad(name.span().start, problem)
        })?),
    };
    let account = match &raw.account {
        None => None,
        Some(id) => Some(account_argument(id.as_ref()).ok_or_else(|| {
            let problem = format!(
                "{} is no account, for example 4b87ccf02d8846f06c3b1f0e04e76bfd",
                shown(id.as_ref())
            );
            bad(id.span().start, problem)
        })?),
    };
    if raw.number.is_none() && database.is_none() && account.is_none() {
        let problem = "the entry names no number, database or account".to_owned();
        return Err(BadAccepted { line, problem });
    }
    let reason = raw.reason.as_ref().trim();
    if reason.is_empty() {
        return Err(bad(
            raw.reason.span().start,
            "the reason is empty".to_owned(),
        ));
    }
    let expires = match (raw.expires.as_ref().date, raw.expires.as_ref().time) {
        (Some(date), None) => date.to_string(),
        _ => {
            let problem = "expires must be a date, for example 2027-01-31".to_owned();
            return Err(bad(raw.expires.span().start, problem));
        }
    };
    Ok(Entry {
        line,
        kind,
        number: raw.number,
        database,
        account,
        reason: reason.to_owned(),
        is_expired: *expires < *today,
        expires,
        matched: AtomicU64::new(0),
    })
}

/// The message for a kind that does not exist, with the kinds that do.
fn unknown_kind(name: &str) -> String {
    let names = Drift::ALL.map(Drift::name);
    let nearest = names.into_iter().max_by(|one, other| {
        let similar = |kind| strsim::jaro_winkler(kind, name);
        similar(*one).total_cmp(&similar(*other))
    });
    let meant = nearest.filter(|kind| strsim::jaro_winkler(kind, name) > 0.7);
    let meant = meant.map_or_else(String::new, |kind| format!("; did you mean {kind}?"));
    format!(
        "unknown kind of drift {}; the kinds are {}{meant}",
        shown(name),
        names.join(", ")
    )
}

/// A database in plain or encoded form.
fn database_of(text: &str) -> Option<DatabaseName> {
    let plain = if text.contains('/') {
        text.to_owned()
    } else {
        decoded(text)?
    };
    DatabaseName::new(&plain).filter(|name| name.plain().contains('/'))
}

/// The line of a place in a text, from 1.
fn line_at(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
    const TODAY: &str = "2026-11-28";

    fn finding(kind: Drift, number: &str) -> Finding {
        let account = AccountId::parse(ACCOUNT).unwrap();
        Finding {
            kind,
            database: account.database(),
            number: number.to_owned(),
            account: Some(account),
            number_database: DatabaseName::new("numbers/+1415"),
            fields: Vec::new(),
            assigned_to: None,
        }
    }

    fn entry(more: &str) -> String {
        format!(
            "[[accepted]]\nkind = \"missing_copy\"\nreason = \"known\"\nexpires = 2026-11-28\n{more}\n"
        )
    }

    #[test]
    fn entry_accepts_what_all_its_fields_name() {
        for (more, number, expected) in [
            ("number = \"+14155550100\"", "+14155550100", true),
            ("number = \"+14155550100\"", "+14155550101", false),
            (
                "account = \"abcdef0123456789abcdef0123456789\"",
                "+14155550101",
                true,
            ),
            (
                "account = \"00112233445566778899aabbccddeeff\"\nnumber = \"+14155550100\"",
                "+14155550100",
                false,
            ),
            (
                "database = \"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789\"",
                "+14155550101",
                true,
            ),
            (
                "database = \"account/ab/cd/ef0123456789abcdef0123456789\"",
                "+14155550101",
                true,
            ),
            ("database = \"numbers/+1415\"", "+14155550101", false),
        ] {
            let all = AcceptedFindings::parse(&entry(more), TODAY).unwrap();
            let is_accepted = all.accepts(&finding(Drift::MissingCopy, number));
            assert_eq!(is_accepted, expected, "{more}");
            assert!(!all.accepts(&finding(Drift::DifferingCopy, number)));
            assert_eq!(all.entries()[0].findings, u64::from(expected));
        }
    }

    #[test]
    fn expired_entry_counts_and_accepts_nothing() {
        let text = entry("number = \"+14155550100\"");
        let all = AcceptedFindings::parse(&text, "2026-11-29").unwrap();
        assert!(!all.accepts(&finding(Drift::MissingCopy, "+14155550100")));
        let entries = all.entries();
        assert_eq!((entries[0].is_expired, entries[0].findings), (true, 1));
        assert!(
            AcceptedFindings::parse("", TODAY)
                .unwrap()
                .entries
                .is_empty()
        );
    }

    #[test]
    fn bad_file_is_one_line_with_the_place() {
        for (text, expected) in [
            ("nonsense", "line 1: "),
            (
                "[[accepted]]\nkind = \"x\"\n",
                "line 1: missing field `reason`",
            ),
            (
                &entry("numbr = \"+1\"")[..],
                "line 5: unknown field `numbr`, expected one of",
            ),
            (
                "[[accepted]]\nreason = \"a\"\nkind = \"mising_copy\"\nexpires = 2026-01-01\n",
                "line 3: unknown kind of drift \"mising_copy\"; the kinds are contested, ",
            ),
            (
                &entry("")[..],
                "line 1: the entry names no number, database or account",
            ),
            (
                &entry("account = \"bogus\"")[..],
                "line 5: \"bogus\" is no account",
            ),
            (
                &entry("database = \"bogus\"")[..],
                "line 5: \"bogus\" is no database",
            ),
            (
                "[[accepted]]\nkind = \"misfiled\"\nnumber = \"+1\"\nreason = \" \"\nexpires = 2026-01-01\n",
                "line 4: the reason is empty",
            ),
            (
                "[[accepted]]\nkind = \"misfiled\"\nnumber = \"+1\"\nreason = \"a\"\nexpires = 12:00:00\n",
                "line 5: expires must be a date",
            ),
            (
                "[[accepted]]\nkind = \"misfiled\"\nnumber = \"+1\"\nreason = \"a\"\nexpires = \"soon\"\n",
                "line 5: ",
            ),
        ] {
            let error = AcceptedFindings::parse(text, TODAY)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(unknown_kind("mising_copy").ends_with("; did you mean missing_copy?"));
    }

    proptest! {
        #[test]
        fn parse_of_any_text_returns(text in "(\\[\\[accepted\\]\\]|kind = |\"misfiled\"|expires = |[0-9:-]{0,4}|\n|\"|\\PC){0,20}") {
            let _ = AcceptedFindings::parse(&text, TODAY);
        }
    }
}
