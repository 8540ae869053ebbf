//! Carrier modules: conversion from one to another. The outputs have the manual's lines and
//! nothing after them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::accounts::{
    Assignment, Pending, Target, is_named_by_numbers, settle_account, shadowed, warn_misfiled,
};
use super::context::Run;
use super::numbers::{self, NOT_FOUND, NOT_RECONCILABLE};
use super::read::parsed;
use super::settle::{Decision, End, InPlace, settle};
use super::{Answer, FAILED, Returned, databases};
use crate::command::{Command, NumberDatabases};
use crate::journal::Journals;
use crate::kazoo::{
    AccountId, Classification, DatabaseName, KazooDatabase, NumberFacts, is_valid_target,
    stored_target,
};
use crate::plan::{self, Change, Source, source_in_number_database};
use crate::report::Outcome;
use couchdb::Error;
use couchdb::{Include, Object, Range, Revision};

/// The end of an output: nothing follows it unless something failed that it has no line for.
pub(super) async fn ended(run: &Run) -> Answer {
    let failures = run.tally.failures();
    if failures.is_empty() {
        return Answer::Only(Returned::Ok);
    }
    let unread = failures
        .by_database()
        .values()
        .any(|failures| failures.last_error.is_some());
    if unread {
        run.output(failures.to_json()).await;
    }
    Answer::Only(Returned::Code(FAILED))
}

/// The one line of a conversion to a module that the host does not know. It goes before everything else, so that nothing is
/// read or locked (contract section 9.10).
pub(super) fn bad_target(run: &Run, command: &Command) -> Option<String> {
    let (Command::ConvertCarrier { target, .. }
    | Command::ConvertCarrierOfNumber { target, .. }
    | Command::RefusedAfterTarget { target, .. }) = command
    else {
        return None;
    };
    let valid = is_valid_target(target, run.host.carriers().as_deref());
    (!valid).then(|| format!("Bad carrier module: {target}"))
}

/// What is converted, as its lines want it.
#[derive(Default)]
struct Converted {
    numbers: BTreeSet<String>,
    pending: Vec<(AccountId, Pending)>,
}

/// `convert_carrier_module`
pub(super) async fn convert(
    run: &Arc<Run>,
    source: String,
    target: String,
    databases: NumberDatabases,
) -> Result<Answer, Error> {
    let target: Arc<str> = stored_target(&target).into();
    let from: Arc<str> = source.as_str().into();
    let databases = databases::number_databases(run, databases).await?;
    let converted = run
        .each_number_database(databases, |run, database| {
            let (from, target) = (from.clone(), target.clone());
            async move {
                match convert_in(&run, &database, &from, &target).await {
                    Ok(converted) => Ok((database, converted)),
                    Err(error) => {
                        run.database_failed(&database, error)?;
                        Ok((database, Converted::default()))
                    }
                }
            }
        })
        .await?;
    let mut lists = Vec::new();
    let mut pending = Vec::new();
    for (database, converted) in converted {
        lists.push((database, converted.numbers));
        pending.extend(converted.pending);
    }
    pending.extend(broken_off(run, &pending).await?);
    let origins = Origins::of(&lists, &pending);
    follow(run, pending).await?;
    let reasons = reasons(run);
    for (database, numbers) in lists {
        run.output(format!(
            "attempt to convert numbers with carrier module {source} to {target} in database {database}"
        ))
        .await;
        let failed = failed(&numbers, &reasons, |place, number| {
            origins.concerns(&database, place, number)
        });
        tell(run, &target, &numbers, &failed).await;
    }
    Ok(ended(run).await)
}

/// Where a number that failed in some database was converted. Two number databases can hold the
/// same number, and a failure of one is none of the other.
struct Origins(HashMap<(String, String), DatabaseName>);

impl Origins {
    fn of(lists: &[(DatabaseName, BTreeSet<String>)], pending: &[(AccountId, Pending)]) -> Self {
        let listed = || {
            lists.iter().flat_map(|(database, numbers)| {
                numbers
                    .iter()
                    .map(move |number| (number.as_str(), database))
            })
        };
        // Few numbers are in two databases, and of the others there is nothing to tell.
        let mut seen: HashMap<&str, &DatabaseName> = HashMap::new();
        let mut twice: HashSet<&str> = HashSet::new();
        let followed = pending.iter().map(|(_, one)| (one.id.as_str(), &one.from));
        for (number, database) in listed().chain(followed) {
            if *seen.entry(number).or_insert(database) != database {
                twice.insert(number);
            }
        }
        let converted = listed().map(|(number, database)| (number, database.clone(), database));
        let copied = pending
            .iter()
            .map(|(account, one)| (one.id.as_str(), account.database(), &one.from));
        let origins = converted
            .chain(copied)
            .filter(|(number, ..)| twice.contains(number))
            .map(|(number, place, from)| ((place.encoded(), number.to_owned()), from.clone()));
        Self(origins.collect())
    }

    /// Whether a failure of a number at a place (an encoded name) is one of this database.
    fn concerns(&self, database: &DatabaseName, place: &str, number: &str) -> bool {
        let origin = self.0.get(&(place.to_owned(), number.to_owned()));
        origin.is_none_or(|origin| origin == database)
    }
}

