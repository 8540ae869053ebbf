//! Forms of arguments, refusals, empty lists, normalisation.

use crate::support::{A, C, case, cluster, counts, number};
use exact_json::{Value, json};
use kazoo_numbers_model::{Argument, Call, Counts, FUNCTIONS, Now, Returned, run};

fn start() -> Value {
    json!({"A": {"+14155550100": number(A, json!({}))}, "+1415": {}, "+4420": {}})
}

#[test]
fn account_is_accepted_in_all_forms() {
    for form in [
        A,
        "AA000000000000000000000000000001",
        "account/aa/00/0000000000000000000000000001",
        "account%2Faa%2F00%2F0000000000000000000000000001",
        "account%2faa%2f00%2f0000000000000000000000000001",
        "account/aa/00/0000000000000000000000000001-202601",
        "account/aa/00/0000000000000000000000000001-2026",
        "account%2Faa%2F00%2F0000000000000000000000000001-202601",
    ] {
        case(start(), "copy_single_account_to_number_dbs", [form.into()])
            .counts(counts! { created: 1 })
            .succeeds();
    }
}

#[test]
fn number_database_is_accepted_in_all_forms() {
    let start = json!({"+1415": {"+14155550100": number(A, json!({}))}, "A": {}});
    for form in [
        "numbers%2F%2B1415",
        "numbers%2f%2b1415",
        "numbers/+1415",
        "+1415",
    ] {
        case(
            start.clone(),
            "copy_single_number_db_to_accounts",
            [form.into()],
        )
        .counts(counts! { created: 1 })
        .succeeds();
    }
    let start = json!({"numbers/inum": {"+883510000000001": number(A, json!({}))}, "A": {}});
    for form in ["numbers/inum", "numbers%2Finum"] {
        case(
            start.clone(),
            "copy_single_number_db_to_accounts",
            [form.into()],
        )
        .counts(counts! { created: 1 })
        .succeeds();
    }
}

#[test]
fn prefix_is_accepted_without_plus_and_whole_number_is_refused() {
    let start = json!({"+1415": {"+14155550100": number("", json!({}))},
        "numbers/14155": {"14155": number("", json!({}))}, "numbers/14166": {"141667": number("", json!({}))}});
    let usage = |prefix: &str| {
        let call = Call::new("carrier_module_usage", [Argument::from(prefix)]);
        run(&cluster(&start), &call, Now::marker())
    };
    for (prefix, databases) in [
        ("+14", 1),
        ("+1415", 1),
        ("+141555", 1),
        ("+", 1),
        ("14", 2),
        ("14155", 1),
        ("141", 2),
    ] {
        let outcome = usage(prefix);
        assert_eq!(outcome.returned, Returned::Ok, "{prefix}");
        let printed = outcome.output.unwrap_or_default();
        let shown = printed.iter().filter(|line| line.starts_with("numbers%2F"));
        assert_eq!(shown.count(), databases, "{prefix}: {printed:?}");
    }
    assert_eq!(usage("2").returned, Returned::NoReturnCode(2));
    for whole in ["+14155550100", "14155550100", "+44207183"] {
        assert_eq!(usage(whole).returned, Returned::Refused, "{whole}");
    }
}

#[test]
fn invalid_account_or_database_is_refused() {
    let bogus = [
        "bogus",
        "",
        "account",
        "account/aa/00/",
        "account/aa/00/000000000000000000000000000g",
        "aa0000000000000000000000000001",
        "account/aa/00/0000000000000000000000000001-20260",
        "numbers/",
        "numbers",
        "account/../_users",
    ];
    let refused = |function: &str, arguments: &[Argument]| {
        let cluster = cluster(&start());
        let call = Call::new(function, arguments.to_vec());
        let outcome = run(&cluster, &call, Now::marker());
        assert_eq!(outcome.returned, Returned::Refused, "{call}");
        assert_eq!(outcome.cluster, cluster, "{call}");
        assert!(outcome.failures.is_empty(), "{call}");
    };
    for text in bogus {
        let name = Argument::from(text);
        for function in [
            "copy_single_account_to_number_dbs",
            "copy_assigned_number_dbs_to_account",
            "copy_accounts_to_number_dbs",
            "fix_account_db_numbers",
            "fix_apps_for_single_account_db",
            "fix_apps_in_number_dbs_for_single_account",
            "remove_wrong_assigned_from_single_accountdb",
            "destructively_remove_from_single_account_db_if_not_in_numdb",
            "copy_single_number_db_to_accounts",
            "copy_number_dbs_to_accounts",
            "fix_apps_for_single_number_db",
            "destructively_remove_from_single_numdb_if_not_in_accountdb",
            "carrier_module_usage",
        ] {
            refused(function, std::slice::from_ref(&name));
        }
        // One invalid name refuses the whole list.
        refused("copy_accounts_to_number_dbs", &[[A, text].into()]);
        refused("fix_apps_in_number_dbs_for_accounts", &[[text, A].into()]);
        refused("copy_number_dbs_to_accounts", &[["+1415", text].into()]);
        refused("fix_number", &[name.clone(), "4155550100".into()]);
        refused("fix_numbers", &[name.clone(), ["4155550100"].into()]);
        refused(
            "convert_carrier_module",
            &["x".into(), "knm_local".into(), name.clone()],
        );
    }
    refused("copy_everything", &[]);
    refused("fix_number", &[A.into()]);
}

