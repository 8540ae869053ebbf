//! The measurement of commands with an index: the first look, a second one after nothing changed, and one after 1 % of the numbers
//! changed, as Kazoo changes them: both documents of a number. The floor is that of a full read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use exact_json::{Value, json};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_generator::names::account_database;
use serde::Deserialize;

use super::{Bench, Runs, order};
use crate::changes::{ChangeDirection, JournaledChange, JournaledChanges};
use crate::children::{OurRun, uses_index};
use crate::current::documents_of;
use crate::family::{CommandFamily, FamilyKind};
use crate::floor::AT_ONCE;
use crate::http::{FloorRequest, Method};
use crate::measurement::{ClusterState, Measurement};
use crate::progress::log;
use crate::reads::list_of_databases;
use crate::request_plan;
use crate::requests::{Phase, RequestPlan};
use crate::shape::ClusterShape;
use crate::snapshot::Snapshot;

/// One number in so many changes.
const CHANGED_OF: usize = 100;

/// Databases in one `_dbs_info`, as in the library.
const IN_AN_INFO: usize = 100;

/// The command that makes the index.
const AUDIT: &str = "audit";

/// The option with which an audit asks CouchDB's feed of updates.
const RECENT: &str = "--recent";

/// The database in which CouchDB keeps the feed.
const FEED: &str = "_global_changes";

/// CouchDB has written a change to the feed after this time.
const FEED_DELAY: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
struct Info {
    key: String,
    info: Sequence,
}

#[derive(Deserialize)]
struct Sequence {
    update_seq: String,
}

impl Bench<'_> {
    /// Measures the commands that use an index on a cluster of this shape without drift, and deletes it. `each` gets every
    /// measurement.
    pub(crate) async fn second_looks(
        &self,
        shape: ClusterShape,
        families: &[&CommandFamily],
        turns: usize,
        mut each: impl FnMut(Measurement) -> Result<()>,
    ) -> Result<()> {
        let indexed = |family: &&&CommandFamily| uses_index(family.name, family.arguments.len());
        let families: Vec<&CommandFamily> = families.iter().filter(indexed).copied().collect();
        if families.is_empty() {
            return Ok(());
        }
        self.make(shape, &[]).await?;
        let is_new = self.begin_feed().await?;
        // Without drift, conversions still have work.
        for family in families
            .iter()
            .filter(|family| family.work == FamilyKind::Writes)
        {
            self.ours(family)?;
        }
        self.idle().await?;
        let snapshot = Snapshot::of(&self.client).await?;
        let changes = self.changes(&snapshot).await?;
        log(&format!(
            "{} of {} numbers and their copies change",
            changes.count() / 2,
            shape.numbers
        ));
        let mut direction = ChangeDirection::After;

        let index = self.children.folder()?;
        self.with_index(AUDIT, &[], index.path())?;
        for family in families {
            let floor = request_plan::plan_without_writes(family, &snapshot);
            self.children.floor(&floor)?;
            if family.name == AUDIT {
                let first = self.alternate(&floor, turns, || {
                    let index = self.children.folder()?;
                    self.with_index(family.name, family.arguments, index.path())
                })?;
                each(self.measurement(family, shape, ClusterState::FirstLook, first))?;
            }
            for words in looks(family) {
                // The first of its kind learns what the others know.
                self.with_index(family.name, &words, index.path())?;
                let asks_feed = words.contains(&RECENT);
                let (mut unchanged, mut changed) = (Runs::default(), Runs::default());
                for turn in 0..turns {
                    let questions = questions(&snapshot, None, asks_feed);
                    let requests = [&floor, &questions];
                    self.turn(
                        &mut unchanged,
                        family.name,
                        &words,
                        requests,
                        index.path(),
                        turn,
                    )?;
                }
                for turn in 0..turns {
                    let before = self.sequences(&snapshot).await?;
                    self.change(&changes, direction).await?;
                    direction = direction.opposite();
                    let asked = changes.documents.keys().map(String::as_str);
                    let since = asked.filter_map(|name| Some((name, before.get(name)?.as_str())));
                    let questions = questions(&snapshot, Some(since.collect()), asks_feed);
                    let requests = [&floor, &questions];
                    self.turn(
                        &mut changed,
                        family.name,
                        &words,
                        requests,
                        index.path(),
                        turn,
                    )?;
                    // Commands that read only numbers leave the rest of the index behind.
                    self.with_index(AUDIT, &[], index.path())?;
                }
                for (state, runs) in [
                    (ClusterState::NothingChanged, unchanged),
                    (ClusterState::SomeChanged, changed),
                ] {
                    let measured = self.measurement(family, shape, state, runs);
                    let command = [&[family.name], &words[..]].concat().join(" ");
                    each(Measurement {
                        command,
                        ..measured
                    })?;
                }
            }
        }
        if is_new {
            self.client
                .drain(&FloorRequest::to(Method::Delete, FEED, "", None))
                .await?;
        }
        Ok(Cluster::wipe(self.server.url()).await?)
    }

    /// One run of the command, of the floor of a full read, and of the requests that ask what changed. The command is the first or the
    /// last, because the others find warm caches after it.
    fn turn(
        &self,
        done: &mut Runs,
        function: &str,
        words: &[&str],
        [floor, questions]: [&RequestPlan; 2],
        index: &Path,
        turn: usize,
    ) -> Result<()> {
        for ours in order(turn) {
            if ours {
                done.ours.push(self.with_index(function, words, index)?);
            } else {
                done.questions.push(self.children.floor(questions)?);
                done.floor.push(self.children.floor(floor)?);
            }
        }
        Ok(())
    }

    fn with_index(&self, function: &str, arguments: &[&str], index: &Path) -> Result<OurRun> {
        let ran = self.children.ours_with_index(function, arguments, index)?;
        let written = ran.summary.outcome.written();
        ensure!(written == 0, "{function} wrote {written} documents");
        Ok(ran)
    }

    /// A change of one number in a hundred and of its copy.
    async fn changes(&self, snapshot: &Snapshot) -> Result<JournaledChanges> {
        let mut changes = JournaledChanges::default();
        let mut count = 0;
        for (database, _) in snapshot.number_databases() {
            for before in documents_of(&self.client, database).await? {
                let (Some(id), Some(account)) =
                    (text(&before, "_id"), text(&before, "pvt_assigned_to"))
                else {
                    continue;
                };
                count += 1;
                if count % CHANGED_OF != 0 {
                    continue;
                }
                let mut after = before.clone();
                after.insert("changed_by_bench".to_owned(), json!(true));
                for database in [database, &account_database(&account)] {
                    let change = JournaledChange {
                        before: Some(before.clone()),
                        after: Some(after.clone()),
                    };
                    changes.put(database, &id, change);
                }
            }
        }
        Ok(changes)
    }

    /// Makes changes, or takes them back.
    async fn change(&self, changes: &JournaledChanges, direction: ChangeDirection) -> Result<()> {
        let current = self.current(changes, direction.opposite()).await?;
        let requests = RequestPlan {
            phases: changes.writes(direction, &current),
        };
        requests.perform(&self.client, AT_ONCE).await?;
        tokio::time::sleep(FEED_DELAY).await;
        self.idle().await
    }

    /// Begins CouchDB's feed of updates. Returns whether the server had none.
    async fn begin_feed(&self) -> Result<bool> {
        let all: Vec<String> = self.client.json(&FloorRequest::get("/_all_dbs")).await?;
        let is_new = !all.iter().any(|name| name == FEED);
        if is_new {
            self.client
                .drain(&FloorRequest::to(Method::Put, FEED, "", None))
                .await?;
        }
        Ok(is_new)
    }

    /// The sequences of all databases.
    async fn sequences(&self, snapshot: &Snapshot) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        let names: Vec<&str> = snapshot.names().collect();
        for request in infos(&names).into_iter().flatten() {
            let infos: Vec<Info> = self.client.json(&request).await?;
            all.extend(
                infos
                    .into_iter()
                    .map(|info| (info.key, info.info.update_seq)),
            );
        }
        Ok(all)
    }
}

