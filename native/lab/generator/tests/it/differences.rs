//! Descriptions of differences: one line each, nothing for equal values.

use kazoo_numbers_generator::{Cluster, Document};

fn document(text: &str) -> Document {
    exact_json::from_str(text).unwrap()
}

fn cluster(documents: &[&str], deleted: &[&str]) -> Cluster {
    let mut cluster = Cluster::default();
    let database = cluster
        .databases
        .entry(String::from("numbers/+1415"))
        .or_default();
    for text in documents {
        database.insert(document(text));
    }
    for id in deleted {
        database.delete(id);
    }
    cluster
}

#[track_caller]
fn differ(left: &str, right: &str, expected: &[&str]) {
    let lines = cluster(&[left], &[]).differences(&cluster(&[right], &[]));
    assert_eq!(lines, expected);
}

#[test]
fn number_spelling_is_a_difference() {
    differ(
        r#"{"_id": "+1", "n": 1, "big": 12345678901234567890123}"#,
        r#"{"_id": "+1", "n": 1.0, "big": 12345678901234567890124}"#,
        &[
            "numbers/+1415 +1: big: 12345678901234567890123 → 12345678901234567890124",
            "numbers/+1415 +1: n: 1 → 1.0",
        ],
    );
}

#[test]
fn key_order_is_ignored_and_list_order_is_not() {
    differ(
        r#"{"_id": "+1", "a": {"x": 1, "y": [1, 2]}, "b": null}"#,
        r#"{"b": null, "a": {"y": [1, 2], "x": 1}, "_id": "+1"}"#,
        &[],
    );
    differ(
        r#"{"_id": "+1", "a": [1, 2]}"#,
        r#"{"_id": "+1", "a": [2, 1]}"#,
        &["numbers/+1415 +1: a: [1,2] → [2,1]"],
    );
    differ(
        r#"{"_id": "+1", "pvt_used_by": null}"#,
        r#"{"_id": "+1"}"#,
        &["numbers/+1415 +1: pvt_used_by: null → absent"],
    );
}

#[test]
fn attachments_are_compared_by_content() {
    differ(
        r#"{"_id": "+1", "_attachments": {"a": {"content_type": "text/plain", "data": "aGk=", "revpos": 1}}}"#,
        r#"{"_id": "+1", "_attachments": {"a": {"data": "aGk=", "content_type": "text/plain", "revpos": 7}}}"#,
        &[],
    );
    for other in [
        r#"{"a": {"content_type": "text/plain", "data": "aG8="}}"#,
        r#"{"a": {"content_type": "text/html", "data": "aGk="}}"#,
        r#"{"b": {"content_type": "text/plain", "data": "aGk="}}"#,
        "{}",
    ] {
        let left = r#"{"_id": "+1", "_attachments": {"a": {"content_type": "text/plain", "data": "aGk="}}}"#;
        let right = format!(r#"{{"_id": "+1", "_attachments": {other}}}"#);
        let lines = cluster(&[left], &[]).differences(&cluster(&[&right], &[]));
        assert_eq!(lines.len(), 1, "{other}: {lines:?}");
    }
}

#[test]
fn documents_tombstones_and_databases_are_listed() {
    let left = cluster(
        &[r#"{"_id": "+1"}"#, r#"{"_id": "+2"}"#, r#"{"_id": "+3"}"#],
        &["+4"],
    );
    let mut right = cluster(&[r#"{"_id": "+1"}"#], &["+2", "+5"]);
    right
        .databases
        .insert(String::from("numbers/+1416"), Default::default());
    assert_eq!(
        left.differences(&right),
        [
            "numbers/+1415 +2: there → deleted",
            "numbers/+1415 +3: there → absent",
            "numbers/+1415 +4: deleted → absent",
            "numbers/+1415 +5: absent → deleted",
            "numbers/+1416: database only on the right",
        ]
    );
    let lines = left
        .without_tombstones()
        .differences(&right.without_tombstones());
    assert_eq!(
        lines,
        [
            "numbers/+1415 +2: there → absent",
            "numbers/+1415 +3: there → absent",
            "numbers/+1416: database only on the right",
        ]
    );
}

#[test]
fn long_values_are_cut_at_character_boundaries() {
    let left = format!(r#"{{"_id": "+1", "name": "{}"}}"#, "ü".repeat(500));
    let lines = cluster(&[&left], &[]).differences(&cluster(&[r#"{"_id": "+1"}"#], &[]));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].ends_with("… (1002 bytes) → absent"),
        "{}",
        lines[0]
    );
}

#[test]
fn conflicts_are_compared_in_order() {
    let winner = r#"{"_id": "+1", "n": 0}"#;
    let with = |leaves: &[&str]| {
        let mut cluster = cluster(&[winner], &[]);
        let database = cluster.databases.get_mut("numbers/+1415").unwrap();
        for leaf in leaves {
            database.insert_conflict(document(leaf));
        }
        cluster
    };
    let (one, two) = (r#"{"_id": "+1", "n": 1}"#, r#"{"_id": "+1", "n": 2}"#);
    assert_eq!(
        with(&[one]).differences(&with(&[])),
        ["numbers/+1415 +1: 1 conflicts → 0"]
    );
    assert_eq!(
        with(&[one, two]).differences(&with(&[two, one])),
        [
            "numbers/+1415 +1 (conflict 1): n: 1 → 2",
            "numbers/+1415 +1 (conflict 2): n: 2 → 1",
        ]
    );
}
