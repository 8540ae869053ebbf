//! Copies from number databases to the databases of the accounts that numbers are assigned to.
//!
//! A whole cluster is read once: first the account databases, of which a digest a document is
//! kept, and the documents themselves while there is room; then the number databases, whose
//! documents are compared as they pass. What differs is held, grouped by account across number
//! databases, and written an account at a time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::budget::{Budget, Held};
use super::context::Run;
use super::numbers;
use super::read::parsed;
use super::settle::{CONFLICTED, Decide, Decision, End, Ends, settle};
use super::{Answer, Returned, databases};
use crate::command::NumberDatabases;
use crate::kazoo::{
    AccountId, DatabaseName, NumberFacts, encoded_number_database_of, number_database_of,
    range_of_numbers,
};
use crate::packed::Packed;
use crate::plan::{Change, Copy, Source, source_in_number_database, to_account};
use couchdb::{Digest, Found, Include, Object, Revision};
use couchdb::{Error, Kind, Operation};

/// A number that is to be copied, or compared by the one who settles.
pub(super) struct Pending {
    pub(super) id: String,
    /// The number database that it comes from.
    pub(super) from: DatabaseName,
    /// Its document, while it is held.
    pub(super) text: Option<Held>,
    /// What the account has in its place.
    pub(super) target: Target,
}

/// What an account database was seen to hold in a number's place.
#[derive(Debug)]
pub(super) enum Target {
    /// Not known, or let go: to be read.
    Unread,
    /// No document.
    Absent,
    /// This document.
    Present(Held),
}

impl Target {
    /// As a read would have found it; None: it must be read.
    fn found(&self) -> Option<Found> {
        match self {
            Self::Unread => None,
            Self::Absent => Some(Found::Missing),
            Self::Present(held) => {
                let document = Object::parse(held.text()).ok()?;
                Some(Found::Present {
                    rev: Revision::parse(&document.string("_rev")?),
                    text: held.text().into(),
                })
            }
        }
    }
}