/// The arguments and options with which the runs of a family are measured.
fn looks(family: &CommandFamily) -> Vec<Vec<&'static str>> {
    let usual = family.arguments.to_vec();
    match family.name {
        AUDIT => vec![usual, vec![RECENT]],
        _ => vec![usual],
    }
}

fn text(document: &kazoo_numbers_generator::Document, field: &str) -> Option<String> {
    document.get(field)?.as_str().map(str::to_owned)
}

/// The requests that ask what changed. `since`: the databases that changed, with the sequences before. `asks_feed`: which these are, the
/// feed says.
fn questions(
    snapshot: &Snapshot,
    since: Option<Vec<(&str, &str)>>,
    asks_feed: bool,
) -> RequestPlan {
    let changed = since.unwrap_or_default();
    let feed = vec![FloorRequest::get("/_db_updates?since=now")];
    let which = match asks_feed {
        true => {
            let names: Vec<&str> = changed.iter().map(|(database, _)| *database).collect();
            vec![vec![feed], infos(&names)]
        }
        false => vec![infos(&snapshot.names().collect::<Vec<_>>())],
    };
    let of_changed = changed.into_iter().map(|(database, since)| {
        let since = couchdb::encoded(since);
        let rest = format!("/_changes?include_docs=true&conflicts=true&since={since}");
        vec![FloorRequest::to(Method::Get, database, &rest, None)]
    });
    let mut phases = vec![list_of_databases()];
    phases.extend(which);
    phases.push(of_changed.collect());
    RequestPlan { phases }
}

/// `_dbs_info` for databases.
fn infos(names: &[&str]) -> Phase {
    let of = |names: &[&str]| {
        let body: Value = json!({ "keys": names });
        vec![FloorRequest::post("/_dbs_info", body.to_string())]
    };
    names.chunks(IN_AN_INFO).map(of).collect()
}
