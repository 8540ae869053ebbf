//! Properties of the model for any cluster and any command.

use kazoo_numbers_testkit::cases;
use std::collections::BTreeSet;

use kazoo_numbers_generator::{Cluster, Options, generate};
use kazoo_numbers_model::{Call, FUNCTIONS, Now, OTHER_FUNCTIONS, Returned, arbitrary, run};
use proptest::{prelude::*, strategy::ValueTree};

/// Small clusters with many collisions, and realistic clusters with ugliness.
fn cluster_and_call() -> impl Strategy<Value = (Cluster, Call)> {
    let lifelike = any::<u64>().prop_map(|seed| generate(&Options::tiny(seed)).cluster);
    prop_oneof![3 => arbitrary::cluster(), 1 => lifelike].prop_flat_map(|cluster| {
        let call = arbitrary::call(&cluster);
        (Just(cluster), call)
    })
}

fn is_number_writer(function: &str) -> bool {
    !function.starts_with("reset_")
        && !function.ends_with("_on_system_config")
        && !function.starts_with("ensure_")
}

proptest! {
    #![proptest_config(cases::config(1000))]

    #[test]
    fn second_run_writes_nothing_for_any_command((cluster, call) in cluster_and_call()) {
        let first = run(&cluster, &call, Now::at(1_700_000_000));
        let second = run(&first.cluster, &call, Now::at(1_800_000_000));
        prop_assert_eq!(&second.cluster, &first.cluster);
        let written = second.counts.created + second.counts.updated + second.counts.deleted;
        prop_assert_eq!(written, 0);
        prop_assert!(second.services.is_empty());
    }

    #[test]
    fn command_changes_only_documents_it_may_change((cluster, call) in cluster_and_call()) {
        let after = run(&cluster, &call, Now::marker()).cluster;
        for (name, database) in &cluster.databases {
            let found = &after.databases[name];
            if name.contains("-20") {
                prop_assert_eq!(found, database);
            }
            for (id, document) in &database.documents {
                let kind = document.get("pvt_type");
                let is_number = kind.is_none() || kind.and_then(|kind| kind.as_str()) == Some("number");
                if !is_number && is_number_writer(&call.function) {
                    prop_assert_eq!(found.documents.get(id), Some(document));
                }
            }
        }
        for name in after.databases.keys() {
            if !cluster.databases.contains_key(name) {
                prop_assert!(name.starts_with("numbers/") || name == "system_config");
                prop_assert!(after.databases[name].documents.len() > 1 || name == "system_config");
            }
        }
    }

    #[test]
    fn returned_term_follows_from_failures((cluster, call) in cluster_and_call()) {
        let outcome = run(&cluster, &call, Now::marker());
        let has_failed = !outcome.failures.is_empty();
        prop_assert_eq!(has_failed, outcome.counts.failed > 0);
        match outcome.returned {
            Returned::Ok | Returned::NoReturn | Returned::OkValue(_) => prop_assert!(!has_failed),
            Returned::Refused => prop_assert_eq!(&outcome.cluster, &cluster),
            Returned::NoReturnCode(_) | Returned::ErrorValue(_) => {
                prop_assert!(has_failed || outcome.cluster == cluster);
            }
        }
    }
}

/// The most cases of a function. A few results are rare.
const MOST_CASES: usize = 1000;

/// A function, or "reason" or "returned", and a result of it.
type Reached = BTreeSet<(String, String)>;