/// `convert_carrier_module_number`
pub(super) async fn convert_number(
    run: &Arc<Run>,
    given: String,
    target: String,
) -> Result<Answer, Error> {
    let target = stored_target(&target);
    let normaliser = run.normaliser().await?;
    let number = normaliser.normalise(&given);
    let listed = BTreeSet::from([if normaliser.is_reconcilable(&number) {
        number
    } else {
        given.clone()
    }]);
    let (good, bad) = numbers::sorted_out(run, vec![given]).await?;
    numbers::fail_not_reconcilable(run, None, bad);
    for (database, live) in numbers::read_all(run, good).await? {
        let documents: Vec<_> = live
            .iter()
            .map(|number| (number.id.as_str(), &number.rev, &*number.text))
            .collect();
        let converted = convert_documents(run, &database, None, target, documents).await?;
        follow(run, converted.pending).await?;
    }
    let reasons = reasons(run);
    tell(
        run,
        target,
        &listed,
        &failed(&listed, &reasons, |_, _| true),
    )
    .await;
    Ok(ended(run).await)
}

/// Converts in one number database, a page at a time.
async fn convert_in(
    run: &Run,
    database: &DatabaseName,
    source: &str,
    target: &str,
) -> Result<Converted, Error> {
    let mut all = Converted::default();
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    loop {
        let page = match scan.next().await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(error) => {
                // What is converted so far must be followed by its accounts' copies: another run
                // would not find it by its module any more.
                run.database_failed(database, error)?;
                break;
            }
        };
        let mut documents = Vec::new();
        let mut misfiled = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            if facts.module_name.as_deref() != Some(source) {
                continue;
            }
            match source_in_number_database(database, &row.id, &facts) {
                Source::Misfiled => misfiled.push(row.id.as_str()),
                source if source.is_filed() => {
                    documents.push((row.id.as_str(), &row.rev, text));
                }
                _ => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
        let converted = convert_documents(run, database, Some(source), target, documents).await?;
        all.numbers.extend(converted.numbers);
        all.pending.extend(converted.pending);
    }
    Ok(all)
}

/// Converts documents of a number database. `source`: the module that they must have, still.
async fn convert_documents(
    run: &Run,
    database: &DatabaseName,
    source: Option<&str>,
    target: &str,
    documents: Vec<(&str, &Revision, &str)>,
) -> Result<Converted, Error> {
    let mut planned = Vec::new();
    let mut assigned: Vec<(AccountId, String)> = Vec::new();
    let mut texts: HashMap<String, Box<str>> = HashMap::new();
    let mut converted = Converted::default();
    for (id, rev, text) in documents {
        let document = parsed(database, text)?;
        converted.numbers.insert(id.to_owned());
        if let Some(account) = NumberFacts::of(&document).assigned_to {
            assigned.push((account, id.to_owned()));
        }
        match plan::convert(&document, target, run.now) {
            Some(body) => {
                texts.insert(id.to_owned(), body.clone());
                let change = Change::update(rev, text, body);
                planned.push((id.to_owned(), change));
            }
            None => {
                texts.insert(id.to_owned(), text.into());
                run.tally.decided(database, Outcome::Unchanged, 1);
            }
        }
    }
    let decider = InPlace {
        run,
        database,
        plan: |id: &str, rev: &Revision, text: &str| {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            let module = facts.module_name.as_deref();
            let asked = source.is_none() || module == source || module == Some(target);
            let place = source_in_number_database(database, id, &facts);
            if !asked || !place.is_filed() {
                return Ok(Decision::Skip);
            }
            Ok(match plan::convert(&document, target, run.now) {
                None => Decision::Unchanged,
                Some(body) => Decision::Change(Change::update(rev, text, body)),
            })
        },
    };
    let ends = settle(run, database, planned, &[], &decider).await?;
    for (id, end) in &ends {
        match end {
            End::Done {
                as_planned: true, ..
            } => {}
            End::Skipped => {
                converted.numbers.remove(id);
                texts.remove(id);
            }
            _ => {
                texts.remove(id);
            }
        }
    }
    let failed: BTreeSet<&str> = ends
        .iter()
        .filter(|(_, end)| matches!(end, End::Failed | End::Skipped))
        .map(|(id, _)| id.as_str())
        .collect();
    assigned.retain(|(_, id)| !failed.contains(id.as_str()));
    let assigned = unshadowed(run, database, assigned).await?;
    for (account, id) in assigned {
        let text = texts.remove(&id).and_then(|text| run.budget.hold(&text));
        let from = database.clone();
        converted.pending.push((
            account,
            Pending {
                id,
                from,
                text,
                target: Target::Unread,
            },
        ));
    }
    Ok(converted)
}

