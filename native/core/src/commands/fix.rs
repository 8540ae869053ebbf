//! `fix_account_db_numbers`, `fix_number`, `fix_numbers`: fix all or some numbers of one account in one pass over the data. They
//! set the application usage in the number databases, copy the numbers to the account, remove wrong ones from it, and reconcile
//! services.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::engine::{End, Kept, Run, Target};
use crate::kazoo::{
    AccountId, AppUsage, DatabaseName, KazooDatabase, NumberFacts, number_database_of,
};
use crate::plan::{Decision, other_account};
use crate::repair::Assignment;
use crate::repair::{
    AssignedUsage, Copies, CopySource, copy_to_account, usages_of, warn_used_by_both, wrong_copies,
};
use crate::report::{NumberWarningKind, Outcome};
use couchdb::Error;
use document::{Change, Digest, Document, IdRange};

/// The account's database, read once.
#[derive(Default)]
struct Account {
    numbers: Vec<AccountNumber>,
    usage: AppUsage,
}

/// A live number document of the account.
struct AccountNumber {
    id: String,
    digest: Digest,
    /// Whether `pvt_assigned_to` names another account.
    is_wrong: bool,
    /// The document of a wrong number, while memory permits.
    document: Option<Kept>,
}

/// Assigned numbers of one number database.
type AssignedDocuments = Vec<(AccountId, Document)>;

/// `fix_account_db_numbers`
pub(crate) async fn account(run: &Arc<Run>, account: AccountId) -> Result<(), Error> {
    run.must_exist(account).await?;
    let databases = run.all_number_databases().await?;
    run.open_made_index(&databases).await?;
    let scans = run.each_number_database(databases, |run, database| async move {
        let assigned = assigned_to(&run, &database, account).await;
        let assigned = run.or_failed(&database, assigned)?;
        Ok((database, assigned))
    });
    let (own, scans) = futures::future::join(read_account(run, account), scans).await;
    let scans = scans?;
    let Some(own) = run.or_failed(&account.database(), own)? else {
        return Ok(());
    };
    let mut unread = HashSet::new();
    let mut all = Vec::new();
    for (database, assigned) in scans {
        match assigned {
            Some(assigned) => all.push((database, assigned)),
            None => {
                unread.insert(database);
            }
        }
    }
    fix(run, account, own, all, unread).await
}

/// `fix_numbers`; `fix_number` is `fix_numbers` with one number.
pub(crate) async fn numbers(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = run.normalised_of(account, given).await?;
    let (own, live) =
        futures::future::join(read_account(run, account), run.read_numbers(numbers)).await;
    let live = live?;
    let Some(own) = run.or_failed(&account.database(), own)? else {
        return Ok(());
    };
    let mut all = Vec::new();
    for (database, live) in live {
        let mut here = AssignedDocuments::new();
        for (other, document) in run.assigned_of(&database, live) {
            if other != account {
                let id = document.id();
                let there = Some(other.database().encoded());
                run.reporter
                    .warn_of_number(NumberWarningKind::AssignedElsewhere, &database, id, there)
                    .await;
            }
            here.push((other, document.detached()));
        }
        all.push((database, here));
    }
    fix(run, account, own, all, HashSet::new()).await
}

/// The numbers of an account in one number database.
async fn assigned_to(
    run: &Run,
    database: &DatabaseName,
    account: AccountId,
) -> Result<AssignedDocuments, Error> {
    let mut assigned = AssignedDocuments::new();
    let mut scan = run.scan_assigned(database, &account).await?;
    while let Some(page) = scan.next().await? {
        let page = page.into_iter().map(|(_, one)| one).collect();
        let documents = scan.documents(page).await?.into_iter();
        assigned.extend(documents.map(|(account, document)| (account, document.detached())));
    }
    Ok(assigned)
}

/// Reads an account's database once, for its usage and for its numbers.
async fn read_account(run: &Run, account: AccountId) -> Result<Account, Error> {
    let normaliser = run.normaliser().await?;
    let mut own = Account::default();
    let mut scan = run.scan(&account.database(), IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        for document in page {
            let facts = NumberFacts::of(&document);
            if !facts.is_live_number() {
                own.usage.add(&document, &normaliser);
                continue;
            }
            let is_wrong = matches!(other_account(account, &facts), Decision::Delete);
            own.numbers.push(AccountNumber {
                id: document.id().to_owned(),
                digest: document.digest(),
                is_wrong,
                document: if is_wrong {
                    run.budget.keep(document).ok()
                } else {
                    None
                },
            });
        }
    }
    Ok(own)
}

