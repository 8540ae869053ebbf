//! The measurement: builds a cluster, runs each command alternately with its floor, and restores
//! the cluster in between.

mod second_look;

use anyhow::{Context as _, Result, ensure};
use kazoo_numbers_generator::{Cluster, DriftKind, refuse_if_occupied};

use crate::changes::{ChangeDirection, JournaledChanges, run_in};
use crate::children::{Children, JournaledRun, OurRun};
use crate::conditions::Conditions;
use crate::current::{CurrentDocuments, documents_of};
use crate::family::{CommandFamily, FamilyKind};
use crate::floor::{AT_ONCE, FloorRun};
use crate::http::Client;
use crate::idle;
use crate::measurement::{ClusterState, Measurement};
use crate::progress::log;
use crate::request_plan;
use crate::requests::RequestPlan;
use crate::server::MeasuredServer;
use crate::shape::ClusterShape;
use crate::snapshot::Snapshot;

/// Measures commands on one server.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    server: &'a MeasuredServer,
    children: Children,
    client: Client,
    conditions: Conditions,
    trivial_peak_bytes: u64,
}

/// Runs of the command, and as many runs of its floor.
#[derive(Debug, Default)]
struct Runs {
    ours: Vec<OurRun>,
    floor: Vec<FloorRun>,
    questions: Vec<FloorRun>,
}

impl<'a> Bench<'a> {
    /// Creates a bench. A server with a foreign cluster is refused.
    pub(crate) async fn new(server: &'a MeasuredServer, children: Children) -> Result<Self> {
        refuse_if_occupied(server.url()).await?;
        let client = Client::new(server.url(), AT_ONCE)?;
        let conditions = Conditions::of(server, &client).await?;
        let trivial_peak_bytes = children.trivial_peak_bytes()?;
        Ok(Self {
            server,
            children,
            client,
            conditions,
            trivial_peak_bytes,
        })
    }

    /// Measures commands on a cluster of this shape, `turns` times each, and deletes the cluster.
    /// `each` gets every measurement.
    pub(crate) async fn cluster(
        &self,
        shape: ClusterShape,
        families: &[&CommandFamily],
        turns: usize,
        mut each: impl FnMut(Measurement) -> Result<()>,
    ) -> Result<()> {
        for some in families.chunk_by(|left, right| left.drift == right.drift) {
            let drift = some.first().map_or(&[][..], |family| family.drift);
            self.make(shape, drift).await?;
            for family in some {
                let measured = match family.work {
                    FamilyKind::Reads => self.measure_reading(family, turns).await,
                    FamilyKind::Writes => self.measure_writing(family, turns).await,
                    FamilyKind::Undoes(function) => {
                        self.measure_undoing(family, function, turns).await
                    }
                };
                for (state, turns) in measured.with_context(|| family.name)? {
                    each(self.measurement(family, shape, state, turns))?;
                }
            }
        }
        Ok(Cluster::wipe(self.server.url()).await?)
    }

    async fn make(&self, shape: ClusterShape, drift: &[DriftKind]) -> Result<()> {
        let kinds: Vec<&str> = drift.iter().map(|kind| kind.name()).collect();
        log(&format!("{} numbers, {}", shape.numbers, kinds.join(", ")));
        Cluster::wipe(self.server.url()).await?;
        shape.plan(drift).load(self.server.url()).await?;
        self.idle().await
    }

    async fn measure_reading(
        &self,
        family: &CommandFamily,
        turns: usize,
    ) -> Result<Vec<(ClusterState, Runs)>> {
        let snapshot = Snapshot::of(&self.client).await?;
        let floor = request_plan::plan_without_writes(family, &snapshot);
        self.ours(family)?;
        self.children.floor(&floor)?;
        let turns = self.alternate(&floor, turns, || Ok(self.ours(family)?.run))?;
        Ok(vec![(ClusterState::Drifted, turns)])
    }

    async fn measure_writing(
        &self,
        family: &CommandFamily,
        turns: usize,
    ) -> Result<Vec<(ClusterState, Runs)>> {
        let drifted = Snapshot::of(&self.client).await?;
        // The first run is not counted. It warms up caches and determines the changes.
        let first = self.ours(family)?;
        let mut changes = JournaledChanges::of_journal(first.journal.path())?;
        ensure!(!changes.is_empty(), "the command changed nothing");
        let in_sync = Snapshot::of(&self.client).await?;
        for database in in_sync.new_since(&drifted) {
            let documents = documents_of(&self.client, &database).await?;
            changes.create(database, documents);
        }

        let floor = request_plan::plan_without_writes(family, &in_sync);
        self.children.floor(&floor)?;
        self.idle().await?;
        let again = self.alternate(&floor, turns, || Ok(self.ours(family)?.run))?;
        for run in &again.ours {
            let written = run.summary.outcome.written();
            ensure!(written == 0, "a second run wrote {written} documents");
        }
        self.restore(&changes).await?;

        let mut to_do = Runs::default();
        for turn in 0..turns {
            for ours in order(turn) {
                // The documents read here are in the server's cache for the command as well.
                let current = self.current(&changes, ChangeDirection::Before).await?;
                if ours {
                    let ran = self.ours(family)?;
                    self.ensure_same_result(&first, &ran)?;
                    to_do.ours.push(ran.run);
                } else {
                    let floor =
                        request_plan::plan_with_writes(family, &drifted, &changes, &current);
                    to_do.floor.push(self.children.floor(&floor)?);
                    self.current(&changes, ChangeDirection::After).await?;
                }
                self.restore(&changes).await?;
            }
        }
        let left = Snapshot::of(&self.client).await?;
        ensure!(left == drifted, "the cluster is not as it was");
        Ok(vec![
            (ClusterState::Drifted, to_do),
            (ClusterState::InSync, again),
        ])
    }

