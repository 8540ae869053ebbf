//! An audit of our own, written from the documents' point of view and not from the generator's:
//! what it finds must be what the generator says it broke.
use std::collections::{BTreeMap, BTreeSet};

use exact_json::Value;
use kazoo_numbers_generator::names::{account_database, is_account_id, number_database};
use kazoo_numbers_generator::{Cluster, Document, DriftKind};

pub type Fact = (DriftKind, String, Option<String>);

pub fn text<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    document.get(key).and_then(Value::as_str)
}

pub fn is_live_number(document: &Document) -> bool {
    text(document, "pvt_type") == Some("number")
        && document.get("pvt_deleted") != Some(&Value::Bool(true))
}

pub fn assigned(document: &Document) -> Option<String> {
    let id = text(document, "pvt_assigned_to")?.to_lowercase();
    is_account_id(&id).then_some(id)
}

/// What an account's documents use: numbers with the applications.
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
                    if server.get("enabled") == Some(&Value::Bool(false)) {
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

/// Every fact, and the fields of differing copies.
pub fn audit(cluster: &Cluster) -> BTreeMap<Fact, Vec<String>> {
    let mut facts: BTreeMap<Fact, Vec<String>> = BTreeMap::new();
    let usages: BTreeMap<String, _> = cluster
        .account_databases()
        .filter_map(kazoo_numbers_generator::names::account_of_database)
        .map(|id| (id.clone(), usage(cluster, &id)))
        .collect();
    let mut state = |kind, number: &str, account: Option<&str>, fields: Vec<String>| {
        let known = facts.insert(
            (kind, String::from(number), account.map(String::from)),
            fields,
        );
        assert_eq!(known, None, "one fact once");
    };

    for name in cluster.number_databases() {
        for (number, document) in &cluster.databases[name].documents {
            if !is_live_number(document) {
                continue;
            }
            let account = assigned(document);
            let special = ["numbers/inum", "numbers/managed"].contains(&name);
            if number_database(number) != name && !special {
                state(DriftKind::Misfiled, number, account.as_deref(), vec![]);
                continue;
            }
            let Some(account) = account else {
                if document.get("pvt_used_by").is_some() {
                    state(DriftKind::UnassignedButUsed, number, None, vec![]);
                }
                continue;
            };
            let Some(usage) = usages.get(&account) else {
                state(DriftKind::AccountMissing, number, Some(&account), vec![]);
                continue;
            };
            if used_by_is_wrong(document, usage, number) {
                let kind = DriftKind::WrongUsedByInNumberDatabase;
                state(kind, number, Some(&account), vec![]);
            }
            match cluster.document(&account_database(&account), number) {
                None => state(DriftKind::MissingCopy, number, Some(&account), vec![]),
                Some(copy) if copy != document => {
                    let keys: BTreeSet<&String> = copy.keys().chain(document.keys()).collect();
                    let differ = keys
                        .into_iter()
                        .filter(|key| copy.get(*key) != document.get(*key));
                    let fields = differ.cloned().collect();
                    state(DriftKind::DifferingCopy, number, Some(&account), fields);
                }
                Some(_) => {}
            }
        }
    }
    for (account, usage) in &usages {
        let database = &cluster.databases[&account_database(account)];
        for (number, document) in &database.documents {
            if !is_live_number(document) {
                continue;
            }
            let own = assigned(document);
            let wrong = own.as_ref().is_some_and(|own| own != account);
            if wrong {
                state(DriftKind::WrongAccount, number, Some(account), vec![]);
            }
            if used_by_is_wrong(document, usage, number) {
                let kind = DriftKind::WrongUsedByInAccount;
                state(kind, number, Some(account), vec![]);
            }
            match cluster.document(&number_database(number), number) {
                None => state(DriftKind::OnlyInAccount, number, Some(account), vec![]),
                Some(authority) => {
                    let there = assigned(authority);
                    let other = there.is_some_and(|there| there != *account);
                    if other && own.as_ref() == Some(account) {
                        state(DriftKind::FormerAccount, number, Some(account), vec![]);
                    }
                }
            }
        }
    }
    facts
}
