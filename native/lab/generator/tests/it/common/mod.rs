//! An independent audit, based on the documents alone. It must find exactly the drift that the
//! generator lists.
use std::collections::{BTreeMap, BTreeSet};

use exact_json::Value;
use kazoo_numbers_generator::names::{account_database, is_account_id, number_database};
use kazoo_numbers_generator::{Cluster, Document, DriftKind};

/// A kind, the number, its account, and the database with the error.
pub type Fact = (DriftKind, String, Option<String>, String);

pub fn text<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    document.get(key).and_then(Value::as_str)
}

pub fn is_live_number(document: &Document) -> bool {
    let digits = text(document, "_id").and_then(|id| id.strip_prefix('+'));
    let is_number = digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()));
    let is_typed = text(document, "pvt_type") == Some("number");
    (is_typed || is_number && !document.contains_key("pvt_type"))
        && document.get("pvt_deleted") != Some(&Value::Bool(true))
}

pub fn assigned(document: &Document) -> Option<String> {
    let id = text(document, "pvt_assigned_to")?.to_lowercase();
    is_account_id(&id).then_some(id)
}

/// The numbers that an account's documents use, with the applications.
pub fn usage(cluster: &Cluster, account: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut used: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let Some(database) = cluster.databases.get(&account_database(account)) else {
        return used;
    };
    let mut note = |number: &str, application| {
        let digits = number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit());
        let spelled = if digits {
            format!("+1{number}")
        } else {
            String::from(number)
        };
        for number in [spelled.as_str(), number] {
            used.entry(String::from(number))
                .or_default()
                .insert(application);
        }
    };
    for document in database.documents.values() {
        if document.get("pvt_deleted") == Some(&Value::Bool(true)) {
            continue;
        }
        match text(document, "pvt_type") {
            Some("callflow") => {
                let numbers = document.get("numbers").and_then(Value::as_array);
                for number in numbers.into_iter().flatten().filter_map(Value::as_str) {
                    note(number, "callflow");
                }
            }
            Some("sys_info") => {
                let servers: Vec<&Value> = match document.get("servers") {
                    Some(Value::Array(servers)) => servers.iter().collect(),
                    Some(Value::Object(servers)) => servers.values().collect(),
                    _ => Vec::new(),
                };
                for server in servers {
                    assert_eq!(
                        server.get("enabled"),
                        server.pointer("/options/enabled"),
                        "both places of `enabled` say the same"
                    );
                    let disabled = ["false", "0", "0.0", "\"\""];
                    let enabled = server.get("enabled").map(Value::to_string);
                    if enabled.is_some_and(|enabled| disabled.contains(&enabled.as_str())) {
                        continue;
                    }
                    let dids = server.get("DIDs").and_then(Value::as_object);
                    for did in dids.into_iter().flat_map(|dids| dids.keys()) {
                        note(did, "trunkstore");
                    }
                }
            }
            _ => {}
        }
    }
    used
}

fn used_by_is_wrong(
    document: &Document,
    usage: &BTreeMap<String, BTreeSet<&'static str>>,
    number: &str,
) -> bool {
    let applications = usage.get(number);
    if applications.is_some_and(|all| all.len() > 1) {
        return false;
    }
    let right = applications.and_then(|all| all.first()).copied();
    match (document.get("pvt_used_by"), right) {
        (None, None) => false,
        (Some(here), Some(right)) => here.as_str() != Some(right),
        _ => true,
    }
}

