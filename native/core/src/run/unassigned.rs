//! What Kazoo makes of documents of unassigned numbers, where there is a Kazoo to ask.

use std::borrow::Cow;

use super::context::Run;
use super::read::parsed;
use super::settle::Decision;
use crate::host::Migrated;
use crate::kazoo::DatabaseName;
use crate::operation;
use crate::plan::Change;
use couchdb::{Error, Kind};
use couchdb::{Object, Revision};

/// The private fields that Kazoo's own way of saving a number leaves out where they are empty.
/// Others that are missing from what it answers are fields that it knows nothing of: they stay.
const KAZOOS: [&str; 10] = [
    "pvt_assigned_to",
    "pvt_carrier_data",
    "pvt_features",
    "pvt_features_allowed",
    "pvt_features_denied",
    "pvt_number_state",
    "pvt_previously_assigned_to",
    "pvt_region",
    "pvt_reserve_history",
    "pvt_used_by",
];

/// A document that was read: its id, its revision, its text.
pub(super) type Read<'a> = (&'a str, &'a Revision, &'a str);

/// Has the host decide about documents of unassigned numbers, one decision for each and in their
/// order. None: there is no host that can.
pub(super) async fn asked_of_the_host(
    run: &Run,
    database: &DatabaseName,
    documents: &[Read<'_>],
) -> Result<Option<Vec<Decision>>, Error> {
    let mut decisions = Vec::with_capacity(documents.len());
    for some in documents.chunks(run.settings.max_bulk_insert.max(1)) {
        let texts = some
            .iter()
            .map(|(_, _, text)| for_kazoo(database, text))
            .collect::<Result<Vec<_>, Error>>()?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let Some(migrated) = run.host.migrate_unassigned(&texts).await? else {
            return Ok(None);
        };
        if migrated.len() != some.len() {
            return Err(Error::new(
                Kind::BadAnswer,
                operation::HOST,
                "Kazoo did not answer for each number",
            )
            .in_database(database));
        }
        for ((id, rev, text), migrated) in some.iter().zip(migrated) {
            decisions.push(match migrated {
                Migrated::Unchanged => Decision::Unchanged,
                Migrated::Document(saved) => match merged(database, text, &saved)? {
                    None => Decision::Unchanged,
                    Some(body) => Decision::Change(Change::update(rev, text, body)),
                },
                Migrated::Failed(line) => {
                    run.warn(format!("cannot migrate {id} in {database}: {line}"))
                        .await;
                    let error = Error::new(Kind::BadRequest, operation::HOST, line);
                    Decision::Failed(database.encoded(), error.reason())
                }
            });
        }
    }
    Ok(Some(decisions))
}

/// A document as Kazoo can read it: its code takes a field that is there for one that has a value, and fails on
/// `"pvt_assigned_to": null`.
fn for_kazoo<'a>(database: &DatabaseName, text: &'a str) -> Result<Cow<'a, str>, Error> {
    let document = parsed(database, text)?;
    let nulls: Vec<(&str, Option<&str>)> = document
        .fields()
        .filter(|(name, json)| KAZOOS.contains(name) && *json == "null")
        .map(|(name, _)| (name, None))
        .collect();
    if nulls.is_empty() {
        return Ok(text.into());
    }
    let shown = document.with(&nulls);
    Ok(match (document.get("_rev"), shown.strip_prefix('{')) {
        (Some(rev), Some(rest)) => format!("{{\"_rev\":{rev},{rest}").into(),
        _ => shown.into(),
    })
}

/// A document with what Kazoo changed in it; None where that is nothing. Fields that Kazoo left
/// alone keep their text.
fn merged(database: &DatabaseName, text: &str, saved: &str) -> Result<Option<Box<str>>, Error> {
    let document = parsed(database, text)?;
    let saved = parsed(database, saved)?;
    let mut edits: Vec<(&str, Option<&str>)> = Vec::new();
    for (name, json) in saved.fields().filter(|(name, _)| !name.starts_with('_')) {
        if document.get(name).is_none_or(|old| !is_same(old, json)) {
            edits.push((name, Some(json)));
        }
    }
    for (name, json) in document.fields() {
        // Kazoo was not shown the nulls, so it did not remove them.
        let is_kazoos = !name.starts_with("pvt_") || KAZOOS.contains(&name) && json != "null";
        if is_kazoos && !name.starts_with('_') && saved.get(name).is_none() {
            edits.push((name, None));
        }
    }
    Ok((!edits.is_empty()).then(|| document.with(&edits).into()))
}

/// Whether two values are the same but for their spelling.
fn is_same(one: &str, other: &str) -> bool {
    let wrapped = |json: &str| format!("{{\"value\":{json}}}");
    let (one, other) = (wrapped(one), wrapped(other));
    match (Object::parse(&one), Object::parse(&other)) {
        (Ok(one), Ok(other)) => one.digest() == other.digest(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(text: &str, saved: &str) -> Option<Box<str>> {
        merged(&DatabaseName::new("numbers/+1415").unwrap(), text, saved).unwrap()
    }

    #[test]
    fn merge_keeps_what_the_host_does_not_know() {
        let text = r#"{"_id":"+1","_rev":"1-a","_attachments":{"a":{"stub":true}},"pvt_own":1.0,"pvt_used_by":"callflow","cnam":{"x":1},"n":1.0}"#;
        let saved =
            r#"{"_id":"+1","_rev":"1-a","n":1.0,"pvt_type":"number","pvt_ported_in":false}"#;
        assert_eq!(
            merge(text, saved).as_deref(),
            Some(
                r#"{"_id":"+1","_attachments":{"a":{"stub":true}},"pvt_own":1.0,"n":1.0,"pvt_type":"number","pvt_ported_in":false}"#
            )
        );
    }

    #[test]
    fn nulls_are_kept_from_the_host_and_kept_in_the_document() {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let text = r#"{"_id":"+1","_rev":"1-a","pvt_assigned_to":null,"pvt_own":null,"pvt_used_by":"x","n":1}"#;
        let shown = for_kazoo(&database, text).unwrap();
        assert_eq!(
            shown,
            r#"{"_rev":"1-a","_id":"+1","pvt_own":null,"pvt_used_by":"x","n":1}"#
        );
        assert_eq!(merge(text, &shown), None);
        assert_eq!(
            merge(text, r#"{"_id":"+1","n":1}"#).as_deref(),
            Some(r#"{"_id":"+1","pvt_assigned_to":null,"pvt_own":null,"n":1}"#)
        );
    }

    #[test]
    fn merge_of_equal_documents_changes_nothing() {
        let text = r#"{"_id":"+1","_rev":"1-a","a":{"b":1,"c":"é"},"pvt_own":true}"#;
        assert_eq!(
            merge(text, r#"{"a":{"c":"\u00e9","b":1},"_id":"+1"}"#),
            None
        );
    }
}
