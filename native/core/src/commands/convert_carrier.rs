//! `convert_carrier_module`, `convert_carrier_module_number`: convert numbers from one carrier module to another, then update
//! their accounts' copies. The output consists of the lines in the manual.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::answer::{Answer, FAILED, Returned};
use super::conversion_report::{Origins, failures_of};
use super::ending::Ending;
use crate::engine::{End, InPlace, Run, Target};
use crate::journal::Journals;
use crate::kazoo::{
    AccountId, Classification, DatabaseName, KazooDatabase, NumberFacts, is_valid_target,
    stored_target,
};
use crate::plan::{self, Cause, Decision, Source, has_module, source_in_number_database};
use crate::repair::{Assignment, Copies, CopySource, copy_to_account};
use crate::report::{Conversion, Event, nearest, shown};
use crate::selection::NumberDatabases;
use couchdb::Error;
use document::Document;

/// The answer for a target module that the host does not know. The check runs first, so nothing is read or locked
/// (docs/specification.md#bad-carrier-module).
pub(crate) async fn bad_target(run: &Run, target: &str) -> Option<Answer> {
    let carriers = run.cluster.host().carriers();
    if is_valid_target(target, carriers.as_deref()) {
        return None;
    }
    let line = format!("Bad carrier module: {target}");
    run.reporter.error(line, None).await;
    Some(Answer::Ended(Returned::Code(FAILED), Ending::Usage))
}

/// The converted numbers of one database and the copies to update.
#[derive(Default)]
struct Converted {
    numbers: BTreeSet<String>,
    /// The other modules that numbers of the database have.
    others: BTreeSet<String>,
    followers: Vec<(AccountId, CopySource)>,
}

/// `convert_carrier_module`
pub(crate) async fn convert(
    run: &Arc<Run>,
    source: String,
    target: String,
    databases: NumberDatabases,
) -> Result<Answer, Error> {
    run.reads_what_it_changes();
    let target: Arc<str> = stored_target(&target).into();
    let from: Arc<str> = source.as_str().into();
    let databases = run.number_databases(databases).await?;
    let converted = run
        .each_number_database(databases, |run, database| {
            let (from, target) = (from.clone(), target.clone());
            async move {
                let converted = convert_in(&run, &database, &from, &target).await;
                let converted = run.or_failed(&database, converted)?;
                Ok((database, converted.unwrap_or_default()))
            }
        })
        .await?;
    let mut lists = Vec::new();
    let mut followers = Vec::new();
    let mut others = BTreeSet::new();
    for (database, converted) in converted {
        lists.push((database, converted.numbers));
        followers.extend(converted.followers);
        others.extend(converted.others);
    }
    followers.extend(broken_off(run, &followers).await?);
    let has_none = lists.iter().all(|(_, numbers)| numbers.is_empty()) && followers.is_empty();
    if has_none && run.reporter.failures().is_empty() {
        run.reporter
            .warn(unused(run, &source, &target, &others))
            .await;
    }
    let origins = Origins::of(
        &lists,
        followers
            .iter()
            .map(|(account, one)| (*account, one.id.as_str(), &one.from)),
    );
    follow(run, followers).await?;
    for (database, numbers) in lists {
        let failed = failures_of(run, &numbers, |place, number| {
            origins.concerns(&database, place, number)
        });
        let source = Some(source.clone());
        report(run, Some(&database), source, &target, numbers, failed).await;
    }
    Ok(Answer::Listed)
}

/// Reports the converted numbers and the failed ones.
async fn report(
    run: &Run,
    database: Option<&DatabaseName>,
    source: Option<String>,
    target: &str,
    mut numbers: BTreeSet<String>,
    failed: BTreeMap<String, String>,
) {
    numbers.retain(|number| !failed.contains_key(number));
    run.reporter
        .send(Event::Conversion(Conversion {
            database: database.map(DatabaseName::encoded),
            source,
            target: target.to_owned(),
            converted: numbers.into_iter().collect(),
            failed,
        }))
        .await;
}

