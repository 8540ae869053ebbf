//! Compares missing and differing copies again, in batches.
//!
//! Each copy is read again. If its digest is still that of the snapshot, copy and source differed when the source was read, and
//! the kept source gives the differing fields. The source is read again only if the copy changed, or if memory had no room for
//! the source.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use super::results::{AuditResults, Recheck, count};
use crate::engine::{Kept, Run};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Drift, FieldDifference, Source, differing_fields, source_in_number_database};
use crate::report::Finding;
use couchdb::{Attachments, Error, Found};
use document::Document;

/// The number of document pairs in memory.
const BATCH: usize = 200;

/// The result of a recheck.
enum RecheckResult {
    Same,
    Differs(Vec<FieldDifference>),
    /// One of the documents changed meanwhile.
    Changed,
    Missing,
}

/// Rechecks everything, an account at a time.
pub(super) async fn recheck(run: &Arc<Run>, results: &Arc<AuditResults>) -> Result<(), Error> {
    let mut rechecks = std::mem::take(
        &mut *results
            .rechecks
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    read_sources(run, &mut rechecks).await?;
    run.each(rechecks.into_iter().collect(), |run, (account, all)| {
        let results = results.clone();
        async move {
            for chunk in all.chunks(BATCH) {
                if let Err(error) = recheck_batch(&run, account, chunk, &results).await {
                    let database = error.database().cloned();
                    let database = database.unwrap_or_else(|| account.database());
                    run.database_failed(&database, error)?;
                    results.add_unchecked(chunk.iter().map(|one| one.id.as_str()));
                }
            }
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Reads the sources that facts of the index name, a number database at a time, while memory permits. The others are read with their
/// account's batch.
async fn read_sources(
    run: &Arc<Run>,
    rechecks: &mut BTreeMap<AccountId, Vec<Recheck>>,
) -> Result<(), Error> {
    let mut wanted: BTreeMap<DatabaseName, Vec<String>> = BTreeMap::new();
    for one in rechecks.values().flatten() {
        if one.is_indexed {
            let ids = wanted.entry(one.from.clone()).or_default();
            ids.push(one.id.clone());
        }
    }
    let read = run
        .each(
            wanted.into_iter().collect(),
            |run, (database, ids)| async move {
                let mut kept = HashMap::new();
                for some in ids.chunks(BATCH) {
                    let ids: Vec<&str> = some.iter().map(String::as_str).collect();
                    let found = match run.present(&database, &ids).await {
                        Ok(found) => found,
                        Err(error) if error.is_fatal() => return Err(error),
                        // It is reported when the batch reads the source.
                        Err(_) => break,
                    };
                    for document in found.into_iter().flatten() {
                        let id = document.id().to_owned();
                        kept.extend(
                            run.budget
                                .keep(document)
                                .ok()
                                .map(|document| (id, document)),
                        );
                    }
                }
                Ok((database, kept))
            },
        )
        .await?;
    let mut read: HashMap<DatabaseName, HashMap<String, Kept>> = read.into_iter().collect();
    for one in rechecks.values_mut().flatten() {
        if let Some(kept) = read
            .get_mut(&one.from)
            .and_then(|kept| kept.remove(&one.id))
        {
            one.source = Some(kept);
        }
    }
    Ok(())
}

async fn recheck_batch(
    run: &Run,
    account: AccountId,
    all: &[Recheck],
    results: &AuditResults,
) -> Result<(), Error> {
    let database = account.database();
    let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    let copies = run.present(&database, &ids).await?;
    let mut changed: BTreeMap<&DatabaseName, Vec<(&str, Document)>> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut in_sync = 0;
    let mut unchecked = Vec::new();
    let finding = |kind, one: &str, from: &DatabaseName, fields| Finding {
        kind,
        database: database.clone(),
        number: one.to_owned(),
        account: Some(account),
        number_database: Some(from.clone()),
        fields,
        assigned_to: None,
    };
    let mut add = |result, one: &str, from: &DatabaseName| match result {
        RecheckResult::Same => in_sync += 1,
        RecheckResult::Changed => unchecked.push(one.to_owned()),
        RecheckResult::Differs(fields) => {
            findings.push(finding(Drift::DifferingCopy, one, from, fields))
        }
        RecheckResult::Missing => findings.push(finding(Drift::MissingCopy, one, from, Vec::new())),
    };
    for (one, copy) in all.iter().zip(copies) {
        let Some(copy) = copy else {
            add(RecheckResult::Missing, &one.id, &one.from);
            continue;
        };
        match &one.source {
            Some(source) if one.known == Some(copy.digest()) => {
                let result = compare(run, account, &one.from, source.document(), &copy).await?;
                add(result, &one.id, &one.from);
            }
            _ => changed.entry(&one.from).or_default().push((&one.id, copy)),
        }
    }
    for (from, copies) in changed {
        let ids: Vec<&str> = copies.iter().map(|(id, _)| *id).collect();
        let sources = run.present(from, &ids).await?;
        for ((id, copy), source) in copies.into_iter().zip(sources) {
            let Some(source) = source else {
                add(RecheckResult::Changed, id, from);
                continue;
            };
            let result = compare(run, account, from, &source, &copy).await?;
            add(result, id, from);
        }
    }
    // Counted at the end: if the batch fails half way, all of it counts as unchecked, once.
    findings.into_iter().for_each(|one| results.add(one));
    (0..in_sync).for_each(|_| count(&results.in_sync));
    results.add_unchecked(unchecked.iter().map(String::as_str));
    results.flush(run).await;
    Ok(())
}

/// Compares a copy with its source, if the source still qualifies.
async fn compare(
    run: &Run,
    account: AccountId,
    from: &DatabaseName,
    source: &Document,
    copy: &Document,
) -> Result<RecheckResult, Error> {
    let (database, id) = (account.database(), source.id());
    let facts = NumberFacts::of(source);
    if source_in_number_database(from, id, &facts) != Source::Assigned(account) {
        return Ok(RecheckResult::Changed);
    }
    if source.digest() == copy.digest() {
        return Ok(RecheckResult::Same);
    }
    if !facts.has_attachments && copy.get("_attachments").is_none() {
        return Ok(RecheckResult::Differs(differing_fields(source, copy)));
    }
    // Servers can have different digests of the same bytes, so the bytes are compared.
    let source = with_attachments(run, from, id).await?;
    let copy = with_attachments(run, &database, id).await?;
    let (Some(source), Some(copy)) = (source, copy) else {
        return Ok(RecheckResult::Changed);
    };
    Ok(if source.digest() == copy.digest() {
        RecheckResult::Same
    } else {
        RecheckResult::Differs(differing_fields(&source, &copy))
    })
}

async fn with_attachments(
    run: &Run,
    database: &DatabaseName,
    id: &str,
) -> Result<Option<Document>, Error> {
    let found = run.documents(database, &[id], Attachments::Inline).await?;
    Ok(found.into_iter().next().and_then(Found::present))
}