/// Those of the numbers of a database whose copies follow it: where another number database
/// holds one too, its account's copy is that one's. What cannot be told fails.
async fn unshadowed(
    run: &Run,
    database: &DatabaseName,
    mut assigned: Vec<(AccountId, String)>,
) -> Result<Vec<(AccountId, String)>, Error> {
    if assigned.is_empty() || is_named_by_numbers(database) {
        return Ok(assigned);
    }
    let ids: Vec<_> = assigned
        .iter()
        .map(|(account, id)| (*account, id.as_str()))
        .collect();
    match shadowed(run, database, &ids).await {
        Ok(shadowed) => assigned.retain(|(_, id)| !shadowed.contains(id)),
        Err(error) => {
            let ids = ids.into_iter().map(|(_, id)| id);
            run.numbers_failed(database, &error, &error.reason(), ids)?;
            assigned.clear();
        }
    }
    Ok(assigned)
}

/// Makes the accounts' copies follow, an account at a time, and has services reconciled.
async fn follow(run: &Arc<Run>, pending: Vec<(AccountId, Pending)>) -> Result<(), Error> {
    let mut by_account: BTreeMap<AccountId, Vec<Pending>> = BTreeMap::new();
    for (account, one) in pending {
        by_account.entry(account).or_default().push(one);
    }
    run.each(
        by_account.into_iter().collect(),
        |run, (account, pending)| async move {
            settle_account(&run, account, pending, Assignment::ToIt).await?;
            Ok(())
        },
    )
    .await?;
    run.reconcile_services().await
}

/// Numbers whose conversion an earlier run began and did not complete. In the number
/// database they have the new module already, so a search for the old one passes them by; their
/// accounts' copies may still have it. The journal knows them.
async fn broken_off(
    run: &Run,
    known: &[(AccountId, Pending)],
) -> Result<Vec<(AccountId, Pending)>, Error> {
    let Some(journals) = &run.settings.journals else {
        return Ok(Vec::new());
    };
    let mut left: Vec<(AccountId, Pending)> = Vec::new();
    let mut followed: HashSet<(AccountId, String)> = known
        .iter()
        .map(|(account, one)| (*account, one.id.clone()))
        .collect();
    let (earlier, refused) = journals.runs_and_refused();
    for error in refused {
        run.warn(format!(
            "{error}: a conversion that it may be of is not completed"
        ))
        .await;
    }
    for earlier in earlier {
        let start = &earlier.start;
        // What failed is tried again by the same command, and by no other: it has been told of.
        let is_over = earlier.ended && (earlier.failed == 0 || start.command != run.command_line());
        if is_over
            || !start.command.starts_with("convert_carrier_module")
            || run.journal_id() == Some(start.run.as_str())
            || !run.is_on_this_cluster(start).await?
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
                let after = of_document.last().and_then(|step| step.after.as_deref());
                let Some(document) = after.and_then(|text| Object::parse(text).ok()) else {
                    continue;
                };
                // Two number databases can give a number to two accounts, and each has a copy.
                if let Some(account) = NumberFacts::of(&document).assigned_to
                    && !followed.contains(&(account, id.to_owned()))
                {
                    assigned.push((account, id.to_owned()));
                }
            }
            for (account, id) in unshadowed(run, &database, assigned).await? {
                followed.insert((account, id.clone()));
                let from = database.clone();
                left.push((
                    account,
                    Pending {
                        id,
                        from,
                        text: None,
                        target: Target::Unread,
                    },
                ));
            }
        }
    }
    Ok(left)
}

/// Why numbers failed: by number, the encoded name of each database and one word.
type Reasons = HashMap<String, Vec<(String, String)>>;

fn reasons(run: &Run) -> Reasons {
    let failures = run.tally.failures();
    let mut reasons = Reasons::new();
    for (place, failures) in failures.by_database() {
        for (reason, numbers) in &failures.failed {
            let word = match reason.as_str() {
                NOT_FOUND => "not_found",
                NOT_RECONCILABLE => NOT_RECONCILABLE,
                reason => reason.split_once('-').map_or(reason, |(_, kind)| kind),
            };
            for number in numbers {
                reasons
                    .entry(number.clone())
                    .or_default()
                    .push((place.clone(), word.to_owned()));
            }
        }
    }
    reasons
}

/// Those of the numbers that failed somewhere that concerns them, each with the first reason.
fn failed<'a>(
    numbers: &'a BTreeSet<String>,
    reasons: &'a Reasons,
    concerns: impl Fn(&str, &str) -> bool,
) -> BTreeMap<&'a str, &'a str> {
    numbers
        .iter()
        .filter_map(|number| {
            let (_, word) = reasons
                .get(number)?
                .iter()
                .find(|(place, _)| concerns(place, number))?;
            Some((number.as_str(), word.as_str()))
        })
        .collect()
}

async fn tell(run: &Run, target: &str, numbers: &BTreeSet<String>, failed: &BTreeMap<&str, &str>) {
    let converted: Vec<_> = numbers
        .iter()
        .filter(|number| !failed.contains_key(number.as_str()))
        .collect();
    run.output(format!(
        "updated carrier module to {target} for {}:",
        converted.len()
    ))
    .await;
    for number in converted {
        run.output(number.clone()).await;
    }
    run.output(format!(
        "updating carrier module failed for {}:",
        failed.len()
    ))
    .await;
    for (number, reason) in failed {
        run.output(format!("{number}: {reason}")).await;
    }
}