/// Runs all steps in the order of the manual. `unread`: number databases that could not be read. Their numbers are not removed
/// from the account, because such a database might assign them to it.
async fn fix(
    run: &Arc<Run>,
    account: AccountId,
    own: Account,
    assigned: Vec<(DatabaseName, AssignedDocuments)>,
    unread: HashSet<DatabaseName>,
) -> Result<(), Error> {
    run.reads_what_it_changes();
    run.usages.set(account, own.usage.packed());
    let held: HashMap<&str, Digest> = own
        .numbers
        .iter()
        .map(|number| (number.id.as_str(), number.digest))
        .collect();
    let sources: HashSet<String> = assigned
        .iter()
        .flat_map(|(_, all)| all)
        .filter(|(other, _)| *other == account)
        .map(|(_, document)| document.id().to_owned())
        .collect();
    let fixed = run
        .each(assigned, |run, (database, assigned)| async move {
            let fixed = fix_apps(&run, &database, assigned).await?;
            run.finished(&database).await;
            Ok(fixed)
        })
        .await?;
    let mut by_account: BTreeMap<AccountId, Copies> = BTreeMap::new();
    for (other, source) in fixed.into_iter().flatten() {
        let document = source.document.as_ref().map(Kept::document);
        let is_held = |document: &Document| {
            other == account && held.get(document.id()) == Some(&document.digest())
        };
        if document.is_some_and(is_held) {
            run.reporter
                .decided(&account.database(), Outcome::Unchanged, 1);
            continue;
        }
        by_account.entry(other).or_default().compare(source);
    }
    run.each(
        by_account.into_iter().collect(),
        |run, (other, copies)| async move {
            copy_to_account(&run, other, copies, Assignment::ToTheAccount).await?;
            if other != account {
                run.finished(&other.database()).await;
            }
            Ok(())
        },
    )
    .await?;
    remove_wrong(run, account, own.numbers, &sources, &unread).await?;
    run.finished(&account.database()).await;
    Ok(())
}

/// Fixes the application usage of numbers in a number database. Returns the numbers as sources of copies, without the document if
/// fixing failed.
async fn fix_apps(
    run: &Run,
    database: &DatabaseName,
    assigned: AssignedDocuments,
) -> Result<Vec<(AccountId, CopySource)>, Error> {
    let usages = usages_of(run, &assigned).await?;
    let shadowed = if database.is_unprefixed() {
        let ids: Vec<_> = assigned
            .iter()
            .map(|(account, document)| (*account, document.id()))
            .collect();
        match run.shadowed(database, &ids).await {
            Ok(shadowed) => shadowed,
            Err(error) => {
                let ids = ids.into_iter().map(|(_, id)| id);
                run.numbers_failed(database, &error, (&error).into(), ids)?;
                return Ok(Vec::new());
            }
        }
    } else {
        HashSet::new()
    };
    let mut targets = Vec::new();
    let mut sources = Vec::new();
    // A number with unknown usage is copied unchanged.
    let mut as_they_are = HashMap::new();
    for (account, document) in assigned {
        sources.push((account, document.id().to_owned()));
        match usages.get(&account) {
            Some(usage) => {
                warn_used_by_both(run, database, document.id(), usage).await;
                targets.push(Target::present(document));
            }
            None => {
                as_they_are.insert(document.id().to_owned(), document);
            }
        }
    }
    let reconciler = AssignedUsage { run, database };
    let mut ends = run.reconcile(database, &reconciler, targets).await?;
    let mut copies = Vec::with_capacity(sources.len());
    for (account, id) in sources {
        if shadowed.contains(&id) {
            continue;
        }
        let document = match ends.remove(&id) {
            Some(End::Done { written, .. }) => written,
            Some(End::Failed | End::Skipped) => None,
            None => as_they_are.remove(&id),
        };
        let source = CopySource {
            from: database.clone(),
            document: document.map(|document| run.budget.keep_anyway(document)),
            id,
        };
        copies.push((account, source));
    }
    Ok(copies)
}

/// Removes numbers of other accounts that this run did not copy.
async fn remove_wrong(
    run: &Run,
    account: AccountId,
    numbers: Vec<AccountNumber>,
    sources: &HashSet<String>,
    unread: &HashSet<DatabaseName>,
) -> Result<(), Error> {
    let database = account.database();
    let mut changes = Vec::new();
    let mut charges = Vec::new();
    let mut undecided = Vec::new();
    for number in numbers {
        if sources.contains(&number.id) {
            continue;
        }
        if !number.is_wrong {
            run.reporter.decided(&database, Outcome::Unchanged, 1);
            continue;
        }
        if number_database_of(&number.id).is_some_and(|belongs| unread.contains(&belongs)) {
            continue;
        }
        match number.document {
            Some(kept) => {
                let (document, charge) = kept.into_parts();
                changes.push(Change::delete(document));
                charges.push(charge);
            }
            None => undecided.push(number.id),
        }
    }
    let rule = wrong_copies(account);
    run.apply(&database, &rule, changes).await?;
    drop(charges);
    run.reconcile_ids(&database, &rule, &undecided).await?;
    Ok(())
}
