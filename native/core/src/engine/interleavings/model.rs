//! The environment of the apply loop: a server with revisions, a network that loses requests and answers, another client, and
//! kills. The decisions are those of the product: `attempts` and `planned`.
//!
//! A request and its answer are one step, because a run does nothing between them. Everything may happen between two steps.

use std::rc::Rc;

use document::{Change, DatabaseName, Document, Revision};

use super::properties::{
    APPLIED_ONCE, ENDS_AS_UNDISTURBED, OVERWRITES_NOTHING_UNREAD, RECORDS_OWN_WRITES,
    REPORT_IS_TRUE, REPORTED_ONCE,
};
use super::run::{IDS, Phase, Reported, Rule, Run, Seen, Why, Wrote};
use super::server::{Tree, value_of};
use crate::engine::attempts::{Decisions, Finished, NextRound, Unsettled, with_leaves};
use crate::engine::reconcile::{Target, planned};
use crate::explore::{Model, Property};
use crate::plan::Decision;
use crate::report::Outcome;
use couchdb::{Error, Kind, Landed, Operation};

/// A defect of the wiring between the decisions and the requests. The checker must find each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// A batch whose answer was lost is sent again.
    SendsAgainUnread,
    /// A conflict counts as a success.
    ConflictIsSuccess,
    /// After a conflict the same document is sent with the revision that the server has now.
    RevisionFromAnswer,
    /// A document that could not be read is missing.
    FailedReadIsMissing,
    /// The losing leaves that a read lists are deleted without reading them.
    LosingLeavesUnread,
    /// A lost answer counts as a success.
    LostAnswerIsSuccess,
    /// A lost answer is forgotten when the document is decided again.
    LostAnswerIsForgotten,
    /// Nothing is read after the last round.
    GivesUpUnread,
    /// After a lost answer the revision that is there is recorded as that of the run.
    RecordsAnyRevision,
}

/// What there is, and how much may go wrong.
#[derive(Clone, Debug)]
pub(super) struct Apply {
    /// The live leaves of each document. The last wins.
    pub(super) documents: Vec<Vec<u8>>,
    pub(super) rules: Vec<Rule>,
    /// The values that the other client writes; `None` is a deletion.
    pub(super) outside: Vec<Option<u8>>,
    /// How often the other client writes at most.
    pub(super) outside_writes: u8,
    pub(super) faults: u8,
    pub(super) kills: u8,
    /// Whether faults include 401 and 403.
    pub(super) refusals: bool,
    pub(super) defect: Option<Defect>,
}

/// One row of a request, with what the run had read when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    document: usize,
    rev: Option<Revision>,
    value: Option<u8>,
    losers: Vec<Revision>,
    seen: Seen,
    /// Whether the run has not read the document again since.
    is_from_last_read: bool,
}

/// A request to `_bulk_docs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Request {
    /// `None`: the run that sent it has ended.
    from: Option<usize>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Hash)]
pub(super) struct State {
    trees: Vec<Tree>,
    runs: Vec<Rc<Run>>,
    /// Requests whose sender no longer waits.
    late: Vec<Request>,
    outside_writes: u8,
    faults: u8,
    kills: u8,
}

/// The fate of a request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Answered,
    LostBeforeTheServerActed,
    LostAfterTheServerActed,
    /// The server acted on the first row only.
    LostInBetween,
    /// The sender gives up, and the server may act later.
    Delayed,
    /// 403: each row is refused.
    Refused,
    /// 401: the run ends.
    Unauthorized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reads { run: usize },
    ReadFails { run: usize },
    Sends { run: usize, network: Network },
    DelayedRequestLands { request: usize },
    OutsideWrites { document: usize, value: Option<u8> },
    OutsideWritesLosingLeaf { document: usize, value: u8 },
    Killed { run: usize },
    StartsAgain { run: usize },
}

fn place(id: &str) -> usize {
    IDS.iter().position(|known| *known == id).unwrap()
}

fn error(kind: Kind) -> Error {
    Error::new(kind, Operation::SAVE_DOCS, "")
}

fn lost() -> Landed {
    Landed::Failed(error(Kind::Timeout))
}

impl Model for Apply {
    type State = State;
    type Step = Step;

