//! The state of the environment, and what requests and reports do to it. The properties of writes and reports are checked here.

use std::rc::Rc;

use document::{Change, Document, Revision};

use super::properties::{
    APPLIED_ONCE, DELETES_BY_RULE, OVERWRITES_NOTHING_UNREAD, RECORDS_OWN_WRITES, REPORT_IS_TRUE,
    REPORTED_ONCE,
};
use super::run::{IDS, Reported, Rule, Run, Seen, Wrote};
use super::server::{Tree, lost, value_of};
use crate::explore::Property;
use crate::plan::Decision;
use couchdb::Landed;

/// One row of a request, with what the run had read when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
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
pub(super) struct Request {
    /// `None`: the run that sent it has ended.
    from: Option<usize>,
    rule: Rule,
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, Debug, Hash)]
pub(super) struct State {
    pub(super) trees: Vec<Tree>,
    pub(super) runs: Vec<Rc<Run>>,
    /// Requests whose sender no longer waits.
    pub(super) late: Vec<Request>,
    pub(super) outside_writes: u8,
    pub(super) faults: u8,
    pub(super) kills: u8,
}

pub(super) fn place(id: &str) -> usize {
    IDS.iter().position(|known| *known == id).unwrap()
}

impl State {
    pub(super) fn run(&mut self, run: usize) -> &mut Run {
        Rc::make_mut(&mut self.runs[run])
    }

    /// Drops what no longer makes a difference, so that states that behave alike are one.
    pub(super) fn normalise(&mut self) {
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
    pub(super) fn read(&mut self, run: usize, id: &str) -> Option<Document> {
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

    pub(super) fn request(&self, from: usize, changes: &[Change]) -> Request {
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
            rule: run.rule,
            rows: changes.iter().map(row).collect(),
        }
    }

    /// The server acts on the first rows of a request.
    pub(super) fn land(&mut self, request: &Request, rows: usize) -> Result<Vec<Landed>, Property> {
        let mut landed = Vec::new();
        for row in request.rows.iter().take(rows) {
            let tree = &mut self.trees[row.document];
            let existed = tree.value().is_some();
            let mut results = Vec::new();
            let winner = [(row.rev.as_ref(), row.value)];
            let losers = row.losers.iter().map(|rev| (Some(rev), None));
            for (index, (rev, value)) in winner.into_iter().chain(losers).enumerate() {
                let before = rev.and_then(|rev| tree.value_at(rev));
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
                if value.is_none() && !before.is_some_and(|before| request.rule.deletes(before)) {
                    return Err(DELETES_BY_RULE);
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
    pub(super) fn at_present_revision(&self, change: Change) -> Change {
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
    pub(super) fn records(&self, change: &Change, rev: Option<&Revision>) -> Result<(), Property> {
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
    pub(super) fn report(
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