    /// Measures `undo`. Each turn undoes a separate run.
    async fn measure_undoing(
        &self,
        family: &CommandFamily,
        function: &str,
        turns: usize,
    ) -> Result<Vec<(ClusterState, Runs)>> {
        let mut done = Runs::default();
        for turn in 0..=turns {
            for ours in order(turn) {
                let ran = self.children.ours(function, &[])?;
                let journal = ran.journal.path();
                let changes = JournaledChanges::of_journal(journal)?;
                let run = run_in(journal)?.context("the command changed nothing")?;
                self.idle().await?;
                if ours {
                    let undone = self.children.ours_with(family.name, &[&run], journal)?;
                    done.ours.push(undone);
                } else {
                    let current = self.current(&changes, ChangeDirection::After).await?;
                    let floor = request_plan::plan_undo(family, &changes, &current);
                    done.floor.push(self.children.floor(&floor)?);
                }
                self.current(&changes, ChangeDirection::Before).await?;
            }
        }
        // The first turn warms up caches.
        done.ours.remove(0);
        done.floor.remove(0);
        Ok(vec![(ClusterState::Drifted, done)])
    }

    /// Runs the command and the floor alternately on a cluster that neither changes.
    fn alternate(
        &self,
        floor: &RequestPlan,
        turns: usize,
        run: impl Fn() -> Result<OurRun>,
    ) -> Result<Runs> {
        let mut done = Runs::default();
        for turn in 0..turns {
            for ours in order(turn) {
                if ours {
                    done.ours.push(run()?);
                } else {
                    done.floor.push(self.children.floor(floor)?);
                }
            }
        }
        Ok(done)
    }

    /// Runs the command, and checks that its journal has all reported writes.
    fn ours(&self, family: &CommandFamily) -> Result<JournaledRun> {
        let ran = self.children.ours(family.name, family.arguments)?;
        let reported = ran.run.summary.outcome.written();
        let journalled = JournaledChanges::of_journal(ran.journal.path())?.count() as u64;
        ensure!(
            reported == journalled,
            "{reported} documents were written, and {journalled} are in the journal"
        );
        Ok(ran)
    }

    /// Fails unless two runs from the same state have the same result.
    fn ensure_same_result(&self, first: &JournaledRun, other: &JournaledRun) -> Result<()> {
        let (first_outcome, outcome) = (first.run.summary.outcome, other.run.summary.outcome);
        ensure!(
            first_outcome == outcome,
            "another run did something else: {outcome:?}, not {first_outcome:?}"
        );
        let written = |ran: &JournaledRun| -> Result<Vec<(String, String)>> {
            let changes = JournaledChanges::of_journal(ran.journal.path())?;
            let documents = changes.ids().flat_map(|(database, ids)| {
                ids.into_iter()
                    .map(|id| (database.to_owned(), id.to_owned()))
                    .collect::<Vec<_>>()
            });
            Ok(documents.collect())
        };
        ensure!(
            written(first)? == written(other)?,
            "another run wrote other documents"
        );
        Ok(())
    }

    /// Restores the cluster to its state before these changes.
    async fn restore(&self, changes: &JournaledChanges) -> Result<()> {
        let current = CurrentDocuments::of(&self.client, changes).await?;
        let requests = RequestPlan {
            phases: changes.writes(ChangeDirection::Before, &current),
        };
        requests.perform(&self.client, AT_ONCE).await?;
        self.current(changes, ChangeDirection::Before).await?;
        self.idle().await
    }

    /// Waits for a server's background work after writes. The embedded server has none.
    async fn idle(&self) -> Result<()> {
        if self.server.is_embedded() {
            return Ok(());
        }
        idle::wait(&self.client).await
    }

    /// The current documents of these changes. They must be on this side of the changes.
    async fn current(
        &self,
        changes: &JournaledChanges,
        side: ChangeDirection,
    ) -> Result<CurrentDocuments> {
        let current = CurrentDocuments::of(&self.client, changes).await?;
        current.ensure_state(changes, side)?;
        Ok(current)
    }

    fn measurement(
        &self,
        family: &CommandFamily,
        shape: ClusterShape,
        state: ClusterState,
        turns: Runs,
    ) -> Measurement {
        let words: Vec<&str> = std::iter::once(family.name)
            .chain(family.arguments.iter().copied())
            .collect();
        Measurement {
            command: words.join(" "),
            shape,
            state,
            conditions: self.conditions.clone(),
            trivial_peak_bytes: self.trivial_peak_bytes,
            ours: turns.ours,
            floor: turns.floor,
            questions: turns.questions,
        }
    }
}

/// Whether the command is run, in the order of a turn. It alternates, because the second one finds warm caches.
fn order(turn: usize) -> [bool; 2] {
    let ours_first = turn.is_multiple_of(2);
    [ours_first, !ours_first]
}
