//! Tests of the audit: small clusters, the generator's list of drift, and the fix commands.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{A, B, C, cluster, database, number};
use exact_json::{Value, json};
use kazoo_numbers_generator::{Options, generate, names};
use kazoo_numbers_model::{Call, DriftKind, Now, arbitrary, audit, in_sync, run};
use kazoo_numbers_testkit::cases;
use proptest::prelude::*;

#[track_caller]
fn finds(databases: Value, wanted: &[(DriftKind, &str, &str)]) {
    let mut all: BTreeMap<DriftKind, BTreeSet<(String, String)>> = BTreeMap::new();
    for (kind, name, number) in wanted {
        let place = (database(name), (*number).to_owned());
        all.entry(*kind).or_default().insert(place);
    }
    assert_eq!(audit(&cluster(&databases)), all);
}

#[test]
fn cluster_in_sync_has_no_drift() {
    let start = json!({
        "A": {"flow": {"pvt_type": "callflow", "numbers": ["+14155550100"]},
              "+14155550100": number(A, json!({"pvt_used_by": "callflow"}))},
        "+1415": {"+14155550100": number(A, json!({"pvt_used_by": "callflow"})),
                  "+14155550101": number("", json!({})),
                  "+14155550102": number(A, json!({"pvt_deleted": true})),
                  "+14155550103": {"pvt_type": "user", "pvt_assigned_to": A}},
    });
    finds(start.clone(), &[]);
    let places = in_sync(&cluster(&start));
    assert!(
        places
            .into_iter()
            .eq([(database("A"), "+14155550100".to_owned())])
    );
}

#[test]
fn missing_and_different_copies_are_drift() {
    finds(
        json!({
            "A": {"+14155550101": number(A, json!({"x": 1})),
                  "+14155550102": number(A, json!({"pvt_deleted": true})),
                  "+14155550103": {"pvt_type": "user"},
                  "+14155550104": null},
            "+1415": {"+14155550100": number(A, json!({})),
                      "+14155550101": number(A, json!({})),
                      "+14155550102": number(A, json!({})),
                      "+14155550103": number(A, json!({})),
                      "+14155550104": number(A, json!({})),
                      "+14155550105": number(C, json!({"pvt_used_by": "callflow"}))},
        }),
        &[
            (DriftKind::MissingCopy, "A", "+14155550100"),
            (DriftKind::MissingCopy, "A", "+14155550104"),
            (DriftKind::DifferingCopy, "A", "+14155550101"),
            (DriftKind::DifferingCopy, "A", "+14155550102"),
            (DriftKind::DifferingCopy, "A", "+14155550103"),
            (DriftKind::AccountMissing, "C", "+14155550105"),
        ],
    );
}

#[test]
fn wrong_usage_is_drift() {
    let flow = json!({"pvt_type": "callflow", "numbers": ["+14155550100", "+14155550101"]});
    let trunk = json!({"pvt_type": "sys_info", "servers": [{"DIDs": {"+14155550101": {}}}]});
    finds(
        json!({
            "A": {"flow": flow, "trunk": trunk,
                  "+14155550100": number(A, json!({})),
                  "+14155550101": number(A, json!({"pvt_used_by": "calltrunkflow"})),
                  "+14155550102": number(A, json!({"pvt_used_by": "trunkstore"}))},
            "+1415": {"+14155550100": number(A, json!({})),
                      "+14155550101": number(A, json!({"pvt_used_by": "calltrunkflow"})),
                      "+14155550102": number(A, json!({"pvt_used_by": "trunkstore"})),
                      "+14155550103": number("", json!({"pvt_used_by": "callflow"})),
                      "+14155550104": number("nobody", json!({"pvt_used_by": null}))},
        }),
        &[
            (
                DriftKind::WrongUsedByInNumberDatabase,
                "+1415",
                "+14155550100",
            ),
            (
                DriftKind::WrongUsedByInNumberDatabase,
                "+1415",
                "+14155550102",
            ),
            (DriftKind::WrongUsedByInAccount, "A", "+14155550100"),
            (DriftKind::WrongUsedByInAccount, "A", "+14155550102"),
            (DriftKind::UnassignedButUsed, "+1415", "+14155550103"),
            (DriftKind::OddAssignment, "+1415", "+14155550104"),
        ],
    );
}

