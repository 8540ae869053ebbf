//! A run between its requests: it does what the product's `attempts`, `rounds` and `planned` decide, as `apply` and `write` do.
//!
//! A request and its answer are one step, because a run does nothing between them.

use std::rc::Rc;

use document::{Change, DatabaseName, Document, Revision};

use super::model::{Apply, Defect};
use super::properties::{ENDS_AS_UNDISTURBED, RECORDS_OWN_WRITES, SIX_ROUNDS, UNAUTHORIZED_ENDS};
use super::run::{Phase, Reported, Run, Why};
use super::server::{error, lost, value_of};
use super::state::{State, place};
use super::step::Network;
use crate::engine::attempts::{Decisions, Finished, Unsettled, with_leaves};
use crate::engine::reconcile::{Target, planned};
use crate::engine::rounds::NextRound;
use crate::explore::Property;
use crate::report::Outcome;
use couchdb::{Kind, Landed};

/// docs/specification.md#revisions
const ROUNDS: u32 = 6;

impl Apply {
    /// Reads what the run asks for, and does what the product decides.
    pub(super) fn read(&self, state: &mut State, run: usize) -> Result<(), Property> {
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

    pub(super) fn read_fails(&self, state: &mut State, run: usize) -> Result<(), Property> {
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

    pub(super) fn send(
        &self,
        state: &mut State,
        run: usize,
        network: Network,
    ) -> Result<(), Property> {
        let Phase::Send(changes) = state.runs[run].phase.clone() else {
            unreachable!("nothing to send");
        };
        state.faults -= u8::from(network != Network::Answered);
        state.run(run).sends += 1;
        if state.runs[run].sends > ROUNDS {
            return Err(SIX_ROUNDS);
        }
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
        self.answered(state, run, changes, landed)?;
        let has_ended = matches!(state.runs[run].phase, Phase::Ended(false));
        match network == Network::Unauthorized && !has_ended {
            true => Err(UNAUTHORIZED_ENDS),
            false => Ok(()),
        }
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
        let gives_up = matches!(
            next,
            Some(NextRound::LookOnce { .. } | NextRound::GiveUp { .. })
        );
        if gives_up && this.sends != ROUNDS {
            return Err(SIX_ROUNDS);
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
    pub(super) fn ends_as_undisturbed(&self, state: &State) -> Result<(), Property> {
        let is_quiet = state.outside_writes == self.outside_writes
            && state.late.is_empty()
            && self.rules.iter().all(|rule| *rule == self.rules[0]);
        let succeeded = |run: &Rc<Run>| {
            let failed = |id: &str| run.ghosts[id].reported == Some(Reported::Failed);
            matches!(run.phase, Phase::Ended(true)) && !run.ghosts.keys().any(|id| failed(id))
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