    fn initial(&self) -> State {
        let run = |rule: &Rule| Rc::new(Run::new(*rule, self.documents.len()));
        State {
            trees: self.documents.iter().map(|all| Tree::with(all)).collect(),
            runs: self.rules.iter().map(run).collect(),
            late: Vec::new(),
            outside_writes: self.outside_writes,
            faults: self.faults,
            kills: self.kills,
        }
    }

    fn steps(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        let faults = state.faults > 0;
        for (index, run) in state.runs.iter().enumerate() {
            match &run.phase {
                Phase::Read(..) | Phase::Leaves(..) => {
                    steps.push(Step::Reads { run: index });
                    if faults {
                        steps.push(Step::ReadFails { run: index });
                    }
                }
                Phase::Send(changes) => {
                    let mut fates = vec![Network::Answered];
                    if faults {
                        fates.extend([
                            Network::LostBeforeTheServerActed,
                            Network::LostAfterTheServerActed,
                            Network::Delayed,
                        ]);
                        if self.refusals {
                            fates.extend([Network::Refused, Network::Unauthorized]);
                        }
                        if changes.len() > 1 {
                            fates.push(Network::LostInBetween);
                        }
                    }
                    let sends = |network| Step::Sends {
                        run: index,
                        network,
                    };
                    steps.extend(fates.into_iter().map(sends));
                }
                Phase::Dead => steps.push(Step::StartsAgain { run: index }),
                Phase::Ended(_) => {}
            }
            if state.kills > 0 && !run.is_over() {
                steps.push(Step::Killed { run: index });
            }
        }
        let late = 0..state.late.len();
        steps.extend(late.map(|request| Step::DelayedRequestLands { request }));
        let is_over = self.is_end(state) && state.late.is_empty();
        if state.outside_writes > 0 && !is_over {
            for document in 0..state.trees.len() {
                for value in self.outside.iter().copied() {
                    if value.is_some() || state.trees[document].value().is_some() {
                        steps.push(Step::OutsideWrites { document, value });
                    }
                    if let Some(value) = value
                        && !state.trees[document].losers().is_empty()
                    {
                        steps.push(Step::OutsideWritesLosingLeaf { document, value });
                    }
                }
            }
        }
        steps
    }

    fn after(&self, state: &State, step: &Step) -> Result<State, Property> {
        let mut state = state.clone();
        match *step {
            Step::Reads { run } => self.read(&mut state, run)?,
            Step::ReadFails { run } => {
                state.faults -= 1;
                self.read_fails(&mut state, run)?;
            }
            Step::Sends { run, network } => self.send(&mut state, run, network)?,
            Step::DelayedRequestLands { request } => {
                let request = state.late.remove(request);
                let all = request.rows.len();
                state.land(&request, all)?;
            }
            Step::OutsideWrites { document, value } => {
                state.outside_writes -= 1;
                let tree = &mut state.trees[document];
                let winner = tree.winner().filter(|_| tree.value().is_some());
                let rev = winner.map(|winner| tree.revision(winner));
                tree.write(rev.as_ref(), value).unwrap();
            }
            Step::OutsideWritesLosingLeaf { document, value } => {
                state.outside_writes -= 1;
                let tree = &mut state.trees[document];
                let rev = tree.revision(tree.losers()[0]);
                tree.write(Some(&rev), Some(value)).unwrap();
            }
            Step::Killed { run } => {
                state.kills -= 1;
                state.run(run).phase = Phase::Dead;
            }
            Step::StartsAgain { run } => {
                let rule = state.runs[run].rule;
                state.runs[run] = Rc::new(Run::new(rule, self.documents.len()));
            }
        }
        state.normalise();
        self.ends_as_undisturbed(&state)?;
        Ok(state)
    }

    fn is_fault_free(&self, step: &Step) -> bool {
        match step {
            Step::Reads { .. } | Step::StartsAgain { .. } => true,
            Step::Sends { network, .. } => *network == Network::Answered,
            _ => false,
        }
    }

    fn is_end(&self, state: &State) -> bool {
        let ended = |run: &Rc<Run>| matches!(run.phase, Phase::Ended(_));
        state.runs.iter().all(ended)
    }
}