/// `copy_number_dbs_to_accounts` and its narrower kin; `only`: one account's numbers.
pub(super) async fn copy(
    run: &Arc<Run>,
    databases: NumberDatabases,
    only: Option<AccountId>,
) -> Result<(), Error> {
    if let Some(account) = only {
        databases::must_exist(run, account).await?;
    }
    let whole = databases == NumberDatabases::All;
    let databases = databases::number_databases(run, databases).await?;
    // Of a few number databases only some accounts' documents are needed: those are asked for by
    // id when it is known which.
    let tables = match only {
        Some(account) => tables(run, vec![account]).await?,
        None if whole => tables(run, databases::all_accounts(run).await?).await?,
        None => Tables::default(),
    };
    let copying = Arc::new(Copying {
        tables,
        only,
        outbox: Outbox::new(run.budget.clone()),
    });
    run.each_number_database(databases, |run, database| {
        let copying = copying.clone();
        async move {
            if let Err(error) = copying.scan(&run, &database).await {
                run.database_failed(&database, error)?;
            }
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    let mut left = copying.outbox.take_all();
    for account in copying.tables.0.keys() {
        left.entry(*account).or_default();
    }
    settle_accounts(run, left).await
}

/// `copy_numbers_from_dbs_to_assigned_accounts`
pub(super) async fn copy_numbers(run: &Arc<Run>, given: Vec<String>) -> Result<(), Error> {
    let numbers = numbers::normalised(run, given).await?;
    let mut by_account: BTreeMap<AccountId, Vec<Pending>> = BTreeMap::new();
    for (database, live) in numbers::read_all(run, numbers).await? {
        for (account, number) in numbers::assigned(run, &database, live) {
            by_account.entry(account).or_default().push(Pending {
                id: number.id,
                from: database.clone(),
                text: Some(run.budget.hold_anyway(number.text)),
                target: Target::Unread,
            });
        }
        run.finished(&database).await;
    }
    settle_accounts(run, by_account).await
}

/// Makes the documents of several accounts equal to their sources.
async fn settle_accounts(
    run: &Arc<Run>,
    by_account: BTreeMap<AccountId, Vec<Pending>>,
) -> Result<(), Error> {
    run.each(
        by_account.into_iter().collect(),
        |run, (account, pending)| async move {
            settle_account(&run, account, pending, Assignment::ToIt).await?;
            run.finished(&account.database()).await;
            Ok(())
        },
    )
    .await?;
    Ok(())
}

/// `copy_single_number_to_account_db`: whatever the assignment.
pub(super) async fn copy_number_to(
    run: &Arc<Run>,
    given: String,
    account: AccountId,
) -> Result<Answer, Error> {
    let error = |text: String| Ok(Answer::FiguresAnd(Returned::Value(Err(text))));
    let normaliser = run.normaliser().await?;
    let number = normaliser.normalise(&given);
    let shown = number_database_of(&number).map_or_else(
        || encoded_number_database_of(&number),
        |database| database.encoded(),
    );
    let unread = |reason: &str| format!("can read number '{number}' from '{shown}': {reason}");
    if !normaliser.is_reconcilable(&number) {
        return error(unread(numbers::NOT_RECONCILABLE));
    }
    let read = numbers::read_all(run, vec![number.clone()]).await?;
    let live = read
        .into_iter()
        .find_map(|(database, live)| Some((database, live.into_iter().next()?)));
    let Some((database, found)) = live else {
        let reason = reason_of(run, &number);
        return error(unread(&reason));
    };
    let pending = Pending {
        id: found.id,
        from: database,
        text: Some(run.budget.hold_anyway(found.text)),
        target: Target::Unread,
    };
    let ends = settle_account(run, account, vec![pending], Assignment::Whatever).await?;
    run.finished(&account.database()).await;
    if ends.get(&number).copied().is_some_and(End::is_done) {
        return Ok(Answer::FiguresAnd(Returned::Value(Ok(number))));
    }
    let reason = reason_of(run, &number);
    error(format!(
        "can save number '{number}' to account db: {reason}"
    ))
}

/// Why a number failed, in the original's words: what was not found is not told apart.
fn reason_of(run: &Run, number: &str) -> String {
    let failures = run.tally.failures();
    let reason = failures
        .by_database()
        .values()
        .flat_map(|failures| &failures.failed)
        .find(|(_, numbers)| numbers.contains(number))
        .map_or("not_found", |(reason, _)| reason.as_str());
    let bare = reason.split_once('-').map_or(reason, |(_, kind)| kind);
    if bare == Kind::DatabaseNotFound.name() {
        Kind::NotFound.name().to_owned()
    } else {
        bare.to_owned()
    }
}

/// What account databases hold.
#[derive(Default)]
struct Tables(HashMap<AccountId, Table>);

/// What an account database holds where numbers are.
#[derive(Default)]
struct Table {
    /// `_all_docs` comes sorted, so their order is that of the documents below.
    rows: Packed<Digest>,
    /// The documents of the first rows, as many as there was room for. One that is about to be
    /// replaced need not be read again: the revision in it tells whether it is still there.
    texts: Mutex<Vec<Option<Held>>>,
}

async fn tables(run: &Arc<Run>, accounts: Vec<AccountId>) -> Result<Tables, Error> {
    // Room of its own: what is to be written must not wait for it.
    let room = Budget::new(run.settings.memory);
    let read = run
        .each(accounts, |run, account| {
            let room = room.clone();
            async move {
                // Without a table the account's documents are asked for by id, and it fails then
                // if it must.
                match table(&run, account, &room).await {
                    Ok(table) => Ok(Some((account, table))),
                    Err(error) if Run::is_fatal(&error) => Err(error),
                    Err(_) => Ok(None),
                }
            }
        })
        .await?;
    Ok(Tables(read.into_iter().flatten().collect()))
}

async fn table(run: &Run, account: AccountId, room: &Budget) -> Result<Table, Error> {
    let database = account.database();
    let mut rows = Packed::default();
    let mut texts = Vec::new();
    let mut scan = run
        .pages(&database, range_of_numbers(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (row, text) in page.rows() {
            let document = parsed(&database, text)?;
            if texts.len() == rows.len()
                && let Some(held) = room.hold(text)
            {
                texts.push(Some(held));
            }
            rows.push(&row.id, document.digest());
        }
    }
    texts.shrink_to_fit();
    Ok(Table {
        rows: rows.sorted(),
        texts: Mutex::new(texts),
    })
}

/// What comparing a number with a table tells.
enum Compared {
    /// The account holds just this.
    Same,
    /// It holds this in its place.
    Differs(Target),
}

impl Tables {
    /// Compares a number with what its account holds. What was held of that is given away.
    fn compare(&self, account: AccountId, id: &str, digest: Digest) -> Compared {
        let Some(table) = self.0.get(&account) else {
            return Compared::Differs(Target::Unread);
        };
        let Some((index, held_digest)) = table.rows.find(id) else {
            // Ids that sort after those of numbers were not read.
            return Compared::Differs(if id.starts_with('+') {
                Target::Absent
            } else {
                Target::Unread
            });
        };
        let mut texts = table.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = texts.get_mut(index).and_then(Option::take);
        if held_digest == digest {
            return Compared::Same;
        }
        Compared::Differs(held.map_or(Target::Unread, Target::Present))
    }
}

struct Copying {
    tables: Tables,
    only: Option<AccountId>,
    outbox: Outbox,
}

impl Copying {
    /// Compares the documents of a number database as they pass.
    async fn scan(&self, run: &Arc<Run>, database: &DatabaseName) -> Result<(), Error> {
        let mut unchanged: HashMap<AccountId, u64> = HashMap::new();
        let mut scan = run.assigned(database, self.only).await?;
        while let Some(page) = scan.next().await? {
            let mut differing = Vec::new();
            let mut misfiled = Vec::new();
            for (row, text) in page.rows() {
                let document = parsed(database, text)?;
                let facts = NumberFacts::of(&document);
                match source_in_number_database(database, &row.id, &facts) {
                    Source::Assigned(account) if self.only.is_none_or(|only| only == account) => {
                        differing.push((account, row.id.clone(), document.digest(), text));
                    }
                    Source::Misfiled if self.only.is_none() || facts.assigned_to == self.only => {
                        misfiled.push(row.id.as_str());
                    }
                    _ => {}
                }
            }
            warn_misfiled(run, database, &misfiled).await;
            if !is_named_by_numbers(database) {
                let ids: Vec<(AccountId, &str)> = differing
                    .iter()
                    .map(|(account, id, ..)| (*account, id.as_str()))
                    .collect();
                let shadowed = shadowed(run, database, &ids).await?;
                differing.retain(|(_, id, ..)| !shadowed.contains(id.as_str()));
            }
            let mut pending = Vec::new();
            for (account, id, digest, text) in differing {
                match self.tables.compare(account, &id, digest) {
                    Compared::Same => *unchanged.entry(account).or_default() += 1,
                    Compared::Differs(target) => pending.push((account, id, text, target)),
                }
            }
            for (account, id, text, target) in pending {
                let pending = Pending {
                    id,
                    from: database.clone(),
                    text: None,
                    target,
                };
                self.outbox.put(run, account, pending, text).await?;
            }
        }
        for (account, times) in unchanged {
            run.tally.decided(
                &account.database(),
                crate::report::Outcome::Unchanged,
                times,
            );
        }
        Ok(())
    }
}

/// Warns of numbers in the number database of another prefix.
pub(super) async fn warn_misfiled(run: &Run, database: &DatabaseName, ids: &[&str]) {
    for id in ids {
        run.warn(format!(
            "{database}: {id} belongs in another number database and is left alone"
        ))
        .await;
    }
}

/// The number databases that are named after no prefix, and take any number.
pub(super) const UNPREFIXED: [&str; 2] = ["numbers/inum", "numbers/managed"];

/// Whether a number database is named after a prefix, so that only one can hold a number.
pub(super) fn is_named_by_numbers(database: &DatabaseName) -> bool {
    !UNPREFIXED.contains(&database.plain())
}

/// An assigned number of `numbers/inum` or `numbers/managed` that another number database assigns, too.
pub(super) struct Double {
    pub(super) id: String,
    /// The account that has it in the database that was looked at.
    pub(super) account: AccountId,
    /// The other number database.
    pub(super) other: DatabaseName,
    /// The account that has it there.
    pub(super) holder: AccountId,
}

/// Looks in the other number databases for numbers of `numbers/inum` or `numbers/managed`: in the one that each number names,
/// and for `numbers/managed` in `numbers/inum`.
pub(super) async fn doubles(
    run: &Run,
    database: &DatabaseName,
    ids: &[(AccountId, &str)],
) -> Result<Vec<Double>, Error> {
    let mut by_database: BTreeMap<DatabaseName, Vec<(AccountId, &str)>> = BTreeMap::new();
    for (account, id) in ids {
        let named = number_database_of(id);
        let inum = (database.plain() == "numbers/managed")
            .then(|| DatabaseName::new("numbers/inum"))
            .flatten();
        for other in [named, inum].into_iter().flatten() {
            by_database.entry(other).or_default().push((*account, id));
        }
    }
    let mut doubles = Vec::new();
    for (other, ids) in by_database {
        let keys: Vec<&str> = ids.iter().map(|(_, id)| *id).collect();
        let found = match run.keys(&other, &keys, Include::Documents).await {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::DatabaseNotFound => continue,
            Err(error) => return Err(error),
        };
        for ((account, id), found) in ids.iter().zip(&found) {
            let Some((_, text)) = found.document() else {
                continue;
            };
            let document = parsed(&other, text)?;
            let facts = NumberFacts::of(&document);
            if let Source::Assigned(holder) = source_in_number_database(&other, id, &facts) {
                doubles.push(Double {
                    id: (*id).to_owned(),
                    account: *account,
                    other: other.clone(),
                    holder,
                });
            }
        }
    }
    Ok(doubles)
}

/// Of numbers of `numbers/inum` or `numbers/managed`, those that another number database holds
/// for the same account: that one counts, or two sources would fight over one target.
pub(super) async fn shadowed(
    run: &Run,
    database: &DatabaseName,
    ids: &[(AccountId, &str)],
) -> Result<HashSet<String>, Error> {
    let doubles = doubles(run, database, ids).await?;
    Ok(shadows(run, database, &doubles).await)
}

/// Those of the doubles that are the same account's in both databases, with a warning each.
pub(super) async fn shadows(
    run: &Run,
    database: &DatabaseName,
    doubles: &[Double],
) -> HashSet<String> {
    let mut shadowed = HashSet::new();
    for double in doubles.iter().filter(|one| one.account == one.holder) {
        if shadowed.insert(double.id.clone()) {
            run.warn(format!(
                "{database}: {} is in {} too, and that one counts",
                double.id, double.other
            ))
            .await;
        }
    }
    shadowed
}

/// What is to be copied, by account.
struct Outbox {
    budget: Budget,
    pending: Mutex<HashMap<AccountId, Vec<Pending>>>,
}

impl Outbox {
    fn new(budget: Budget) -> Self {
        Self {
            budget,
            pending: Mutex::default(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<AccountId, Vec<Pending>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a number in, whose document this is. When there is no room, the account with the most
    /// is written first.
    async fn put(
        &self,
        run: &Arc<Run>,
        account: AccountId,
        mut pending: Pending,
        text: &str,
    ) -> Result<(), Error> {
        pending.text = self.budget.hold(text);
        if pending.text.is_none() {
            if let Some((account, pending)) = self.take_largest() {
                settle_account(run, account, pending, Assignment::ToIt).await?;
            }
            pending.text = self.budget.hold(text);
        }
        self.pending().entry(account).or_default().push(pending);
        Ok(())
    }

    fn take_largest(&self) -> Option<(AccountId, Vec<Pending>)> {
        let mut pending = self.pending();
        let account = *pending.iter().max_by_key(|(_, all)| all.len())?.0;
        let all = pending.remove(&account)?;
        Some((account, all))
    }

    fn take_all(&self) -> BTreeMap<AccountId, Vec<Pending>> {
        self.pending().drain().collect()
    }
}

/// Whether a copy needs the number to be assigned to the account that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assignment {
    ToIt,
    Whatever,
}

/// Makes an account's documents equal to their sources.
pub(super) async fn settle_account(
    run: &Run,
    account: AccountId,
    pending: Vec<Pending>,
    assignment: Assignment,
) -> Result<Ends, Error> {
    if pending.is_empty() {
        return Ok(Ends::new());
    }
    let database = account.database();
    let mut ids = Vec::with_capacity(pending.len());
    let mut from = HashMap::with_capacity(pending.len());
    let mut known = HashMap::new();
    let mut targets = HashMap::new();
    for one in pending {
        if let Some(text) = one.text {
            known.insert(one.id.clone(), text);
        }
        if !matches!(one.target, Target::Unread) {
            targets.insert(one.id.clone(), one.target);
        }
        from.insert(one.id.clone(), one.from);
        ids.push(one.id);
    }
    let decider = ToAccount {
        run,
        account,
        database: &database,
        from,
        known: Mutex::new(known),
        targets: Mutex::new(targets),
        assignment,
    };
    settle(run, &database, Vec::new(), &ids, &decider).await
}

/// The field that attachments are in.
const ATTACHMENTS: &str = "_attachments";

/// Decides about an account's copies of numbers.
struct ToAccount<'a> {
    run: &'a Run,
    account: AccountId,
    database: &'a DatabaseName,
    from: HashMap<String, DatabaseName>,
    /// Sources as they were scanned: good for the first decision, and then read anew.
    known: Mutex<HashMap<String, Held>>,
    /// Targets likewise.
    targets: Mutex<HashMap<String, Target>>,
    assignment: Assignment,
}

#[async_trait]
impl Decide for ToAccount<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let sources = self.sources(ids).await?;
        let targets = self.targets(ids).await?;
        let mut decisions = Vec::with_capacity(ids.len());
        for ((id, source), target) in ids.iter().zip(&sources).zip(&targets) {
            decisions.push(match source {
                Some(source) => self.one(id, source.text(), target).await?,
                None => Decision::Skip,
            });
        }
        Ok(decisions)
    }
}

/// An account database that is missing is a copy's failure to save, not to read.
fn as_saving(error: Error) -> Error {
    match (error.kind(), error.database()) {
        (Kind::DatabaseNotFound, Some(database)) => {
            Error::new(Kind::DatabaseNotFound, Operation::SAVE_DOCS, "").in_database(database)
        }
        _ => error,
    }
}

impl ToAccount<'_> {
    /// The source of each, if it still is one.
    async fn sources(&self, ids: &[&str]) -> Result<Vec<Option<Held>>, Error> {
        let mut sources: HashMap<&str, Held> = HashMap::new();
        let mut unknown: BTreeMap<&DatabaseName, Vec<&str>> = BTreeMap::new();
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                if let Some(text) = known.remove(*id) {
                    sources.insert(id, text);
                } else if let Some(from) = self.from.get(*id) {
                    unknown.entry(from).or_default().push(id);
                }
            }
        }
        for (from, ids) in unknown {
            let found = self.run.keys(from, &ids, Include::Documents).await?;
            for (id, found) in ids.into_iter().zip(found) {
                let Found::Present { text, .. } = found else {
                    continue;
                };
                if self.is_source(from, id, &text)? {
                    sources.insert(id, self.run.budget.hold_anyway(text));
                }
            }
        }
        Ok(ids.iter().map(|id| sources.remove(id)).collect())
    }

    /// What the account has in the place of each.
    async fn targets(&self, ids: &[&str]) -> Result<Vec<Found>, Error> {
        let mut found: Vec<Option<Found>> = {
            let mut known = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter()
                .map(|id| known.remove(*id).and_then(|target| target.found()))
                .collect()
        };
        let unknown: Vec<&str> = ids
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(id, _)| *id)
            .collect();
        if !unknown.is_empty() {
            let read = self
                .run
                .keys(self.database, &unknown, Include::Documents)
                .await
                .map_err(as_saving)?;
            let unread = found.iter_mut().filter(|found| found.is_none());
            for (place, read) in unread.zip(read) {
                *place = Some(read);
            }
        }
        Ok(found
            .into_iter()
            .map(|found| found.unwrap_or(Found::Missing))
            .collect())
    }

    fn is_source(&self, from: &DatabaseName, id: &str, text: &str) -> Result<bool, Error> {
        let document = parsed(from, text)?;
        let facts = NumberFacts::of(&document);
        Ok(match self.assignment {
            Assignment::ToIt => {
                source_in_number_database(from, id, &facts) == Source::Assigned(self.account)
            }
            Assignment::Whatever => facts.is_live_number(),
        })
    }

    async fn one(&self, id: &str, source: &str, target: &Found) -> Result<Decision, Error> {
        let from = self.from.get(id).unwrap_or(self.database);
        let document = parsed(from, source)?;
        let facts = NumberFacts::of(&document);
        let present = match target.document() {
            Some((_, text)) => Some(parsed(self.database, text)?),
            None => None,
        };
        let copy = to_account(document.digest(), present.as_ref());
        if let (Copy::Overwrite, Some((_, text)), Some(present)) =
            (copy, target.document(), &present)
            && !self.leaves_agree(id, text, present, &document).await?
        {
            let reason = CONFLICTED.to_owned();
            return Ok(Decision::Failed(self.database.encoded(), reason));
        }
        if facts.has_attachments && matches!(copy, Copy::Create | Copy::Overwrite) {
            return self.with_attachments(from, id, &document, target).await;
        }
        Ok(self.decision(copy, &document, target))
    }

    /// Whether the losing leaves of a copy that is to be overwritten say the same as the copy in all that the copying goes by
    /// (contract section 10.3): they are numbers, of the same account, that differ from the source.
    async fn leaves_agree(
        &self,
        id: &str,
        text: &str,
        present: &Object<'_>,
        source: &Object<'_>,
    ) -> Result<bool, Error> {
        let facts = NumberFacts::of(present);
        for leaf in self.run.losing_leaves(self.database, id, text).await? {
            let leaf = parsed(self.database, &leaf.text)?;
            if !facts.are_of_the_same_number(&NumberFacts::of(&leaf))
                || leaf.digest() == source.digest()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn decision(&self, copy: Copy, source: &Object<'_>, target: &Found) -> Decision {
        match (copy, target.document()) {
            (Copy::Unchanged, _) => Decision::Unchanged,
            (Copy::Overwrite, Some((rev, before))) => {
                Decision::Change(Change::update(rev, before, source.with(&[]).into()))
            }
            (Copy::Create | Copy::Overwrite, _) => {
                Decision::Change(Change::create(source.with(&[]).into()))
            }
            (Copy::Conflict, _) => Decision::Failed(
                self.database.encoded(),
                Error::new(Kind::Conflict, Operation::SAVE_DOCS, "").reason(),
            ),
        }
    }

    /// A copy whose attachments must come along. Their digests can differ between servers that
    /// hold the same bytes, so it is the bytes that decide.
    async fn with_attachments(
        &self,
        from: &DatabaseName,
        id: &str,
        known: &Object<'_>,
        target: &Found,
    ) -> Result<Decision, Error> {
        let source = self.run.keys(from, &[id], Include::Attachments).await?;
        let Some((_, source)) = source.first().and_then(Found::document) else {
            return Ok(Decision::Skip);
        };
        let mut document = parsed(from, source)?;
        let rehearsed;
        if self.run.settings.dry_run {
            // What the run would have written to the source by now is not there.
            rehearsed = known.with(&[(ATTACHMENTS, document.get(ATTACHMENTS))]);
            document = parsed(from, &rehearsed)?;
        }
        if !target.is_present() {
            return Ok(self.decision(Copy::Create, &document, target));
        }
        let whole = self
            .run
            .keys(self.database, &[id], Include::Attachments)
            .await?;
        let Some(whole) = whole.first() else {
            return Ok(Decision::Skip);
        };
        let present = match whole.document() {
            Some((_, text)) => Some(parsed(self.database, text)?),
            None => None,
        };
        let copy = to_account(document.digest(), present.as_ref());
        Ok(self.decision(copy, &document, whole))
    }
}