#[test]
fn missing_database_returns_code_2() {
    let absent = "+1999";
    for (function, arguments) in [
        ("copy_single_account_to_number_dbs", vec![C]),
        ("copy_assigned_number_dbs_to_account", vec![C]),
        (
            "copy_single_assigned_number_db_to_account",
            vec![C, "+1415"],
        ),
        ("copy_single_assigned_number_db_to_account", vec![A, absent]),
        (
            "copy_number_from_accountdb_to_numbdb",
            vec![C, "4155550100"],
        ),
        ("copy_single_number_db_to_accounts", vec![absent]),
        ("fix_account_db_numbers", vec![C]),
        ("fix_number", vec![C, "4155550100"]),
        ("fix_apps_for_single_account_db", vec![C]),
        ("fix_apps_for_single_number_db", vec![absent]),
        ("fix_apps_in_number_dbs_for_single_account", vec![C]),
        ("remove_wrong_assigned_from_single_accountdb", vec![C]),
        (
            "destructively_remove_from_single_account_db_if_not_in_numdb",
            vec![C],
        ),
        (
            "destructively_remove_from_single_numdb_if_not_in_accountdb",
            vec![absent],
        ),
        ("carrier_module_usage", vec![absent]),
        ("convert_carrier_module", vec!["x", "knm_local", absent]),
        ("convert_carrier_module", vec!["x", "knm_local", "+3"]),
    ] {
        let cluster = cluster(&start());
        let call = Call::new(function, arguments.into_iter().map(Argument::from));
        let outcome = run(&cluster, &call, Now::marker());
        assert_eq!(outcome.returned, Returned::NoReturnCode(2), "{call}");
        assert_eq!(outcome.cluster, cluster, "{call}");
        assert!(outcome.failures.is_empty(), "{call}");
    }
}

#[test]
fn empty_list_changes_nothing() {
    let empty: [&str; 0] = [];
    let with_account = [
        "copy_numbers_from_accountdb_to_numbdbs",
        "fix_numbers",
        "fix_numbers_apps_in_accountdb",
    ];
    let alone = [
        "copy_accounts_to_number_dbs",
        "copy_number_dbs_to_accounts",
        "copy_numbers_from_dbs_to_assigned_accounts",
        "fix_apps_for_account_dbs",
        "fix_apps_for_number_dbs",
        "fix_apps_in_number_dbs_for_accounts",
        "fix_numbers_apps_in_numbdb",
    ];
    for function in with_account {
        case(start(), function, [A.into(), empty.into()])
            .leaves_cluster_unchanged()
            .counts(Counts::default())
            .succeeds();
    }
    for function in alone {
        case(start(), function, [empty.into()])
            .leaves_cluster_unchanged()
            .counts(Counts::default())
            .succeeds();
    }
}

/// The number that is reported missing in account A, or `None` if it is not reconcilable.
fn missing_number(given: &str, config: Value) -> Option<String> {
    let ran = case(
        json!({"A": {}, "system_config": {"number_manager": {"default": config}}}),
        "copy_number_from_accountdb_to_numbdb",
        [A.into(), given.into()],
    );
    let failure = ran.outcome.failures.into_values().next()?;
    let numbers = failure.failed.get("open_doc-not_found")?;
    numbers.first().cloned()
}

#[test]
fn default_converters_normalise_numbers() {
    for (given, number) in [
        ("4155550100", Some("+14155550100")),
        ("14155550100", Some("+14155550100")),
        ("+14155550100", Some("+14155550100")),
        ("011442071838750", Some("+442071838750")),
        ("00442071838750", Some("+442071838750")),
        ("442071838750", Some("+442071838750")),
        ("+442071838750", Some("+442071838750")),
        // Ten digits outside the NANP stay unchanged, and may have a document.
        ("1155550100", Some("1155550100")),
        ("0155550100", Some("0155550100")),
        ("0112", Some("0112")),
        ("22345678", Some("+22345678")),
        // Not numbers
        ("911", None),
        ("", None),
        ("+", None),
        ("+1", None),
        ("+1415555010", None),
        ("+1 (415) 555-0100", None),
        ("415-555-0100", None),
        ("anonymous", None),
        ("٤١٥٥٥٥٠١٠٠", None),
    ] {
        assert_eq!(
            missing_number(given, json!({})).as_deref(),
            number,
            "{given}"
        );
    }
}

#[test]
fn configured_converters_replace_defaults_in_order() {
    let config = json!({"e164_converters": {
        r"^9(\d{9})$": {"prefix": "+3", "suffix": "9"},
        r"^(9)(\d)\d{8}$": {"prefix": "+7"},
        r"^8\d{9}$": {},
    }});
    for (given, number) in [
        ("9123456789", Some("+31234567899")),
        ("8123456789", Some("8123456789")),
        ("4155550100", Some("4155550100")),
        ("00442071838750", Some("00442071838750")),
        ("442071838750", None),
    ] {
        assert_eq!(
            missing_number(given, config.clone()).as_deref(),
            number,
            "{given}"
        );
    }
    let config = json!({"reconcile_regex": r"^9\d\d$"});
    assert_eq!(
        missing_number("911", config.clone()).as_deref(),
        Some("911")
    );
    assert_eq!(missing_number("4155550100", config), None);
}

#[test]
fn manual_has_38_functions() {
    let mut functions = FUNCTIONS.to_vec();
    functions.sort_unstable();
    functions.dedup();
    assert_eq!(functions.len(), 38);
}
