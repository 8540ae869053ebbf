//! `show/1`: one number in all databases, with its drift by the rules of the audit.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answer, Returned};
use super::audit::{AuditedNumber, audit_number};
use crate::engine::Run;
use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, NumberFacts, encoded_number_database_of,
};
use crate::plan::{
    Drift, FieldDifference, Source, differing_fields, is_migrated, source_in_number_database,
};
use crate::repair::usage_of;
use crate::report::{
    Audit, DocumentState, Event, Finding, NumberReport, Reason, ShownAccount, ShownDocument,
    ShownField, ShownFinding, remedy_of_number,
};
use couchdb::Error;
use document::{Document, elements, is_about_revisions, string};

/// `show/1`
pub(crate) async fn show(run: &Arc<Run>, given: String) -> Result<Answer, Error> {
    run.prune_journals();
    let audited = audit_number(run, &given).await?;
    let report = report(run, audited).await?;
    if report.documents.is_empty() && !report.is_incomplete() {
        let database = encoded_number_database_of(&report.number);
        run.reporter
            .failed(&database, Reason::NOT_FOUND, &report.number);
    }
    run.reporter.send(Event::Number(Box::new(report))).await;
    Ok(Answer::Printed(Returned::Ok))
}

async fn report(run: &Run, audited: AuditedNumber) -> Result<NumberReport, Error> {
    let assigned = assigned_accounts(&audited.found);
    let documents = in_order(&audited.found, &assigned);
    let mut shown = shown_documents(&documents);
    compare_as_audited(&audited.audit, &assigned, &mut shown);
    let accounts = accounts(run, &audited, &assigned).await?;
    let audit = audited.audit;
    let is_reconcilable = run.normaliser().await?.is_reconcilable(&audited.number);
    // The command skips some states, and the audit says so in its hint.
    let is_repaired = |finding: &Finding| {
        let mut found = audited.found.iter();
        found.any(|(database, document)| {
            *database == finding.database && is_migrated(database, document)
        })
    };
    let findings = audit.findings.into_iter().map(|finding| {
        let kind = finding.kind;
        let advice = audit.kinds.iter().find(|one| one.kind == kind);
        ShownFinding {
            meaning: kind.meaning(),
            command: remedy_of_number(&finding, is_reconcilable)
                .filter(|_| kind != Drift::UnassignedButUsed || is_repaired(&finding)),
            hint: advice.and_then(|advice| advice.hint),
            finding,
        }
    });
    Ok(NumberReport {
        taken_at: audit.taken_at,
        in_sync: audit.assigned > 0 && audit.in_sync == audit.assigned,
        fields: fields(&documents),
        findings: findings.collect(),
        documents: shown,
        accounts,
        unchecked: audit.unchecked,
        // Reading the usage can fail, too.
        unread: run.reporter.failures(),
        number: audited.number,
    })
}

/// The accounts to which number databases assign the number.
fn assigned_accounts(found: &[(DatabaseName, Document)]) -> BTreeSet<AccountId> {
    let sources = found
        .iter()
        .filter(|(database, _)| database.account().is_none());
    let sources = sources.map(|(database, document)| {
        source_in_number_database(database, document.id(), &NumberFacts::of(document))
    });
    sources
        .filter_map(|source| match source {
            Source::Assigned(account) => Some(account),
            _ => None,
        })
        .collect()
}

/// The documents of number databases, those of assigned accounts, those of other accounts. The database that the number names
/// comes before other number databases.
fn in_order<'a>(
    found: &'a [(DatabaseName, Document)],
    assigned: &BTreeSet<AccountId>,
) -> Vec<&'a (DatabaseName, Document)> {
    let mut documents: Vec<_> = found.iter().collect();
    documents.sort_by_key(|(database, document)| match database.account() {
        Some(account) => (true, !assigned.contains(&account), database.clone()),
        None => (false, !database.holds(document.id()), database.clone()),
    });
    documents
}