impl Apply {
    /// Reads what the run asks for, and does what the product decides.
    fn read(&self, state: &mut State, run: usize) -> Result<(), Property> {
        match state.runs[run].phase.clone() {
            Phase::Read(ids, why) => {
                let documents = ids.iter().map(|id| state.read(run, id)).collect();
                self.decide(state, run, ids, documents, why)
            }
            Phase::Leaves(mut changes, mut complete) => {
                let change = changes.remove(0);
                let document = place(change.id());
                let listed = change.before().map(Document::losing_revisions);
                let tree = &state.trees[document];
                let found: Vec<usize> = listed
                    .into_iter()
                    .flatten()
                    .filter_map(|rev| tree.find(&rev))
                    .collect();
                let leaves = found
                    .iter()
                    .filter_map(|leaf| tree.leaf(change.id(), *leaf));
                let leaves = leaves.collect();
                let rule = state.runs[run].rule;
                let id = change.id().to_owned();
                state.run(run).ghost(&id).seen.leaves.extend(found);
                match with_leaves(change, leaves, |change, leaf| rule.permits(change, leaf)) {
                    Some(change) => complete.push(change),
                    None => state.report(run, &id, Reported::Failed, true)?,
                }
                self.complete(state, run, changes, complete);
                Ok(())
            }
            phase => unreachable!("{phase:?} reads nothing"),
        }
    }

    fn read_fails(&self, state: &mut State, run: usize) -> Result<(), Property> {
        match state.runs[run].phase.clone() {
            Phase::Read(ids, why) => {
                if self.defect == Some(Defect::FailedReadIsMissing) {
                    let documents = ids.iter().map(|_| None).collect();
                    return self.decide(state, run, ids, documents, why);
                }
                for id in ids {
                    state.report(run, &id, Reported::Failed, false)?;
                }
                state.run(run).phase = Phase::Ended(true);
            }
            Phase::Leaves(mut changes, complete) => {
                let change = changes.remove(0);
                state.report(run, change.id(), Reported::Failed, false)?;
                self.complete(state, run, changes, complete);
            }
            phase => unreachable!("{phase:?} reads nothing"),
        }
        Ok(())
    }

    /// Decides about documents that were read.
    fn decide(
        &self,
        state: &mut State,
        run: usize,
        ids: Vec<String>,
        documents: Vec<Option<Document>>,
        why: Why,
    ) -> Result<(), Property> {
        let database = DatabaseName::new("numbers/+1").unwrap();
        let rule = state.runs[run].rule;
        let decided = ids.into_iter().zip(documents).map(|(id, document)| {
            let decision = rule.decide(&id, document.as_ref());
            planned(&database, Target { id, document }, decision)
        });
        let decided = decided.collect();
        let Decisions {
            changes,
            finished,
            landed,
            ..
        } = state.run(run).attempts.decided_all(decided);
        for (change, rev) in &landed {
            state.records(change, rev.as_ref())?;
        }
        for (id, finished) in finished {
            let reported = match finished {
                Finished::Done(outcome, document) => {
                    let is_recorded = landed.iter().any(|(change, _)| change.id() == id);
                    if self.defect == Some(Defect::RecordsAnyRevision)
                        && !is_recorded
                        && let Some((_, value)) = state.runs[run].ghosts[&*id].lost
                        && let Some(document) = document
                        && value != Some(value_of(&document))
                    {
                        return Err(RECORDS_OWN_WRITES);
                    }
                    Reported::done(outcome)
                }
                Finished::Failed(..) => Reported::Failed,
                Finished::Skipped => Reported::Skipped,
            };
            state.report(run, &id, reported, true)?;
        }
        match why {
            Why::ToSend => self.complete(state, run, changes, Vec::new()),
            Why::LookOnce(_) => {
                for change in changes {
                    state.report(run, change.id(), Reported::Failed, true)?;
                }
                state.run(run).phase = Phase::Ended(true);
            }
        }
        Ok(())
    }

    /// Goes on with changes: reads losing leaves, sends, or ends.
    fn complete(
        &self,
        state: &mut State,
        run: usize,
        mut changes: Vec<Change>,
        mut complete: Vec<Change>,
    ) {
        let losing = |change: &Change| match change {
            Change::Delete { before, .. } => before.losing_revisions(),
            _ => Vec::new(),
        };
        while !changes.is_empty() {
            let losers = losing(&changes[0]);
            if !losers.is_empty() {
                if self.defect != Some(Defect::LosingLeavesUnread) {
                    state.run(run).phase = Phase::Leaves(changes, complete);
                    return;
                }
                let leaf = |rev| Document::read("", rev, "{}".into()).unwrap();
                if let Change::Delete { leaves, .. } = &mut changes[0] {
                    *leaves = losers.into_iter().map(leaf).collect();
                }
            }
            complete.push(changes.remove(0));
        }
        state.run(run).phase = match complete.is_empty() {
            true => Phase::Ended(true),
            false => Phase::Send(complete),
        };
    }