/// The warning about a module that no number has, with the most similar one that numbers have. A known module needs none: its
/// numbers may all be converted.
fn unused(run: &Run, source: &str, target: &str, others: &BTreeSet<String>) -> String {
    let line = format!("no number has the carrier module {}", shown(source));
    let carriers = run.cluster.host().carriers();
    if is_valid_target(source, carriers.as_deref()) {
        return line;
    }
    let others = others.iter().map(String::as_str);
    match nearest(source, others.filter(|other| *other != target)).first() {
        Some(meant) => format!("{line}; did you mean {meant}?"),
        None => line,
    }
}

/// `convert_carrier_module_number`
pub(crate) async fn convert_number(
    run: &Arc<Run>,
    given: String,
    target: String,
) -> Result<Answer, Error> {
    run.reads_what_it_changes();
    let target = stored_target(&target);
    let checked = run.checked(vec![given.clone()]).await?;
    let listed = checked.good.first().cloned().unwrap_or(given);
    run.fail_not_reconcilable(None, checked.bad);
    for (database, live) in run.read_numbers(checked.good).await? {
        let documents = live.into_iter().map(|number| number.document).collect();
        let converted = convert_documents(run, &database, None, target, documents).await?;
        follow(run, converted.followers).await?;
    }
    let listed = BTreeSet::from([listed]);
    let failed = failures_of(run, &listed, |_, _| true);
    report(run, None, None, target, listed, failed).await;
    Ok(Answer::Listed)
}

/// Converts the numbers of one number database, a page at a time.
async fn convert_in(
    run: &Run,
    database: &DatabaseName,
    source: &str,
    target: &str,
) -> Result<Converted, Error> {
    let mut all = Converted::default();
    let mut scan = run.scan_facts(database).await?;
    loop {
        // The copies of converted numbers must be updated even if the rest of the database cannot be read: another run would no
        // longer find these numbers by their module.
        let page = match run.or_failed(database, scan.next_scanned().await)? {
            Some(Some(page)) => page,
            Some(None) | None => break,
        };
        let mut chosen = Vec::new();
        let mut misfiled = Vec::new();
        for one in page {
            let module = one.module();
            if module.as_deref() != Some(source) {
                if let Some(module) = module
                    && !all.others.contains(module.as_ref())
                {
                    all.others.insert(module.into_owned());
                }
                continue;
            }
            match source_in_number_database(database, one.id(), &one.facts()) {
                Source::Misfiled => misfiled.push(one.id().to_owned()),
                source if source.is_filed() => chosen.push(one),
                _ => {}
            }
        }
        // A document that only the index knew can have another module by now.
        let Some(mut documents) =
            run.or_failed(database, run.documents_of(database, chosen).await)?
        else {
            break;
        };
        documents.retain(|document| has_module(document, source));
        run.warn_misfiled(database, &misfiled).await;
        let converted = convert_documents(run, database, Some(source), target, documents).await?;
        all.numbers.extend(converted.numbers);
        all.followers.extend(converted.followers);
    }
    Ok(all)
}

/// Converts documents of a number database. `source`: the module that they must still have; `None`: any.
async fn convert_documents(
    run: &Run,
    database: &DatabaseName,
    source: Option<&str>,
    target: &str,
    documents: Vec<Document>,
) -> Result<Converted, Error> {
    let rule = InPlace {
        cause: Cause::Carrier,
        rule: |document: &Document| {
            let is_asked = source.is_none_or(|source| has_module(document, source))
                || has_module(document, target);
            let place =
                source_in_number_database(database, document.id(), &NumberFacts::of(document));
            if is_asked && place.is_filed() {
                Decision::edit(plan::convert(document, target, run.now))
            } else {
                Decision::Skip
            }
        },
    };
    let mut converted = Converted::default();
    let mut assigned: Vec<(AccountId, String)> = Vec::new();
    for document in &documents {
        converted.numbers.insert(document.id().to_owned());
        if let Some(account) = NumberFacts::of(document).assigned_to {
            assigned.push((account, document.id().to_owned()));
        }
    }
    let targets = documents.into_iter().map(Target::present).collect();
    let mut ends = run.reconcile(database, &rule, targets).await?;
    converted
        .numbers
        .retain(|id| !matches!(ends.get(id), Some(End::Skipped)));
    assigned.retain(|(_, id)| ends.get(id).is_some_and(End::is_done));
    for (account, id) in unshadowed(run, database, assigned).await? {
        let written = match ends.remove(&id) {
            Some(End::Done { written, .. }) => written,
            _ => None,
        };
        let source = CopySource {
            from: database.clone(),
            document: written.and_then(|document| run.budget.keep(document).ok()),
            id,
        };
        converted.followers.push((account, source));
    }
    Ok(converted)
}

