//! The reads of the floor.
//!
//! Documents are read by `_all_docs?include_docs=true`, 1 000 rows a request, each page from the
//! key after the last one of the previous page; ids alone are read 10 000 at a time. Answers come
//! in one piece (`buffer_response`), as for the commands, because that is faster. The starts of
//! pages are known in advance, so answers are not parsed. Each database takes at least one request:
//! `CouchDB` has no request for several databases.
//!
//! In case of doubt the floor does less. It reads no `system_config`, reads nothing again before a
//! deletion, writes no journal, and does not check for cancellation.

use exact_json::{Value, json};

use crate::http::{FloorRequest, Method};
use crate::requests::{Chain, Phase};
use crate::snapshot::Snapshot;

const DOCUMENTS_IN_A_PAGE: usize = 1000;
const IDS_IN_A_PAGE: usize = 10_000;

/// Ids of numbers start with `+`. The range is from this id …
const NUMBERS_START: &str = "+";
/// … to this one (exclusive).
const NUMBERS_END: &str = ",";

/// A read of one side of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloorRead {
    /// The documents of all number databases.
    NumberDatabases,
    /// The ids in all number databases.
    IdsOfNumberDatabases,
    /// The number of documents of each carrier in the number databases, from the reduced view
    /// `_design/numbers/_view/module_name`, which is the only index that answers without documents.
    Carriers,
    /// The documents in all account databases with a number as id.
    NumbersOfAccounts,
    /// The number documents in all account databases with any id (`911`): as
    /// [`Self::NumbersOfAccounts`], and the ids of all other documents, which show whether one must
    /// be read. One request for both.
    AnyNumbersOfAccounts,
    /// The ids of the number documents in all account databases.
    IdsOfNumbersOfAccounts,
    /// The other documents in all account databases. They include callflows and trunkstore
    /// documents, which determine the usage. `trunkstore/lookup_did` emits nothing on current
    /// servers, so no view has this.
    UsesOfAccounts,
    /// All documents of all account databases.
    AccountDatabases,
}

impl FloorRead {
    /// The requests: one chain for each database.
    pub(crate) fn phase(self, snapshot: &Snapshot) -> Phase {
        let numbers = snapshot.number_databases();
        let accounts = snapshot.account_databases();
        match self {
            Self::NumberDatabases => of_each(numbers, &IdRange::ALL, Rows::Documents),
            Self::IdsOfNumberDatabases => of_each(numbers, &IdRange::ALL, Rows::Ids),
            Self::Carriers => numbers
                .map(|(name, _)| vec![carriers_request(name)])
                .collect(),
            Self::NumbersOfAccounts => of_each(accounts, &IdRange::NUMBERS, Rows::Documents),
            Self::AnyNumbersOfAccounts => accounts
                .map(|(name, ids)| numbers_and_ids(name, ids))
                .collect(),
            Self::IdsOfNumbersOfAccounts => of_each(accounts, &IdRange::NUMBERS, Rows::Ids),
            Self::UsesOfAccounts => of_each(accounts, &IdRange::AFTER_NUMBERS, Rows::Documents),
            Self::AccountDatabases => of_each(accounts, &IdRange::ALL, Rows::Documents),
        }
    }
}

/// The list of databases, which every command on the whole cluster needs.
pub(crate) fn list_of_databases() -> Phase {
    vec![vec![FloorRequest::get("/_all_dbs")]]
}

fn carriers_request(database: &str) -> FloorRequest {
    let view = "/_design/numbers/_view/module_name?group=true";
    FloorRequest::to(Method::Get, database, view, None)
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
struct IdRange {
    start: Option<&'static str>,
    end: Option<&'static str>,
}

impl IdRange {
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
    range: &IdRange,
    rows: Rows,
) -> Phase {
    databases
        .map(|(name, ids)| pages(name, ids, range, rows))
        .collect()
}

fn pages(database: &str, ids: &[String], range: &IdRange, rows: Rows) -> Chain {
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
            FloorRequest::to(Method::Get, database, &rest, None)
        })
        .collect()
}

/// The first pages of both ranges in one request, then the rest of each.
fn numbers_and_ids(database: &str, ids: &[String]) -> Chain {
    let numbers = pages(database, ids, &IdRange::NUMBERS, Rows::Documents);
    let others = pages(database, ids, &IdRange::AFTER_NUMBERS, Rows::Ids);
    let queries = json!({ "queries": [
        {
            "limit": DOCUMENTS_IN_A_PAGE, "include_docs": true,
            "startkey": NUMBERS_START, "endkey": NUMBERS_END, "inclusive_end": false,
        },
        { "limit": IDS_IN_A_PAGE, "startkey": NUMBERS_END },
    ]});
    let rest = "/_all_docs/queries?buffer_response=true";
    let first = FloorRequest::to(Method::Post, database, rest, Some(queries.to_string()));
    let later = numbers.into_iter().skip(1);
    std::iter::once(first)
        .chain(later)
        .chain(others.into_iter().skip(1))
        .collect()
}

/// A key in a query string: JSON, percent-encoded.
fn in_query(id: &str) -> String {
    couchdb::encoded(&Value::from(id).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_needs_one_request_per_page_and_at_least_one() {
        let many: Vec<String> = (0..2001).map(|n| format!("+1415{n:04}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let account = "account/ab/cd/ef0123456789abcdef0123456789";
        let snapshot = Snapshot::for_test(&[("numbers/+1415", &many), (account, &["00ff"])]);
        let paths = |read: FloorRead| -> Vec<Vec<String>> {
            let phase = read.phase(&snapshot);
            phase
                .into_iter()
                .map(|chain| chain.into_iter().map(|request| request.path).collect())
                .collect()
        };
        let buffered =
            "/numbers%2F%2B1415/_all_docs?buffer_response=true&limit=1000&include_docs=true";
        assert_eq!(
            paths(FloorRead::NumberDatabases),
            [[
                buffered.to_owned(),
                format!("{buffered}&startkey=%22%2B14151000%22"),
                format!("{buffered}&startkey=%22%2B14152000%22"),
            ]]
        );
        assert_eq!(
            paths(FloorRead::IdsOfNumberDatabases),
            [["/numbers%2F%2B1415/_all_docs?buffer_response=true&limit=10000"]]
        );
        assert_eq!(
            paths(FloorRead::IdsOfNumbersOfAccounts),
            [[
                "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/_all_docs?buffer_response=true&limit=10000\
                 &startkey=%22%2B%22&endkey=%22%2C%22&inclusive_end=false"
            ]]
        );
        assert_eq!(
            paths(FloorRead::AnyNumbersOfAccounts),
            [[
                "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/_all_docs/queries\
                 ?buffer_response=true"
            ]]
        );
    }
}