    fn send(&self, state: &mut State, run: usize, network: Network) -> Result<(), Property> {
        let Phase::Send(changes) = state.runs[run].phase.clone() else {
            unreachable!("nothing to send");
        };
        state.faults -= u8::from(network != Network::Answered);
        let request = state.request(run, &changes);
        let all = changes.len();
        let landed = match network {
            Network::Answered => state.land(&request, all)?,
            Network::LostBeforeTheServerActed => vec![lost(); all],
            Network::LostAfterTheServerActed => {
                state.land(&request, all)?;
                vec![lost(); all]
            }
            Network::LostInBetween => {
                state.land(&request, 1)?;
                vec![lost(); all]
            }
            Network::Delayed => {
                state.late.push(request);
                vec![lost(); all]
            }
            Network::Refused => vec![Landed::Failed(error(Kind::Forbidden)); all],
            Network::Unauthorized => vec![Landed::Failed(error(Kind::Unauthorized)); all],
        };
        self.answered(state, run, changes, landed)
    }

    fn answered(
        &self,
        state: &mut State,
        run: usize,
        changes: Vec<Change>,
        mut landed: Vec<Landed>,
    ) -> Result<(), Property> {
        let again = changes.clone();
        for (change, landed) in changes.iter().zip(&mut landed) {
            let document = place(change.id());
            let tree = &state.trees[document];
            let winner = tree.winner().map(|winner| tree.revision(winner));
            match landed {
                Landed::Conflict if self.defect == Some(Defect::ConflictIsSuccess) => {
                    *landed = Landed::Written(winner.unwrap());
                }
                Landed::Failed(error) if error.is_temporary() => {
                    let replaced = change.rev().map_or(Some(0), Revision::generation);
                    let value = change.after().map(value_of);
                    let ghost = state.run(run).ghost(change.id());
                    ghost.lost = Some((replaced.unwrap() + 1, value));
                    if self.defect == Some(Defect::LostAnswerIsSuccess) {
                        *landed = Landed::Written(Revision::Usual(1, 0));
                    }
                }
                _ => {}
            }
        }
        let answers = state.run(run).attempts.answered_all(changes, landed);
        for (change, _) in &answers.written {
            let reported = Reported::done(Outcome::of(change));
            state.report(run, change.id(), reported, true)?;
        }
        for (id, _) in &answers.failed {
            // A refusal says nothing about an earlier request that was lost.
            state.report(run, id, Reported::Failed, false)?;
        }
        if answers.fatal.is_some() {
            state.run(run).phase = Phase::Ended(false);
            return Ok(());
        }
        self.next_round(state, run, answers.unsettled, again)
    }

    fn next_round(
        &self,
        state: &mut State,
        run: usize,
        unsettled: Unsettled,
        sent: Vec<Change>,
    ) -> Result<(), Property> {
        let this = state.run(run);
        let next = this.rounds.next(unsettled, &this.attempts);
        if self.defect == Some(Defect::LostAnswerIsForgotten) {
            this.attempts = Default::default();
        }
        let give_up = |state: &mut State, ids: Vec<String>| {
            for id in ids {
                state.report(run, &id, Reported::Failed, true)?;
            }
            state.run(run).phase = Phase::Ended(true);
            Ok(())
        };
        match next {
            None => state.run(run).phase = Phase::Ended(true),
            Some(NextRound::Again { ids, trouble }) => {
                let of_these = |change: &Change| ids.iter().any(|id| id == change.id());
                let unsettled = sent.into_iter().filter(of_these);
                state.run(run).phase = match (self.defect, trouble) {
                    (Some(Defect::SendsAgainUnread), Some(_)) => Phase::Send(unsettled.collect()),
                    (Some(Defect::RevisionFromAnswer), None) => {
                        let renamed = unsettled.map(|change| state.at_present_revision(change));
                        Phase::Send(renamed.collect())
                    }
                    _ => Phase::Read(ids, Why::ToSend),
                };
            }
            Some(NextRound::LookOnce { ids, .. }) if self.defect == Some(Defect::GivesUpUnread) => {
                give_up(state, ids)?;
            }
            Some(NextRound::LookOnce { ids, reason }) => {
                state.run(run).phase = Phase::Read(ids, Why::LookOnce(reason));
            }
            Some(NextRound::GiveUp { ids, .. }) => give_up(state, ids)?,
        }
        Ok(())
    }