#[test]
fn misplaced_numbers_are_drift() {
    finds(
        json!({
            "A": {"+14155550100": number(B, json!({})),
                  "+14155550101": number(A, json!({})),
                  "+14155550102": number(A, json!({})),
                  "+14155550103": number("", json!({})),
                  "+883510000000001": number(A, json!({})),
                  "+442071838750": number(A, json!({})),
                  "911": number("", json!({}))},
            "B": {"+14155550100": number(B, json!({})),
                  "+14155550101": number(B, json!({}))},
            "+1415": {"+14155550100": number(B, json!({})),
                      "+14155550101": number(B, json!({})),
                      "+14155550102": number(A, json!({"pvt_deleted": true})),
                      "+442071838750": number(A, json!({}))},
            "numbers/inum": {"+883510000000001": number(A, json!({}))},
        }),
        &[
            (DriftKind::WrongAccount, "A", "+14155550100"),
            (DriftKind::FormerAccount, "A", "+14155550101"),
            (DriftKind::OnlyInAccount, "A", "+14155550103"),
            (DriftKind::OnlyInAccount, "A", "+442071838750"),
            (DriftKind::OnlyInAccount, "A", "911"),
            (DriftKind::Misfiled, "+1415", "+442071838750"),
        ],
    );
}

/// Without ugliness the audit finds exactly the drift that the generator made.
#[test]
fn audit_agrees_with_generator() {
    for seed in 0..150 {
        let options = Options {
            ugly: BTreeSet::new(),
            ..Options::tiny(seed)
        };
        let generated = generate(&options);
        let mut broken: BTreeMap<DriftKind, BTreeSet<(String, String)>> = BTreeMap::new();
        for drift in &generated.drift {
            let place = (drift.databases[0].clone(), drift.number.clone());
            broken.entry(drift.kind).or_default().insert(place);
        }
        assert_eq!(audit(&generated.cluster), broken, "seed {seed}");
    }
}

proptest! {
    #![proptest_config(cases::config(300))]

    /// After a command that repairs a kind of drift, the rest of that kind is reported as failed.
    #[test]
    fn repair_command_leaves_no_unreported_drift(cluster in arbitrary::cluster()) {
        for (kind, function) in [
            (DriftKind::MissingCopy, "copy_number_dbs_to_accounts"),
            (DriftKind::WrongUsedByInNumberDatabase, "fix_apps_for_number_dbs"),
            (DriftKind::WrongUsedByInAccount, "fix_apps_for_account_dbs"),
            (DriftKind::WrongAccount, "remove_wrong_assigned_from_accounts"),
        ] {
            let after = run(&cluster, &Call::new(function, []), Now::marker());
            let left = audit(&after.cluster).remove(&kind).unwrap_or_default();
            for (database, number) in left {
                let encoded = names::encoded(&database);
                let failure = after.failures.get(&encoded).and_then(|failure| failure.failed.get("conflicted"));
                let is_reported = failure.is_some_and(|numbers| numbers.contains(&number));
                prop_assert!(is_reported, "{}: {} {}", function, database, number);
            }
        }
        let call = Call::new("copy_number_dbs_to_accounts", []);
        let after = run(&cluster, &call, Now::marker());
        let differing = audit(&after.cluster).remove(&DriftKind::DifferingCopy).unwrap_or_default();
        let failed: usize = after.failures.values()
            .flat_map(|failure| ["save_docs-conflict", "conflicted"].map(|reason| failure.failed.get(reason)))
            .flatten()
            .map(BTreeSet::len)
            .sum();
        prop_assert_eq!(differing.len(), failed);
    }
}