fn shown_documents(documents: &[&(DatabaseName, Document)]) -> Vec<ShownDocument> {
    let first = documents.first().map(|(_, document)| document);
    documents
        .iter()
        .map(|(database, document)| {
            let facts = NumberFacts::of(document);
            ShownDocument {
                database: database.encoded(),
                account: database.account().map(|account| account.to_string()),
                rev: document.rev().map(ToString::to_string),
                state: match (facts.is_number, facts.soft_deleted) {
                    (true, false) => DocumentState::Live,
                    (true, true) => DocumentState::SoftDeleted,
                    (false, _) => DocumentState::OtherType,
                },
                assigned_to: facts.assigned_to.map(|account| account.to_string()),
                conflicts: conflicts(document),
                differing_fields: first
                    .map(|first| names(&differing_fields(first, document)))
                    .unwrap_or_default(),
            }
        })
        .collect()
}

fn names(fields: &[FieldDifference]) -> Vec<String> {
    fields.iter().map(|one| one.field.clone()).collect()
}

/// Takes the result of the audit for the copies of the first document: it compared attachments by their bytes, because servers can
/// have different digests of the same bytes.
fn compare_as_audited(
    audit: &Audit,
    assigned: &BTreeSet<AccountId>,
    documents: &mut [ShownDocument],
) {
    let Some((source, copies)) = documents.split_first_mut() else {
        return;
    };
    // Two number databases can assign the number, and the audit compared each copy with its own source.
    if copies
        .iter()
        .chain([&*source])
        .filter(|one| one.account.is_none())
        .count()
        != 1
    {
        return;
    }
    let is_assigned = |one: &ShownDocument| {
        let account = one.account.as_deref().and_then(AccountId::parse);
        account.is_some_and(|account| assigned.contains(&account))
    };
    for copy in copies.iter_mut().filter(|one| is_assigned(one)) {
        let mut differing = audit.of_kind(Drift::DifferingCopy).iter();
        let finding = differing.find(|finding| finding.database.encoded() == copy.database);
        match finding {
            Some(finding) => copy.differing_fields = names(&finding.fields),
            None if audit.in_sync == audit.assigned => copy.differing_fields.clear(),
            // It could not be compared.
            None => {}
        }
    }
}

/// The revisions of the losing leaves.
fn conflicts(document: &Document) -> Vec<String> {
    let leaves = document.get("_conflicts").and_then(elements);
    let leaves = leaves.into_iter().flatten().filter_map(string);
    leaves.map(Into::into).collect()
}

fn fields(documents: &[&(DatabaseName, Document)]) -> Vec<ShownField> {
    let names: BTreeSet<&str> = documents
        .iter()
        .flat_map(|(_, document)| document.fields())
        .map(|(name, _)| name)
        .filter(|name| *name != "_id" && !is_about_revisions(name))
        .collect();
    names
        .into_iter()
        .map(|name| ShownField {
            field: name.to_owned(),
            values: documents
                .iter()
                .map(|(_, document)| document.get(name).map(str::to_owned))
                .collect(),
        })
        .collect()
}

/// The accounts that have a document of the number, or to which it is assigned. The audit has read the usage of those with a live
/// document.
async fn accounts(
    run: &Run,
    audited: &AuditedNumber,
    assigned: &BTreeSet<AccountId>,
) -> Result<Vec<ShownAccount>, Error> {
    let holders: BTreeSet<AccountId> = audited
        .found
        .iter()
        .filter_map(|(database, _)| database.account())
        .collect();
    let mut accounts = Vec::new();
    for account in holders.union(assigned) {
        let has_database = audited.accounts.contains(account);
        let read = if has_database {
            run.or_failed(&account.database(), usage_of(run, *account).await)?
        } else {
            None
        };
        accounts.push(ShownAccount {
            account: account.to_string(),
            name: audited.account_names.get(account).cloned(),
            has_database,
            has_document: holders.contains(account),
            is_assigned: assigned.contains(account),
            usage: read.as_ref().map(|usage| usage.of(&audited.number).name()),
            used_by: read.map(|usage| usage.uses().to_vec()).unwrap_or_default(),
        });
    }
    // Assigned accounts first, as their documents.
    accounts.sort_by_key(|one| !one.is_assigned);
    Ok(accounts)
}