    /// Without another client, runs of one rule that end well leave what one undisturbed run leaves.
    fn ends_as_undisturbed(&self, state: &State) -> Result<(), Property> {
        let is_quiet = state.outside_writes == self.outside_writes
            && state.late.is_empty()
            && self.rules.iter().all(|rule| *rule == self.rules[0]);
        let succeeded = |run: &Rc<Run>| {
            let failed = |id: &&str| run.ghosts[*id].reported == Some(Reported::Failed);
            matches!(run.phase, Phase::Ended(true)) && !run.ghosts.keys().any(|id| failed(&id))
        };
        if !is_quiet || !state.runs.iter().all(succeeded) {
            return Ok(());
        }
        for (tree, before) in state.trees.iter().zip(&self.documents) {
            let expected = self.rules[0].result(before);
            if tree.value() != expected {
                return Err(ENDS_AS_UNDISTURBED);
            }
        }
        Ok(())
    }
}

impl Rule {
    /// What one undisturbed run leaves of a document with these leaves.
    fn result(self, leaves: &[u8]) -> Option<u8> {
        let winner = leaves.last().copied();
        match (self, winner) {
            (Self::Copy(wanted), _) | (Self::CreateMissing(wanted), None) => Some(wanted),
            (Self::Fix, Some(value)) => Some(value + value % 2),
            (Self::Remove(orphan), Some(_)) if leaves.iter().all(|leaf| *leaf == orphan) => None,
            _ => winner,
        }
    }
}

impl State {
    fn run(&mut self, run: usize) -> &mut Run {
        Rc::make_mut(&mut self.runs[run])
    }

    /// Drops what no longer makes a difference, so that states that behave alike are one.
    fn normalise(&mut self) {
        for run in &mut self.runs {
            if !run.is_normal(&self.trees) {
                Rc::make_mut(run).normalise(&self.trees);
            }
        }
        let (runs, trees) = (&self.runs, &self.trees);
        for late in &mut self.late {
            late.from = late.from.filter(|from| !runs[*from].is_over());
            for row in &mut late.rows {
                let tree = &trees[row.document];
                row.seen.leaves.retain(|leaf| tree.is_leaf(*leaf));
                row.is_from_last_read &= late.from.is_some();
            }
        }
        // All rows of these are in conflict.
        self.late.retain(|late| {
            let can_land = |row: &Row| {
                let tree = &trees[row.document];
                let mut losers = row.losers.iter();
                let winner = row.rev.as_ref();
                winner.is_none_or(|rev| tree.find(rev).is_some())
                    || losers.any(|rev| tree.find(rev).is_some())
            };
            late.rows.iter().any(can_land)
        });
    }

    /// Reads a document, and notes what the run saw.
    fn read(&mut self, run: usize, id: &str) -> Option<Document> {
        let tree = &self.trees[place(id)];
        let document = tree.read(id);
        let seen = Seen {
            exists: document.is_some(),
            leaves: tree.winner().into_iter().collect(),
        };
        let ghost = self.run(run).ghost(id);
        ghost.seen = seen;
        ghost.has_landed = false;
        let earlier = self.late.iter_mut().filter(|late| late.from == Some(run));
        for row in earlier.flat_map(|late| &mut late.rows) {
            row.is_from_last_read &= row.document != place(id);
        }
        document
    }

    fn request(&self, from: usize, changes: &[Change]) -> Request {
        let run = &self.runs[from];
        let row = |change: &Change| Row {
            document: place(change.id()),
            rev: change.rev().cloned(),
            value: change.after().map(value_of),
            losers: match change {
                Change::Delete { leaves, .. } => leaves
                    .iter()
                    .filter_map(|leaf| leaf.rev().cloned())
                    .collect(),
                _ => Vec::new(),
            },
            seen: run.ghosts[change.id()].seen.clone(),
            is_from_last_read: true,
        };
        Request {
            from: Some(from),
            rows: changes.iter().map(row).collect(),
        }
    }