/// The strategies reach every function and every kind of result.
#[test]
fn strategies_reach_every_result() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let functions: Vec<(&'static str, usize)> =
        FUNCTIONS.into_iter().chain(OTHER_FUNCTIONS).collect();
    let mut missing = wanted(&functions);
    for turn in 0..functions.len() * MOST_CASES {
        let (function, arity) = functions[turn % functions.len()];
        let (cluster, call) = arbitrary::cluster()
            .prop_flat_map(|cluster| {
                let call = arbitrary::call_of(function, arity, &cluster);
                (Just(cluster), call)
            })
            .new_tree(&mut runner)
            .expect("a case")
            .current();
        for one in reached(&cluster, call) {
            missing.remove(&one);
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("never: {missing:?}");
}

fn wanted(functions: &[(&'static str, usize)]) -> Reached {
    let mut wanted = Reached::new();
    for (function, arity) in functions {
        let results = results_of(function).iter().map(|what| (*what).to_owned());
        let results = results.chain([arity.to_string()]);
        wanted.extend(results.map(|what| ((*function).to_owned(), what)));
    }
    let reasons = REASONS.map(|reason| ("reason".to_owned(), reason.to_owned()));
    let returned = RETURNED.map(|term| ("returned".to_owned(), term.to_owned()));
    wanted.into_iter().chain(reasons).chain(returned).collect()
}

fn reached(cluster: &Cluster, call: Call) -> Reached {
    let mut reached = Reached::new();
    let outcome = run(cluster, &call, Now::marker());
    let counts = outcome.counts;
    for (what, count) in [
        ("unchanged", counts.unchanged),
        ("created", counts.created),
        ("updated", counts.updated),
        ("deleted", counts.deleted),
        ("failed", counts.failed),
    ] {
        if count > 0 {
            reached.insert((call.function.clone(), what.to_owned()));
        }
    }
    let returned = format!("{:?}", outcome.returned);
    let returned = returned.split('(').next().expect("a name").to_owned();
    reached.insert(("returned".to_owned(), returned));
    reached.insert((call.function, call.arguments.len().to_string()));
    for failure in outcome.failures.values() {
        for reason in failure.failed.keys().chain(&failure.last_error) {
            reached.insert(("reason".to_owned(), reason.clone()));
        }
    }
    reached
}

/// The results that the cases of a function must reach.
fn results_of(function: &str) -> &'static [&'static str] {
    match function {
        "carrier_module_usage" => &[],
        _ if function.starts_with("copy_accounts") => &["unchanged", "created", "failed"],
        _ if function.starts_with("copy_number_from_account")
            || function.starts_with("copy_numbers_from_account")
            || function.starts_with("copy_single_account") =>
        {
            &["unchanged", "created", "failed"]
        }
        "copy_single_assigned_number_db_to_account" => &["unchanged", "created", "updated"],
        _ if function.starts_with("copy_") => &["unchanged", "created", "updated", "failed"],
        "fix_apps_for_single_account_db" => &["unchanged", "updated"],
        "fix_apps_in_number_dbs_for_single_account" => &["unchanged", "updated"],
        _ if function.starts_with("fix_apps") => &["unchanged", "updated"],
        "fix_numbers_apps_in_accountdb" | "fix_numbers_apps_in_numbdb" => {
            &["unchanged", "updated", "failed"]
        }
        "fix_account_db_numbers" => &["unchanged", "created", "updated", "deleted", "failed"],
        _ if function.starts_with("fix_") => {
            &["unchanged", "created", "updated", "deleted", "failed"]
        }
        _ if function.starts_with("remove_wrong_") => &["unchanged", "deleted"],
        "remove_former_copies" => &["unchanged", "deleted"],
        _ if function.starts_with("destructively_") => &["unchanged", "deleted", "failed"],
        _ if function.starts_with("convert_") => &["unchanged", "created", "updated", "failed"],
        _ if function.starts_with("purge_") => &["deleted", "failed"],
        "migrate_unassigned_numbers" => &["unchanged", "updated"],
        "feature_permissions_on_system_config" => &[],
        "ensure_adminonly_features_are_reachable" => &["updated"],
        // Without a list all features are allowed, so adding one never creates the document.
        "add_allowed_feature_on_system_config" => &["updated"],
        "remove_allowed_feature_on_system_config" => &["created", "updated"],
        _ => &["updated", "created"],
    }
}

/// The reasons of failures that the cases must reach.
const REASONS: [&str; 13] = [
    "save_docs-conflict",
    "save_docs-db_not_found",
    "open_doc-not_found",
    "open_doc-db_not_found",
    "app_usage-db_not_found",
    "no_number_db",
    "not_reconcilable",
    "not_assigned",
    "db_not_found",
    "not_found",
    "conflict",
    "contested",
    "conflicted",
];

/// The kinds of returned terms that the cases must reach.
const RETURNED: [&str; 6] = [
    "Ok",
    "NoReturn",
    "NoReturnCode",
    "Refused",
    "OkValue",
    "ErrorValue",
];
