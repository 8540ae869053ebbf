//! What the floor reads.
//!
//! Documents come by `_all_docs?include_docs=true`, a thousand rows a request, each page from the
//! key after the last one of the page before; ids alone come ten thousand at a time. Answers come in
//! one piece (`buffer_response`), as ours do, since that is faster. Where the pages begin is known
//! beforehand, so nothing of an answer need be looked at. A database that must be looked at costs
//! one request at least: `CouchDB` has no request over several.
//!
//! Where there is doubt about what a job needs, the floor is the smaller one. It reads no
//! `system_config`, and nothing a second time before it deletes, keeps no journal, and asks nobody
//! whether the run was cancelled.

use exact_json::{Value, json};

use crate::http::{Method, Request};
use crate::job::{Chain, Phase};
use crate::snapshot::Snapshot;

const DOCUMENTS_IN_A_PAGE: usize = 1000;
const IDS_IN_A_PAGE: usize = 10_000;

/// Numbers begin with `+`, and other documents do not: ids from here …
const NUMBERS_START: &str = "+";
/// … up to here, and this one not included, are numbers.
const NUMBERS_END: &str = ",";

/// A reading of one side of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The documents of all number databases.
    NumberDatabases,
    /// The ids that the number databases hold.
    IdsOfNumberDatabases,
    /// How many documents of each carrier the number databases hold: the one answer that an
    /// index gives without documents, `_design/numbers/_view/module_name`, reduced.
    Carriers,
    /// The documents of all account databases whose ids are numbers.
    NumbersOfAccounts,
    /// The number documents of all account databases, whatever their ids (`911`): as
    /// [`Self::NumbersOfAccounts`], and the ids of all other documents, which tell whether any
    /// of them need be looked at. One request for both.
    AnyNumbersOfAccounts,
    /// The ids of the number documents of all account databases.
    IdsOfNumbersOfAccounts,
    /// The other documents of all account databases: callflows and trunkstore documents are
    /// among them, and say what uses which number. `trunkstore/lookup_did` emits nothing on
    /// current servers, so no view tells this.
    UsesOfAccounts,
    /// All documents of all account databases.
    AccountDatabases,
}

impl Read {
    /// Its requests: a chain a database.
    pub(crate) fn phase(self, snapshot: &Snapshot) -> Phase {
        let numbers = snapshot.number_databases();
        let accounts = snapshot.account_databases();
        match self {
            Self::NumberDatabases => of_each(numbers, &Range::ALL, Rows::Documents),
            Self::IdsOfNumberDatabases => of_each(numbers, &Range::ALL, Rows::Ids),
            Self::Carriers => numbers
                .map(|(name, _)| vec![carriers_request(name)])
                .collect(),
            Self::NumbersOfAccounts => of_each(accounts, &Range::NUMBERS, Rows::Documents),
            Self::AnyNumbersOfAccounts => accounts
                .map(|(name, ids)| numbers_and_ids(name, ids))
                .collect(),
            Self::IdsOfNumbersOfAccounts => of_each(accounts, &Range::NUMBERS, Rows::Ids),
            Self::UsesOfAccounts => of_each(accounts, &Range::AFTER_NUMBERS, Rows::Documents),
            Self::AccountDatabases => of_each(accounts, &Range::ALL, Rows::Documents),
        }
    }
}

/// The list of databases, from which every whole-cluster command starts.
pub(crate) fn list_of_databases() -> Phase {
    vec![vec![Request::get("/_all_dbs")]]
}

fn carriers_request(database: &str) -> Request {
    let view = "/_design/numbers/_view/module_name?group=true";
    Request::to(Method::Get, database, view, None)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Documents,
    Ids,
}

impl Rows {
    fn in_a_page(self) -> usize {
        match self {
            Self::Documents => DOCUMENTS_IN_A_PAGE,
            Self::Ids => IDS_IN_A_PAGE,
        }
    }

    fn query(self) -> &'static str {
        match self {
            Self::Documents => "&include_docs=true",
            Self::Ids => "",
        }
    }
}

/// Ids from `start` (inclusive) to `end` (exclusive).
struct Range {
    start: Option<&'static str>,
    end: Option<&'static str>,
}

