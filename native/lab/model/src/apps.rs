//! The application of an account that uses a number, and the field `pvt_used_by`.

use std::collections::BTreeSet;

use exact_json::Value;
use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, CopySource},
    numbers,
    outcome::Warning,
    run_state::RunState,
};

/// The numbers that an account's documents name.
struct AccountUsage {
    callflow: BTreeSet<String>,
    trunkstore: BTreeSet<String>,
}

/// `None` if the account's database is missing: the usage is then unknown.
fn usage(run: &RunState, account: &str) -> Option<AccountUsage> {
    let mut usage = AccountUsage {
        callflow: BTreeSet::new(),
        trunkstore: BTreeSet::new(),
    };
    for document in run.cluster.databases.get(account)?.documents.values() {
        if document.get("pvt_deleted") == Some(&Value::Bool(true)) {
            continue;
        }
        match document.get("pvt_type").and_then(Value::as_str) {
            Some("callflow") => usage.callflow.extend(numbers_of_callflow(document)),
            Some("sys_info") => usage.trunkstore.extend(dids(document)),
            _ => {}
        }
    }
    for numbers in [&mut usage.callflow, &mut usage.trunkstore] {
        let normalised: Vec<String> = numbers.iter().map(|raw| run.normalised(raw)).collect();
        numbers.extend(normalised);
    }
    Some(usage)
}

/// The documents of an account that use a number: application and id.
pub(crate) fn uses(
    run: &RunState,
    account: &str,
    number: &str,
) -> BTreeSet<(&'static str, String)> {
    let mut uses = BTreeSet::new();
    let Some(database) = run.cluster.databases.get(account) else {
        return uses;
    };
    for (id, document) in &database.documents {
        if document.get("pvt_deleted") == Some(&Value::Bool(true)) {
            continue;
        }
        let (application, named) = match document.get("pvt_type").and_then(Value::as_str) {
            Some("callflow") => ("callflow", numbers_of_callflow(document)),
            Some("sys_info") => ("trunkstore", dids(document)),
            _ => continue,
        };
        let is_number = |raw: &String| raw == number || run.normalised(raw) == number;
        if named.iter().any(is_number) {
            uses.insert((application, id.clone()));
        }
    }
    uses
}

fn numbers_of_callflow(document: &Document) -> Vec<String> {
    let numbers = document.get("numbers").and_then(Value::as_array);
    numbers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn dids(document: &Document) -> Vec<String> {
    let servers: Vec<&Value> = match document.get("servers") {
        Some(Value::Array(servers)) => servers.iter().collect(),
        Some(Value::Object(servers)) => servers.values().collect(),
        _ => Vec::new(),
    };
    servers
        .into_iter()
        .filter(|server| !server.get("enabled").is_some_and(equals_false))
        .filter_map(|server| server.get("DIDs")?.as_object())
        .flat_map(|dids| dids.keys().cloned())
        .collect()
}

/// Whether JavaScript's `value == false` holds. It compares both as numbers; `null` equals only
/// `null` and `undefined`.
fn equals_false(value: &Value) -> bool {
    match value {
        Value::Null | Value::Object(_) => false,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => is_zero(&number.to_string()),
        Value::String(text) => is_zero(text),
        Value::Array(_) => is_zero(&as_text(value)),
    }
}

/// Whether JavaScript converts a text to the number 0. It converts an empty text to 0.
fn is_zero(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let lower = text.to_ascii_lowercase();
    let radix = ["0x", "0o", "0b"];
    if let Some(digits) = radix.iter().find_map(|start| lower.strip_prefix(start)) {
        return !digits.is_empty() && digits.bytes().all(|digit| digit == b'0');
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    text.is_empty() || is_number && text.parse().is_ok_and(|number: f64| number == 0.0)
}

/// JavaScript's text of a value that is an element of a list.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".to_owned(),
        other => other.to_string(),
    }
}

/// The correct value of `pvt_used_by`.
enum UsedBy {
    /// The account's database is missing.
    Unknown,
    Both,
    Application(&'static str),
    Nothing,
}

fn used_by(run: &RunState, number: &str, account: &str) -> UsedBy {
    let Some(usage) = usage(run, account) else {
        return UsedBy::Unknown;
    };
    let by_callflow = usage.callflow.contains(number);
    let by_trunkstore = usage.trunkstore.contains(number);
    match (by_callflow, by_trunkstore) {
        (true, true) => UsedBy::Both,
        (true, false) => UsedBy::Application("callflow"),
        (false, true) => UsedBy::Application("trunkstore"),
        (false, false) => UsedBy::Nothing,
    }
}

/// Whether `pvt_used_by` differs from the known usage by `account`.
pub(crate) fn is_wrong(run: &RunState, document: &Document, number: &str, account: &str) -> bool {
    let found = document.get("pvt_used_by");
    match used_by(run, number, account) {
        UsedBy::Unknown | UsedBy::Both => false,
        UsedBy::Application(application) => found != Some(&Value::from(application)),
        UsedBy::Nothing => found.is_some(),
    }
}

/// Corrects `pvt_used_by` of one document by the usage of `account`.
fn fix(run: &mut RunState, database: &str, number: &str, account: &str) {
    let Some(mut document) = run.document(database, number) else {
        return;
    };
    let is_wrong = is_wrong(run, &document, number, account);
    match used_by(run, number, account) {
        UsedBy::Unknown => {
            run.fail(account, "app_usage-db_not_found", number);
            return;
        }
        UsedBy::Both => run.warn(Warning::UsedByBoth(database.to_owned(), number.to_owned())),
        UsedBy::Application(application) => {
            document.insert("pvt_used_by".to_owned(), Value::from(application));
        }
        UsedBy::Nothing => {
            document.shift_remove("pvt_used_by");
        }
    }
    if is_wrong {
        run.write(database, number, document);
    } else {
        run.unchanged();
    }
}

/// All number documents in these account databases.
pub(crate) fn for_account_dbs(run: &mut RunState, accounts: &[String]) {
    for account in accounts {
        for (number, _) in numbers::live_numbers(&run.cluster, account) {
            fix(run, account, &number, account);
        }
    }
}

/// The given numbers in one account database.
pub(crate) fn for_numbers_in_account_db(run: &mut RunState, account: &str, given: &[String]) {
    for number in run.normalise_all(given, Some(account)) {
        if numbers::live_number(&run.cluster, account, &number).is_some() {
            fix(run, account, &number, account);
        } else {
            run.fail(account, "open_doc-not_found", &number);
        }
    }
}

/// The assigned documents in these number databases.
pub(crate) fn for_number_dbs(run: &mut RunState, databases: &[String]) {
    for source in copies::assigned_numbers(run, databases, |_| true) {
        for_source(run, &source);
    }
}

/// The documents in all number databases that are assigned to one of these accounts.
pub(crate) fn in_number_dbs_for_accounts(run: &mut RunState, accounts: &[String]) {
    let databases = run.all_number_databases();
    let is_wanted = |account: &str| accounts.iter().any(|wanted| wanted == account);
    for source in copies::assigned_numbers(run, &databases, is_wanted) {
        for_source(run, &source);
    }
}

/// The given numbers in their number databases.
pub(crate) fn for_numbers_in_number_dbs(run: &mut RunState, given: &[String]) {
    for number in run.normalise_all(given, None) {
        if let Some(source) = copies::assigned_number(run, &number) {
            for_source(run, &source);
        }
    }
}

pub(crate) fn for_source(run: &mut RunState, source: &CopySource) {
    fix(run, &source.database, &source.number, &source.account);
}
