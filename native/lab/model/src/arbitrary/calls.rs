//! Commands for a given cluster.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Cluster;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    call::{Argument, Call, FUNCTIONS, OTHER_FUNCTIONS},
    names, numbers,
};

const UNKNOWN_ACCOUNT: &str = "dd000000000000000000000000000004";
const UNKNOWN_NUMBER_DATABASE: &str = "numbers/+1999";

/// The meaning of a parameter.
#[derive(Clone, Copy)]
enum ParameterKind {
    Account,
    Accounts,
    NumberDatabase,
    NumberDatabases,
    Number,
    Numbers,
    Prefix,
    Source,
    Target,
    Feature,
    DatabaseOrNumber,
}

/// A call of any function that the model implements.
pub fn call(cluster: &Cluster) -> BoxedStrategy<Call> {
    let functions: Vec<BoxedStrategy<Call>> = FUNCTIONS
        .iter()
        .chain(&OTHER_FUNCTIONS)
        .map(|(function, arity)| call_of(function, *arity, cluster))
        .collect();
    proptest::strategy::Union::new(functions).boxed()
}

/// A call of one function with random arguments.
pub fn call_of(function: &'static str, arity: usize, cluster: &Cluster) -> BoxedStrategy<Call> {
    let arguments: Vec<BoxedStrategy<Argument>> = arguments_of(function, arity)
        .iter()
        .map(|names| argument(*names, cluster))
        .collect();
    arguments
        .prop_map(move |arguments| Call::new(function, arguments))
        .boxed()
}

fn arguments_of(function: &str, arity: usize) -> &'static [ParameterKind] {
    match (function, arity) {
        (_, 0) => &[],
        ("carrier_module_usage" | "purge_deleted" | "purge_discovery", _) => {
            &[ParameterKind::Prefix]
        }
        ("migrate_unassigned_numbers", _) => &[ParameterKind::DatabaseOrNumber],
        ("add_allowed_feature_on_system_config" | "remove_allowed_feature_on_system_config", _) => {
            &[ParameterKind::Feature]
        }
        ("convert_carrier_module_number", _) => &[ParameterKind::Number, ParameterKind::Target],
        ("convert_carrier_module", 3) => &[
            ParameterKind::Source,
            ParameterKind::Target,
            ParameterKind::Prefix,
        ],
        ("convert_carrier_module", _) => &[ParameterKind::Source, ParameterKind::Target],
        (
            "copy_accounts_to_number_dbs"
            | "fix_apps_for_account_dbs"
            | "fix_apps_in_number_dbs_for_accounts",
            _,
        ) => &[ParameterKind::Accounts],
        ("copy_number_dbs_to_accounts" | "fix_apps_for_number_dbs", _) => {
            &[ParameterKind::NumberDatabases]
        }
        (
            "copy_single_number_db_to_accounts"
            | "fix_apps_for_single_number_db"
            | "destructively_remove_from_single_numdb_if_not_in_accountdb",
            _,
        ) => &[ParameterKind::NumberDatabase],
        ("copy_single_assigned_number_db_to_account", _) => {
            &[ParameterKind::Account, ParameterKind::NumberDatabase]
        }
        ("copy_number_from_accountdb_to_numbdb" | "fix_number", _) => {
            &[ParameterKind::Account, ParameterKind::Number]
        }
        (
            "copy_numbers_from_accountdb_to_numbdbs"
            | "fix_numbers"
            | "fix_numbers_apps_in_accountdb",
            _,
        ) => &[ParameterKind::Account, ParameterKind::Numbers],
        ("copy_number_from_db_to_assigned_account", _) => &[ParameterKind::Number],
        ("copy_numbers_from_dbs_to_assigned_accounts" | "fix_numbers_apps_in_numbdb", _) => {
            &[ParameterKind::Numbers]
        }
        ("copy_single_number_to_account_db", _) => &[ParameterKind::Number, ParameterKind::Account],
        _ => &[ParameterKind::Account],
    }
}

fn argument(names: ParameterKind, cluster: &Cluster) -> BoxedStrategy<Argument> {
    match names {
        ParameterKind::Account => text_argument(account(cluster)),
        ParameterKind::Accounts => list_argument(account(cluster)),
        ParameterKind::NumberDatabase => text_argument(number_database(cluster)),
        ParameterKind::NumberDatabases => list_argument(number_database(cluster)),
        ParameterKind::Number => text_argument(number(cluster)),
        ParameterKind::Numbers => list_argument(number(cluster)),
        ParameterKind::Prefix => text_argument(prefix(cluster)),
        ParameterKind::DatabaseOrNumber => {
            text_argument(prop_oneof![number_database(cluster), number(cluster)])
        }
        ParameterKind::Feature => text_argument(feature()),
        ParameterKind::Source => text_argument(carrier()),
        ParameterKind::Target => {
            text_argument(prop_oneof![12 => carrier(), 1 => Just("knm_bandwid".to_owned())])
        }
    }
}