impl Range {
    const ALL: Self = Self {
        start: None,
        end: None,
    };
    const NUMBERS: Self = Self {
        start: Some(NUMBERS_START),
        end: Some(NUMBERS_END),
    };
    const AFTER_NUMBERS: Self = Self {
        start: Some(NUMBERS_END),
        end: None,
    };

    fn has(&self, id: &str) -> bool {
        self.start.is_none_or(|start| start <= id) && self.end.is_none_or(|end| id < end)
    }
}

fn of_each<'a>(
    databases: impl Iterator<Item = (&'a str, &'a [String])>,
    range: &Range,
    rows: Rows,
) -> Phase {
    databases
        .map(|(name, ids)| pages(name, ids, range, rows))
        .collect()
}

fn pages(database: &str, ids: &[String], range: &Range, rows: Rows) -> Chain {
    let ids: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| range.has(id))
        .collect();
    let limit = rows.in_a_page();
    let later = ids.chunks(limit).skip(1).filter_map(|page| page.first());
    std::iter::once(range.start)
        .chain(later.map(|id| Some(*id)))
        .map(|start| {
            let mut rest = format!(
                "/_all_docs?buffer_response=true&limit={limit}{}",
                rows.query()
            );
            if let Some(start) = start {
                rest.push_str(&format!("&startkey={}", in_query(start)));
            }
            if let Some(end) = range.end {
                rest.push_str(&format!("&endkey={}&inclusive_end=false", in_query(end)));
            }
            Request::to(Method::Get, database, &rest, None)
        })
        .collect()
}

/// The first pages of both ranges together, and then what is left of each.
fn numbers_and_ids(database: &str, ids: &[String]) -> Chain {
    let numbers = pages(database, ids, &Range::NUMBERS, Rows::Documents);
    let others = pages(database, ids, &Range::AFTER_NUMBERS, Rows::Ids);
    let queries = json!({ "queries": [
        {
            "limit": DOCUMENTS_IN_A_PAGE, "include_docs": true,
            "startkey": NUMBERS_START, "endkey": NUMBERS_END, "inclusive_end": false,
        },
        { "limit": IDS_IN_A_PAGE, "startkey": NUMBERS_END },
    ]});
    let rest = "/_all_docs/queries?buffer_response=true";
    let first = Request::to(Method::Post, database, rest, Some(queries.to_string()));
    let later = numbers.into_iter().skip(1);
    std::iter::once(first)
        .chain(later)
        .chain(others.into_iter().skip(1))
        .collect()
}

/// A key as it stands in a query: JSON, percent-encoded.
fn in_query(id: &str) -> String {
    couchdb::encoded(&Value::from(id).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_one_request_a_page_and_one_at_least() {
        let many: Vec<String> = (0..2001).map(|n| format!("+1415{n:04}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let account = "account/ab/cd/ef0123456789abcdef0123456789";
        let snapshot = Snapshot::made_up(&[("numbers/+1415", &many), (account, &["00ff"])]);
        let paths = |read: Read| -> Vec<Vec<String>> {
            let phase = read.phase(&snapshot);
            phase
                .into_iter()
                .map(|chain| chain.into_iter().map(|request| request.path).collect())
                .collect()
        };
        let whole =
            "/numbers%2F%2B1415/_all_docs?buffer_response=true&limit=1000&include_docs=true";
        assert_eq!(
            paths(Read::NumberDatabases),
            [[
                whole.to_owned(),
                format!("{whole}&startkey=%22%2B14151000%22"),
                format!("{whole}&startkey=%22%2B14152000%22"),
            ]]
        );
        assert_eq!(
            paths(Read::IdsOfNumberDatabases),
            [["/numbers%2F%2B1415/_all_docs?buffer_response=true&limit=10000"]]
        );
        assert_eq!(
            paths(Read::IdsOfNumbersOfAccounts),
            [[
                "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/_all_docs?buffer_response=true&limit=10000\
                 &startkey=%22%2B%22&endkey=%22%2C%22&inclusive_end=false"
            ]]
        );
        assert_eq!(
            paths(Read::AnyNumbersOfAccounts),
            [[
                "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/_all_docs/queries\
                 ?buffer_response=true"
            ]]
        );
    }
}