    /// The server acts on the first rows of a request.
    fn land(&mut self, request: &Request, rows: usize) -> Result<Vec<Landed>, Property> {
        let mut landed = Vec::new();
        for row in request.rows.iter().take(rows) {
            let tree = &mut self.trees[row.document];
            let existed = tree.value().is_some();
            let mut results = Vec::new();
            let winner = [(row.rev.as_ref(), row.value)];
            let losers = row.losers.iter().map(|rev| (Some(rev), None));
            for (index, (rev, value)) in winner.into_iter().chain(losers).enumerate() {
                let Ok(replaced) = tree.write(rev, value) else {
                    results.push(Landed::Conflict);
                    continue;
                };
                let was_read = match replaced {
                    Some(replaced) if existed => row.seen.leaves.contains(&replaced),
                    _ => !row.seen.exists,
                };
                if !was_read {
                    return Err(OVERWRITES_NOTHING_UNREAD);
                }
                let made = tree.last();
                results.push(Landed::Written(tree.revision(made)));
                if index == 0
                    && let Some(from) = request.from
                {
                    let ghost = Rc::make_mut(&mut self.runs[from]).ghost(IDS[row.document]);
                    if row.is_from_last_read && std::mem::replace(&mut ghost.has_landed, true) {
                        return Err(APPLIED_ONCE);
                    }
                    ghost.wrote = Wrote::Leaf(made);
                }
            }
            // As `bulk_docs` reads the rows of one document.
            let failed = results
                .iter()
                .skip(1)
                .find(|one| !matches!(one, Landed::Written(_)));
            landed.push(match (&results[0], failed) {
                (Landed::Written(_), Some(_)) => lost(),
                (winner, _) => winner.clone(),
            });
        }
        Ok(landed)
    }

    /// The same change of the revision that is there now.
    fn at_present_revision(&self, change: Change) -> Change {
        let tree = &self.trees[place(change.id())];
        let now = tree.read(change.id());
        match (change, now) {
            (Change::Create { after, .. } | Change::Update { after, .. }, Some(now)) => {
                Change::update(now, after)
            }
            (Change::Delete { .. }, Some(now)) => Change::delete(now),
            (Change::Update { after, .. }, None) => Change::create(after),
            (change, None) => change,
        }
    }

    /// The journal notes a lost write that landed.
    fn records(&self, change: &Change, rev: Option<&Revision>) -> Result<(), Property> {
        let tree = &self.trees[place(change.id())];
        let value = match rev {
            Some(rev) => tree.find(rev).and_then(|made| tree.node(made).value),
            None => tree.value(),
        };
        match value == change.after().map(value_of) {
            true => Ok(()),
            false => Err(RECORDS_OWN_WRITES),
        }
    }

    /// A run reports a document. `knows`: after a read, or after an answer about all that it sent.
    fn report(
        &mut self,
        run: usize,
        id: &str,
        reported: Reported,
        knows: bool,
    ) -> Result<(), Property> {
        let tree = &self.trees[place(id)];
        let run = Rc::make_mut(&mut self.runs[run]);
        let rule = run.rule;
        let ghost = run.ghost(id);
        if ghost.reported.replace(reported).is_some() {
            return Err(REPORTED_ONCE);
        }
        let is_ours = tree
            .winner()
            .is_some_and(|winner| ghost.wrote == Wrote::Leaf(winner));
        let may_have_landed = ghost.wrote != Wrote::Nothing
            || ghost.lost.is_some_and(|(generation, value)| {
                tree.value() == value || tree.generation() > generation
            });
        let is_true = match reported {
            Reported::Done("unchanged") => {
                let document = tree.read(id);
                let decision = rule.decide(id, document.as_ref());
                !is_ours && matches!(decision, Decision::Unchanged)
            }
            Reported::Done("deleted") => may_have_landed && (!is_ours || tree.value().is_none()),
            Reported::Done(_) => may_have_landed && (!is_ours || tree.value().is_some()),
            Reported::Failed | Reported::Skipped => !knows || !is_ours,
        };
        match is_true {
            true => Ok(()),
            false => Err(REPORT_IS_TRUE),
        }
    }
}
