//! The environment of the apply loop: a server with revisions, a network that loses requests and answers, another client, and
//! kills. Everything may happen between two steps.

use std::rc::Rc;

use super::run::{Phase, Rule, Run};
use super::server::Tree;
use super::state::State;
use super::step::{Network, Step};
use crate::explore::{Model, Property};

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

/// The documents, the runs and the other client, and how much may go wrong.
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

    fn sentence(&self, _: &State, step: &Step) -> String {
        step.sentence()
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
