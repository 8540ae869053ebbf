//! Which application of an account uses a number, and what its documents say about that.

use std::collections::BTreeSet;

use exact_json::Value;
use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, Source},
    numbers,
    outcome::Warning,
    work::Work,
};

/// The numbers that an account's own documents name.
struct Usage {
    callflow: BTreeSet<String>,
    trunkstore: BTreeSet<String>,
}

/// `None` when the account's database is missing: then nobody knows.
fn usage(work: &Work, account: &str) -> Option<Usage> {
    let mut usage = Usage {
        callflow: BTreeSet::new(),
        trunkstore: BTreeSet::new(),
    };
    for document in work.cluster.databases.get(account)?.documents.values() {
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
        let normalised: Vec<String> = numbers.iter().map(|raw| work.normalised(raw)).collect();
        numbers.extend(normalised);
    }
    Some(usage)
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

/// Whether JavaScript's `==` takes a value for equal to `false`: it compares both as numbers.
/// `null` equals nothing but itself.
fn equals_false(value: &Value) -> bool {
    match value {
        Value::Null | Value::Object(_) => false,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => is_zero(&number.to_string()),
        Value::String(text) => is_zero(text),
        Value::Array(_) => is_zero(&as_text(value)),
    }
}

/// Whether JavaScript reads a text as the number 0, as which it reads an empty one.
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

/// A value as JavaScript makes text of it when it stands in a list.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".to_owned(),
        other => other.to_string(),
    }
}

/// What `pvt_used_by` has to be.
enum UsedBy {
    /// The account's database is missing.
    Unknown,
    Both,
    Application(&'static str),
    Nothing,
}

fn used_by(work: &Work, number: &str, account: &str) -> UsedBy {
    let Some(usage) = usage(work, account) else {
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

/// Whether `pvt_used_by` is known to be other than what `account` uses the number for.
pub(crate) fn is_wrong(work: &Work, document: &Document, number: &str, account: &str) -> bool {
    let found = document.get("pvt_used_by");
    match used_by(work, number, account) {
        UsedBy::Unknown | UsedBy::Both => false,
        UsedBy::Application(application) => found != Some(&Value::from(application)),
        UsedBy::Nothing => found.is_some(),
    }
}

/// Decides about `pvt_used_by` of one document, by what `account` uses.
fn fix(work: &mut Work, database: &str, number: &str, account: &str) {
    let Some(mut document) = work.document(database, number) else {
        return;
    };
    let is_wrong = is_wrong(work, &document, number, account);
    match used_by(work, number, account) {
        UsedBy::Unknown => {
            work.fail(account, "app_usage-db_not_found", number);
            return;
        }
        UsedBy::Both => work.warn(Warning::UsedByBoth(database.to_owned(), number.to_owned())),
        UsedBy::Application(application) => {
            document.insert("pvt_used_by".to_owned(), Value::from(application));
        }
        UsedBy::Nothing => {
            document.shift_remove("pvt_used_by");
        }
    }
    if is_wrong {
        work.write(database, number, document);
    } else {
        work.unchanged();
    }
}

/// All number documents of these account databases.
pub(crate) fn for_account_dbs(work: &mut Work, accounts: &[String]) {
    for account in accounts {
        for (number, _) in numbers::live_numbers(&work.cluster, account) {
            fix(work, account, &number, account);
        }
    }
}

/// The given numbers of one account database.
pub(crate) fn for_numbers_in_account_db(work: &mut Work, account: &str, given: &[String]) {
    for number in work.numbers_of(given, Some(account)) {
        if numbers::live_number(&work.cluster, account, &number).is_some() {
            fix(work, account, &number, account);
        } else {
            work.fail(account, "open_doc-not_found", &number);
        }
    }
}

/// The assigned documents of these number databases.
pub(crate) fn for_number_dbs(work: &mut Work, databases: &[String]) {
    for source in copies::assigned_numbers(work, databases, |_| true) {
        for_source(work, &source);
    }
}

/// The documents of all number databases that are assigned to one of these accounts.
pub(crate) fn in_number_dbs_for_accounts(work: &mut Work, accounts: &[String]) {
    let databases = work.all_number_databases();
    let is_wanted = |account: &str| accounts.iter().any(|wanted| wanted == account);
    for source in copies::assigned_numbers(work, &databases, is_wanted) {
        for_source(work, &source);
    }
}

/// The given numbers in their number databases.
pub(crate) fn for_numbers_in_number_dbs(work: &mut Work, given: &[String]) {
    for number in work.numbers_of(given, None) {
        if let Some(source) = copies::assigned_number(work, &number) {
            for_source(work, &source);
        }
    }
}

pub(crate) fn for_source(work: &mut Work, source: &Source) {
    fix(work, &source.database, &source.number, &source.account);
}