/// All drift, with the fields of differing copies.
pub fn audit(cluster: &Cluster) -> BTreeMap<Fact, Vec<String>> {
    let mut facts: BTreeMap<Fact, Vec<String>> = BTreeMap::new();
    let usages: BTreeMap<String, _> = cluster
        .account_databases()
        .filter_map(kazoo_numbers_generator::names::account_of_database)
        .map(|id| (id.clone(), usage(cluster, &id)))
        .collect();
    let mut state = |kind, database: &str, number: &str, account: Option<&str>, fields| {
        let database = String::from(database);
        let fact = (
            kind,
            String::from(number),
            account.map(String::from),
            database,
        );
        assert_eq!(facts.insert(fact, fields), None, "one fact once");
    };
    let live = |database: &str, number: &str| {
        let document = cluster.document(database, number);
        document.filter(|document| is_live_number(document))
    };

    for name in cluster.number_databases() {
        let database = &cluster.databases[name];
        for (number, document) in &database.documents {
            if !is_live_number(document) {
                continue;
            }
            let account = assigned(document);
            let special = ["numbers/inum", "numbers/managed"].contains(&name);
            let mut wrong = |kind| state(kind, name, number, account.as_deref(), vec![]);
            if number_database(number) != name && !special {
                wrong(DriftKind::Misfiled);
                continue;
            }
            if database.conflicts.contains_key(number) {
                wrong(DriftKind::Conflicted);
            }
            let Some(account) = &account else {
                let odd = document
                    .get("pvt_assigned_to")
                    .is_some_and(|v| !v.is_null());
                if odd {
                    wrong(DriftKind::OddAssignment);
                } else if document.get("pvt_used_by").is_some() {
                    wrong(DriftKind::UnassignedButUsed);
                }
                continue;
            };
            let home = number_database(number);
            let mut others = ["numbers/inum", "numbers/managed", &home]
                .into_iter()
                .filter_map(|other| assigned(live(other, number)?));
            if others.any(|other| other != *account) {
                wrong(DriftKind::Contested);
            }
            let copies = account_database(account);
            let Some(usage) = usages.get(account) else {
                let kind = DriftKind::AccountMissing;
                state(kind, &copies, number, Some(account), vec![]);
                continue;
            };
            if used_by_is_wrong(document, usage, number) {
                wrong(DriftKind::WrongUsedByInNumberDatabase);
            }
            match cluster.document(&copies, number) {
                None => {
                    let kind = DriftKind::MissingCopy;
                    state(kind, &copies, number, Some(account), vec![]);
                }
                Some(copy) if copy != document => {
                    let keys: BTreeSet<&String> = copy.keys().chain(document.keys()).collect();
                    let differ = keys
                        .into_iter()
                        .filter(|key| copy.get(*key) != document.get(*key));
                    let fields = differ.cloned().collect();
                    let kind = DriftKind::DifferingCopy;
                    state(kind, &copies, number, Some(account), fields);
                }
                Some(_) => {}
            }
        }
    }
    for (account, usage) in &usages {
        let name = account_database(account);
        let database = &cluster.databases[&name];
        for (number, document) in &database.documents {
            if !is_live_number(document) {
                continue;
            }
            let mut wrong = |kind| state(kind, &name, number, Some(account), vec![]);
            let own = assigned(document);
            let is_own = own.as_ref() == Some(account);
            if own.is_some() && !is_own {
                wrong(DriftKind::WrongAccount);
            }
            if used_by_is_wrong(document, usage, number) {
                wrong(DriftKind::WrongUsedByInAccount);
            }
            if database.conflicts.contains_key(number) {
                wrong(DriftKind::Conflicted);
            }
            let home = number_database(number);
            let places = ["numbers/inum", "numbers/managed", &home];
            let there: Vec<&Document> = places
                .into_iter()
                .filter_map(|place| cluster.document(place, number))
                .collect();
            let rivals = usages.keys().filter(|other| {
                let copy = live(&account_database(other), number);
                copy.and_then(assigned).as_ref() == Some(other)
            });
            if there.is_empty() && rivals.count() > 1 {
                wrong(DriftKind::Contested);
            } else if there.is_empty() {
                wrong(DriftKind::OnlyInAccount);
            }
            let mut there = there.into_iter().filter(|held| is_live_number(held));
            let is_odd = |held: &&Document| {
                let value = held.get("pvt_assigned_to");
                assigned(held).is_none() && value.is_some_and(|value| !value.is_null())
            };
            let nobodys = own.is_none() && !is_odd(&document);
            if is_odd(&document) {
                wrong(DriftKind::OddAssignment);
            }
            let held = there.clone().filter(|held| !is_odd(held)).count() > 0;
            let held_here = there.any(|held| assigned(held).as_ref() == Some(account));
            if (is_own || nobodys) && held && !held_here {
                wrong(DriftKind::FormerAccount);
            }
        }
    }
    facts
}
