//! Numbers whose copies are missing or seem to differ: looked at again, some at a time.
//!
//! The copy is read again. If it is what it was before its source passed by, the two differed at
//! that moment, and the source as it passed by tells how. Only where the copy changed, or there
//! was no room for the source, is the source read again, too.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Notes, count};
use crate::engine::{Kept, Run};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Drift, Source, differing_fields, source_in_number_database};
use crate::report::Finding;
use couchdb::{Attachments, Error, Found};
use document::{Digest, Document};

/// Pairs of documents that are held at the same time.
const AT_ONCE: usize = 200;

/// A number whose copy in an account is not known to be right.
pub(super) struct Doubtful {
    pub(super) id: String,
    /// The number database that it is in.
    pub(super) from: DatabaseName,
    /// The document there, if there was room for it.
    pub(super) source: Option<Kept>,
    /// What the account held before that.
    pub(super) held: Option<Digest>,
}

/// What a second look came to.
enum Look {
    Same,
    Differs(Vec<String>),
    /// It changed meanwhile.
    Moved,
    Missing,
}

/// Compares all that is in doubt, an account at a time.
pub(super) async fn compare(run: &Arc<Run>, notes: &Arc<Notes>) -> Result<(), Error> {
    let doubtful = std::mem::take(
        &mut *notes
            .doubtful
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    run.each(doubtful.into_iter().collect(), |run, (account, all)| {
        let notes = notes.clone();
        async move {
            for chunk in all.chunks(AT_ONCE) {
                if let Err(error) = some(&run, account, chunk, &notes).await {
                    let database = error.database().cloned();
                    let database = database.unwrap_or_else(|| account.database());
                    run.database_failed(&database, error)?;
                    notes.unchecked(chunk.len());
                }
            }
            Ok(())
        }
    })
    .await?;
    Ok(())
}

async fn some(run: &Run, account: AccountId, all: &[Doubtful], notes: &Notes) -> Result<(), Error> {
    let database = account.database();
    let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    let copies = run.present(&database, &ids).await?;
    let mut changed: BTreeMap<&DatabaseName, Vec<(&str, Document)>> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut in_sync = 0;
    let mut moved = 0;
    let finding = |kind, one: &str, from: &DatabaseName, fields| Finding {
        kind,
        database: database.clone(),
        number: one.to_owned(),
        account: Some(account),
        number_database: Some(from.clone()),
        fields,
        assigned_to: None,
    };
    let mut look = |look, one: &str, from: &DatabaseName| match look {
        Look::Same => in_sync += 1,
        Look::Moved => moved += 1,
        Look::Differs(fields) => findings.push(finding(Drift::DifferingCopy, one, from, fields)),
        Look::Missing => findings.push(finding(Drift::MissingCopy, one, from, Vec::new())),
    };
    for (one, copy) in all.iter().zip(copies) {
        let Some(copy) = copy else {
            look(Look::Missing, &one.id, &one.from);
            continue;
        };
        match &one.source {
            Some(source) if one.held == Some(copy.digest()) => {
                let looked = compared(run, account, &one.from, source.document(), &copy).await?;
                look(looked, &one.id, &one.from);
            }
            _ => changed.entry(&one.from).or_default().push((&one.id, copy)),
        }
    }
    for (from, copies) in changed {
        let ids: Vec<&str> = copies.iter().map(|(id, _)| *id).collect();
        let sources = run.present(from, &ids).await?;
        for ((id, copy), source) in copies.into_iter().zip(sources) {
            let Some(source) = source else {
                look(Look::Moved, id, from);
                continue;
            };
            let looked = compared(run, account, from, &source, &copy).await?;
            look(looked, id, from);
        }
    }
    // All or nothing: what failed half way counts as unchecked, and not twice.
    findings.into_iter().for_each(|one| notes.find(one));
    (0..in_sync).for_each(|_| count(&notes.in_sync));
    notes.unchecked(moved);
    Ok(())
}

/// Compares a copy with its source, if it still is one.
async fn compared(
    run: &Run,
    account: AccountId,
    from: &DatabaseName,
    source: &Document,
    copy: &Document,
) -> Result<Look, Error> {
    let (database, id) = (account.database(), source.id());
    let facts = NumberFacts::of(source);
    if source_in_number_database(from, id, &facts) != Source::Assigned(account) {
        return Ok(Look::Moved);
    }
    if source.digest() == copy.digest() {
        return Ok(Look::Same);
    }
    if !facts.has_attachments && copy.get("_attachments").is_none() {
        return Ok(Look::Differs(differing_fields(source, copy)));
    }
    // Servers can have made other digests of the same bytes: the bytes decide.
    let source = with_attachments(run, from, id).await?;
    let copy = with_attachments(run, &database, id).await?;
    let (Some(source), Some(copy)) = (source, copy) else {
        return Ok(Look::Moved);
    };
    Ok(if source.digest() == copy.digest() {
        Look::Same
    } else {
        Look::Differs(differing_fields(&source, &copy))
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