fn text_argument(text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Argument> {
    text.prop_map(Argument::Text).boxed()
}

/// A list, or sometimes a single name instead of a list.
fn list_argument(text: BoxedStrategy<String>) -> BoxedStrategy<Argument> {
    prop_oneof![
        9 => vec(text.clone(), 0..6).prop_map(Argument::List),
        1 => text.prop_map(Argument::Text),
    ]
    .boxed()
}

fn account(cluster: &Cluster) -> BoxedStrategy<String> {
    let mut databases: Vec<String> = cluster
        .databases
        .keys()
        .filter(|name| names::is_account_database(name))
        .cloned()
        .collect();
    let unknown = names::database_of_account(UNKNOWN_ACCOUNT);
    // Documents may name accounts without a database.
    databases.push(unknown.clone());
    let known = select(databases);
    let database = prop_oneof![8 => known, 1 => Just(unknown)];
    let forms = (database, 0..6_u8).prop_map(|(database, form)| match form {
        0 => names::account_id(&database),
        1 => database,
        2 => names::encoded(&database),
        3 => names::encoded(&database).replace("%2F", "%2f"),
        4 => format!("{database}-202601"),
        _ => names::encoded(&format!("{database}-2026")),
    });
    prop_oneof![40 => forms, 1 => bogus()].boxed()
}

fn number_database(cluster: &Cluster) -> BoxedStrategy<String> {
    let known = select(number_databases(cluster));
    let database = prop_oneof![8 => known, 1 => Just(UNKNOWN_NUMBER_DATABASE.to_owned())];
    let forms = (database, 0..4_u8).prop_map(|(database, form)| match form {
        0 => names::encoded(&database),
        1 => names::encoded(&database)
            .replace("%2F", "%2f")
            .replace("%2B", "%2b"),
        2 => match database.strip_prefix("numbers/") {
            Some(prefix) if prefix.starts_with('+') => prefix.to_owned(),
            _ => database,
        },
        _ => database,
    });
    prop_oneof![40 => forms, 1 => bogus()].boxed()
}

fn prefix(cluster: &Cluster) -> BoxedStrategy<String> {
    let known = select(number_databases(cluster)).prop_map(|database| {
        let rest = database.strip_prefix("numbers/").unwrap_or(&database);
        if rest.starts_with('+') {
            rest.to_owned()
        } else {
            database
        }
    });
    let cut = (known, 0..8_usize).prop_map(|(prefix, form)| match form {
        // Fewer characters match more databases; more characters match one.
        2..=4 if prefix.starts_with('+') => prefix.chars().take(form).collect(),
        5 if prefix.starts_with('+') => format!("{prefix}55"),
        // Without the plus, and a whole number.
        6 => prefix.trim_start_matches('+').to_owned(),
        7 if prefix.starts_with('+') => format!("{prefix}5550100"),
        _ => prefix,
    });
    let unknown = Just("+1999".to_owned());
    prop_oneof![10 => cut, 4 => number_database(cluster), 1 => unknown].boxed()
}

fn number_databases(cluster: &Cluster) -> Vec<String> {
    let mut databases: Vec<String> = cluster
        .databases
        .keys()
        .filter(|name| names::is_number_database(name))
        .cloned()
        .collect();
    if databases.is_empty() {
        databases.push(UNKNOWN_NUMBER_DATABASE.to_owned());
    }
    databases
}

fn number(cluster: &Cluster) -> BoxedStrategy<String> {
    let known: BTreeSet<String> = cluster
        .databases
        .values()
        .flat_map(|database| &database.documents)
        .filter(|(id, document)| numbers::is_number(document) || id.starts_with('+'))
        .map(|(id, _)| id.clone())
        .chain(["+14155550199".to_owned()])
        .collect();
    let known = select(known.into_iter().collect::<Vec<_>>());
    let forms = (known, 0..6_u8).prop_map(|(number, form)| {
        let typed = match form {
            0 => number.strip_prefix("+1"),
            1 => number.strip_prefix('+'),
            _ => None,
        };
        match (typed, form) {
            (Some(typed), _) => typed.to_owned(),
            (None, 2) if !number.starts_with("+1") && number.starts_with('+') => {
                format!("011{}", &number[1..])
            }
            (None, 3) if number.starts_with('+') => neighbour(&number),
            _ => number,
        }
    });
    let invalid = select(vec!["911", "12", "", "anonymous", "+1", "*97", "bogus42"]);
    prop_oneof![12 => forms, 1 => invalid.prop_map(str::to_owned)].boxed()
}

/// Another number in the same database, which may not exist.
fn neighbour(number: &str) -> String {
    let mut characters: Vec<char> = number.chars().collect();
    let last = match characters.pop() {
        Some('0') => '1',
        Some('1') => '2',
        _ => '0',
    };
    characters.push(last);
    characters.into_iter().collect()
}

fn carrier() -> impl Strategy<Value = String> + Clone {
    select(vec![
        "knm_local",
        "knm_mdn",
        "knm_bandwidth",
        "knm_bandwidth2",
        "knm_telnyx",
    ])
    .prop_map(str::to_owned)
}

fn feature() -> impl Strategy<Value = String> {
    select(vec!["carrier_name", "cnam", "mms", "port", "sms", "local"]).prop_map(str::to_owned)
}

fn bogus() -> impl Strategy<Value = String> {
    select(vec![
        "bogus",
        "",
        "account/../_users",
        "account/aa/00/0000",
        "aa0000000000000000000000000000g1",
        "numbers/",
        "_users",
    ])
    .prop_map(str::to_owned)
}
