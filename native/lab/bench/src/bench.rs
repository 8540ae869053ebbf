//! The order of things: a cluster is made, each command that is measured on it is run in turns
//! with its floor, and what was changed is put back in between.

use anyhow::{Context as _, Result, ensure};
use kazoo_numbers_generator::{Cluster, DriftKind, refuse_if_occupied};

use crate::changes::{Changes, Towards, run_in};
use crate::children::{Children, OurRun, Ran};
use crate::conditions::Conditions;
use crate::family::{Family, Work};
use crate::floor::{AT_ONCE, FloorRun};
use crate::http::Client;
use crate::job::Job;
use crate::measurement::{Measurement, State};
use crate::present::{Present, documents_of};
use crate::progress::say;
use crate::quiet;
use crate::server::Server;
use crate::shape::Shape;
use crate::snapshot::Snapshot;
use crate::work;

/// Measures on one server.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    server: &'a Server,
    children: Children,
    client: Client,
    conditions: Conditions,
    trivial_peak_bytes: u64,
}

/// Runs of ours, and as many of the floor.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<OurRun>,
    floor: Vec<FloorRun>,
}

impl<'a> Bench<'a> {
    /// Refuses a server that holds somebody's cluster.
    pub(crate) async fn new(server: &'a Server, children: Children) -> Result<Self> {
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

    /// Measures these commands on a cluster of this shape, each `turns` times, and takes the
    /// cluster away. `each` gets every measurement as it is made.
    pub(crate) async fn cluster(
        &self,
        shape: Shape,
        families: &[&Family],
        turns: usize,
        mut each: impl FnMut(Measurement) -> Result<()>,
    ) -> Result<()> {
        for some in families.chunk_by(|one, other| one.drift == other.drift) {
            let drift = some.first().map_or(&[][..], |family| family.drift);
            self.make(shape, drift).await?;
            for family in some {
                let measured = match family.work {
                    Work::Reads => self.that_reads(family, turns).await,
                    Work::Writes => self.that_writes(family, turns).await,
                    Work::Undoes(function) => self.that_undoes(family, function, turns).await,
                };
                for (state, turns) in measured.with_context(|| family.name)? {
                    each(self.measurement(family, shape, state, turns))?;
                }
            }
        }
        Ok(Cluster::wipe(self.server.url()).await?)
    }

    async fn make(&self, shape: Shape, drift: &[DriftKind]) -> Result<()> {
        let kinds: Vec<&str> = drift.iter().map(|kind| kind.name()).collect();
        say(&format!("{} numbers, {}", shape.numbers, kinds.join(", ")));
        Cluster::wipe(self.server.url()).await?;
        shape.plan(drift).load(self.server.url()).await?;
        self.quiet().await
    }

    async fn that_reads(&self, family: &Family, turns: usize) -> Result<Vec<(State, Turns)>> {
        let snapshot = Snapshot::of(&self.client).await?;
        let floor = work::to_look(family, &snapshot);
        self.ours(family)?;
        self.children.floor(&floor)?;
        let turns = self.in_turns(family, &floor, turns)?;
        Ok(vec![(State::Drifted, turns)])
    }

    async fn that_writes(&self, family: &Family, turns: usize) -> Result<Vec<(State, Turns)>> {
        let drifted = Snapshot::of(&self.client).await?;
        // This one is not counted. It warms all up, and tells what there is to do.
        let first = self.ours(family)?;
        let mut changes = Changes::of_journal(first.journal.path())?;
        ensure!(!changes.is_empty(), "there was nothing to do");
        let in_sync = Snapshot::of(&self.client).await?;
        for database in in_sync.new_since(&drifted) {
            let documents = documents_of(&self.client, &database).await?;
            changes.create(database, documents);
        }

        let floor = work::to_look(family, &in_sync);
        self.children.floor(&floor)?;
        self.quiet().await?;
        let again = self.in_turns(family, &floor, turns)?;
        for run in &again.ours {
            let written = run.summary.outcome.written();
            ensure!(written == 0, "a second run wrote {written} documents");
        }
        self.put_back(&changes).await?;

        let mut to_do = Turns::default();
        for turn in 0..turns {
            for ours in [turn % 2 == 0, turn % 2 == 1] {
                // What it reads for the floor, the server has at hand for ours too.
                let present = self.present(&changes, Towards::Before).await?;
                if ours {
                    let ran = self.ours(family)?;
                    self.must_be_the_same(&first, &ran)?;
                    to_do.ours.push(ran.run);
                } else {
                    let floor = work::to_change(family, &drifted, &changes, &present);
                    to_do.floor.push(self.children.floor(&floor)?);
                    self.present(&changes, Towards::After).await?;
                }
                self.put_back(&changes).await?;
            }
        }
        let left = Snapshot::of(&self.client).await?;
        ensure!(left == drifted, "the cluster is not as it was");
        Ok(vec![(State::Drifted, to_do), (State::InSync, again)])
    }

    /// Each turn undoes a run of its own.
    async fn that_undoes(
        &self,
        family: &Family,
        function: &str,
        turns: usize,
    ) -> Result<Vec<(State, Turns)>> {
        let mut done = Turns::default();
        for turn in 0..=turns {
            for ours in [turn % 2 == 0, turn % 2 == 1] {
                let ran = self.children.ours(function, &[])?;
                let journal = ran.journal.path();
                let changes = Changes::of_journal(journal)?;
                let run = run_in(journal)?.context("there was nothing to do")?;
                self.quiet().await?;
                if ours {
                    let undone = self.children.ours_with(family.name, &[&run], journal)?;
                    done.ours.push(undone);
                } else {
                    let present = self.present(&changes, Towards::After).await?;
                    let floor = work::to_undo(family, &changes, &present);
                    done.floor.push(self.children.floor(&floor)?);
                }
                self.present(&changes, Towards::Before).await?;
            }
        }
        // The first turn warms all up.
        done.ours.remove(0);
        done.floor.remove(0);
        Ok(vec![(State::Drifted, done)])
    }

    /// Ours and the floor in turns, in a cluster that neither changes.
    fn in_turns(&self, family: &Family, floor: &Job, turns: usize) -> Result<Turns> {
        let mut done = Turns::default();
        for turn in 0..turns {
            // Who comes second finds what the other one left in caches.
            for ours in [turn % 2 == 0, turn % 2 == 1] {
                if ours {
                    done.ours.push(self.ours(family)?.run);
                } else {
                    done.floor.push(self.children.floor(floor)?);
                }
            }
        }
        Ok(done)
    }

    /// Runs the command, and sees to it that all it says that it wrote is in its journal.
    fn ours(&self, family: &Family) -> Result<Ran> {
        let ran = self.children.ours(family.name, family.arguments)?;
        let told = ran.run.summary.outcome.written();
        let journalled = Changes::of_journal(ran.journal.path())?.count() as u64;
        ensure!(
            told == journalled,
            "{told} documents were written, and {journalled} are in the journal"
        );
        Ok(ran)
    }

    /// Another run from the same state does the same.
    fn must_be_the_same(&self, first: &Ran, other: &Ran) -> Result<()> {
        let (first_outcome, outcome) = (first.run.summary.outcome, other.run.summary.outcome);
        ensure!(
            first_outcome == outcome,
            "another run did something else: {outcome:?}, not {first_outcome:?}"
        );
        let written = |ran: &Ran| -> Result<Vec<(String, String)>> {
            let changes = Changes::of_journal(ran.journal.path())?;
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

    /// Makes the cluster what it was before these changes.
    async fn put_back(&self, changes: &Changes) -> Result<()> {
        let present = Present::of(&self.client, changes).await?;
        let job = Job {
            phases: changes.writes(Towards::Before, &present),
        };
        job.perform(&self.client, AT_ONCE).await?;
        self.present(changes, Towards::Before).await?;
        self.quiet().await
    }

    /// Waits for what a server does after writes. The embedded one does nothing then.
    async fn quiet(&self) -> Result<()> {
        if self.server.is_embedded() {
            return Ok(());
        }
        quiet::wait(&self.client).await
    }

    /// The documents that these changes are about, which must be on this side of them.
    async fn present(&self, changes: &Changes, side: Towards) -> Result<Present> {
        let present = Present::of(&self.client, changes).await?;
        present.must_be(changes, side)?;
        Ok(present)
    }

    fn measurement(
        &self,
        family: &Family,
        shape: Shape,
        state: State,
        turns: Turns,
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
        }
    }
}