/// The numbers of a database whose account copies are made from it. If another number database also holds a number and has
/// priority, the copy is made from that one. If this cannot be read, the numbers fail.
async fn unshadowed(
    run: &Run,
    database: &DatabaseName,
    mut assigned: Vec<(AccountId, String)>,
) -> Result<Vec<(AccountId, String)>, Error> {
    if assigned.is_empty() || !database.is_unprefixed() {
        return Ok(assigned);
    }
    let ids: Vec<_> = assigned
        .iter()
        .map(|(account, id)| (*account, id.as_str()))
        .collect();
    match run.shadowed(database, &ids).await {
        Ok(shadowed) => assigned.retain(|(_, id)| !shadowed.contains(id)),
        Err(error) => {
            let ids = ids.into_iter().map(|(_, id)| id);
            run.numbers_failed(database, &error, (&error).into(), ids)?;
            assigned.clear();
        }
    }
    Ok(assigned)
}

/// Updates the accounts' copies, an account at a time, and reconciles services.
async fn follow(run: &Arc<Run>, followers: Vec<(AccountId, CopySource)>) -> Result<(), Error> {
    let mut by_account: BTreeMap<AccountId, Copies> = BTreeMap::new();
    for (account, source) in followers {
        by_account.entry(account).or_default().compare(source);
    }
    run.each(
        by_account.into_iter().collect(),
        |run, (account, copies)| async move {
            copy_to_account(&run, account, copies, Assignment::ToTheAccount).await?;
            Ok(())
        },
    )
    .await?;
    // The line about services comes before those of the manual.
    run.reconcile_services().await
}

/// Numbers whose conversion an earlier run started and did not complete, from the journals. Their number databases already have
/// the new module, so a search for the old one misses them, but their accounts' copies may still have the old one.
async fn broken_off(
    run: &Run,
    known: &[(AccountId, CopySource)],
) -> Result<Vec<(AccountId, CopySource)>, Error> {
    let Some(journals) = &run.settings.journals else {
        return Ok(Vec::new());
    };
    let mut left: Vec<(AccountId, CopySource)> = Vec::new();
    let mut followed: HashSet<(AccountId, String)> = known
        .iter()
        .map(|(account, one)| (*account, one.id.clone()))
        .collect();
    let (earlier, refused) = journals.runs_and_refused();
    for error in refused {
        let line = format!("{error}: a conversion that it may be of is not completed");
        run.reporter.warn(line).await;
    }
    for earlier in earlier {
        let start = &earlier.start;
        // Only the same command retries a reported failure.
        let is_over = earlier.ended && (earlier.failed == 0 || start.command != run.command_line());
        if is_over
            || !start.converts_carriers()
            || run.journal_id() == Some(start.run.as_str())
            || !run.cluster.is_of(start).await?
        {
            continue;
        }
        let steps = journals.steps(&start.run, |_| Ok(()))?;
        for name in steps.databases() {
            let Some(database) = DatabaseName::new(name) else {
                continue;
            };
            if database.classification() != Classification::Numbers {
                continue;
            }
            let mut assigned = Vec::new();
            for (id, _) in steps.documents(name) {
                let of_document = steps
                    .read(name, id)
                    .map_err(|error| Journals::failed_in(&start.run, &error))?;
                let after = of_document.last().and_then(|step| step.after.as_ref());
                // Two number databases can assign a number to two accounts; each account has a copy.
                if let Some(account) = after.and_then(|after| NumberFacts::of(after).assigned_to)
                    && !followed.contains(&(account, id.to_owned()))
                {
                    assigned.push((account, id.to_owned()));
                }
            }
            for (account, id) in unshadowed(run, &database, assigned).await? {
                followed.insert((account, id.clone()));
                let source = CopySource {
                    id,
                    from: database.clone(),
                    document: None,
                };
                left.push((account, source));
            }
        }
    }
    Ok(left)
}
