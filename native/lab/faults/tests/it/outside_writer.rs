//! Another client edits, deletes and re-creates the documents of a run in progress. The run never
//! overwrites a change that it did not read.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use kazoo_numbers_testkit::cases::run_cases;
use kazoo_numbers_testkit::command::clusters_and_calls;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::support::{
    FaultyServer, RandomServer, RunSettings, bad_writes, call, call_without_faults, run_settings,
};
use exact_json::{Value, json};
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Method;
use kazoo_numbers_faults::{
    Exchange, Interceptor, Recording, RequestKind, Schedule, Upstream, arbitrary, rows,
};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::Call;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

/// A change by the other client.
#[derive(Clone, Debug)]
struct OutsideChange {
    database: String,
    id: String,
    /// The replaced revision.
    from: Option<String>,
    /// The new revision.
    to: String,
    deletes: bool,
}

/// How often the other client writes.
#[derive(Clone, Debug)]
struct Activity {
    seed: u64,
    per_thousand: u16,
    at_most: usize,
}

fn activity() -> impl Strategy<Value = Activity> {
    (any::<u64>(), 1..=1000_u16, 1..=60_usize).prop_map(|(seed, per_thousand, at_most)| Activity {
        seed,
        per_thousand,
        at_most,
    })
}

struct OutsideWriter {
    activity: Activity,
    /// The databases that a number may be in.
    databases: Vec<String>,
    changes: Mutex<Vec<OutsideChange>>,
    turns: Mutex<BTreeMap<u64, u64>>,
}

impl OutsideWriter {
    fn dice(&self, exchange: &Exchange<'_>) -> Dice {
        let fingerprint = exchange.request.fingerprint(self.activity.seed);
        let mut turns = self.turns.lock().unwrap();
        let turn = turns.entry(fingerprint).or_default();
        *turn += 1;
        Dice(fingerprint ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The documents of the request.
    fn ids(exchange: &Exchange<'_>) -> Vec<String> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let (rows, key) = match exchange.request.kind {
            RequestKind::BulkDocs => {
                let mut body: Value =
                    exact_json::from_slice(&exchange.request.body).unwrap_or_default();
                match body.get_mut("docs").map(Value::take) {
                    Some(Value::Array(documents)) => (documents, "_id"),
                    _ => return Vec::new(),
                }
            }
            kind => (rows(kind, &exchange.answer.body), "key"),
        };
        rows.iter()
            .filter_map(|row| text(row.get(key)))
            .filter(|id| id.starts_with('+'))
            .collect()
    }

    async fn touch(&self, server: &Upstream, database: &str, id: &str, dice: &mut Dice) {
        let target = format!(
            "/{}/{}",
            utf8_percent_encode(database, NON_ALPHANUMERIC),
            utf8_percent_encode(id, NON_ALPHANUMERIC)
        );
        let answer = server.send(Method::GET, &target, "").await.unwrap();
        let known = exact_json::from_slice::<Value>(&answer.body).unwrap();
        let (from, mut document) = if answer.status == 200 {
            (known["_rev"].as_str().map(str::to_owned), known)
        } else if known["reason"] == "Database does not exist." {
            return;
        } else {
            (None, json!({"_id": id, "pvt_type": "number"}))
        };
        // Makes every change different.
        document["outside"] = dice.roll(u64::MAX).into();
        let what = dice.roll(10);
        match what {
            0 => document["pvt_assigned_to"] = json!(format!("{:032x}", dice.roll(u64::MAX))),
            1 => document["pvt_module_name"] = "knm_outside".into(),
            2 => document["pvt_deleted"] = true.into(),
            3 => document["pvt_used_by"] = "callflow".into(),
            4 | 5 if from.is_some() => document["_deleted"] = true.into(),
            _ => {}
        }
        let deletes = document.get("_deleted").is_some();
        let Some(to) = self.put(server, &target, &document).await else {
            return;
        };
        let act = |from, to: &str, deletes| OutsideChange {
            database: database.into(),
            id: id.into(),
            from,
            to: to.into(),
            deletes,
        };
        self.changes.lock().unwrap().push(act(from, &to, deletes));
        if deletes && what == 5 {
            let mut again = document.clone();
            let members = again.as_object_mut().unwrap();
            for key in ["_deleted", "_rev", "_attachments"] {
                members.remove(key);
            }
            if let Some(last) = self.put(server, &target, &again).await {
                let act = act(Some(to), &last, false);
                self.changes.lock().unwrap().push(act);
            }
        }
    }

    async fn put(&self, server: &Upstream, target: &str, document: &Value) -> Option<String> {
        let answer = server
            .send(Method::PUT, target, document.to_string())
            .await
            .unwrap();
        // A failure means that the run wrote first.
        (answer.status < 300).then(|| {
            let answer: Value = exact_json::from_slice(&answer.body).unwrap();
            answer["rev"].as_str().unwrap().to_owned()
        })
    }
}

impl Interceptor for OutsideWriter {
    fn after_answer<'a>(&'a self, exchange: Exchange<'a>) -> BoxFuture<'a, ()> {
        async move {
            let ids = Self::ids(&exchange);
            let mut dice = self.dice(&exchange);
            if ids.is_empty() || dice.roll(1000) >= self.activity.per_thousand.into() {
                return;
            }
            for _ in 0..=dice.roll(3) {
                if self.changes.lock().unwrap().len() >= self.activity.at_most {
                    return;
                }
                let id = &ids[usize::try_from(dice.roll(ids.len() as u64)).unwrap()];
                // Usually in the database of the request, otherwise in one that may hold a copy.
                let database = if dice.roll(4) > 0 || self.databases.is_empty() {
                    &exchange.request.database
                } else {
                    let some = dice.roll(self.databases.len() as u64);
                    &self.databases[usize::try_from(some).unwrap()]
                };
                self.touch(exchange.server, database, id, &mut dice).await;
            }
        }
        .boxed()
    }
}

struct Dice(u64);

impl Dice {
    /// SplitMix64, below `end`.
    fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[derive(Clone, Debug, Default)]
struct Figures {
    cases: u64,
    changes: u64,
    /// Changes of the other client that the run read and replaced.
    replaced: u64,
    /// Writes of the run that failed with a conflict.
    refused: u64,
    landed: u64,
}

static FIGURES: Mutex<Option<Figures>> = Mutex::new(None);

type Case = ((Cluster, Call), RunSettings, Activity, Schedule);

async fn check(server: &RandomServer, case: &Case, faultless: bool) -> Result<(), TestCaseError> {
    let ((cluster, given), run_settings, activity, schedule) = case;
    let before = server.set(cluster).await;
    let databases = before.0.databases.keys();
    let writer = Arc::new(OutsideWriter {
        activity: activity.clone(),
        databases: databases
            .filter(|name| name.starts_with("account/") || name.starts_with("numbers/"))
            .cloned()
            .collect(),
        changes: Mutex::default(),
        turns: Mutex::default(),
    });
    server.arm(schedule.clone(), Some(writer.clone()));
    let target = server.target();
    let ran = if faultless {
        call_without_faults(&target, given, run_settings).await
    } else {
        call(&target, given, run_settings).await
    };
    let (recording, _) = server.disarm().await;
    let Some(ran) = ran else {
        return Err(TestCaseError::fail(format!("{given} does not finish")));
    };
    let after = server.read().await;
    let changes = writer.changes.lock().unwrap().clone();
    let mut all = bad_writes(&given.function, &recording);
    all.extend(overwritten(&changes, &recording, &after.1));
    let counted = ran.writes().total();
    let landed_ids: BTreeSet<&str> = recording.changed().map(|write| write.id.as_str()).collect();
    // On a busy machine a request can time out and be retried without an injected fault. If the
    // other client then replaced the document, the outcome is unknown, and the run reports it as
    // failed.
    let failed = match &ran.finished {
        Some(finished) if finished.summary.retries > 0 => ran.failed_ids(),
        _ => BTreeSet::new(),
    };
    let most = recording.changed().count() as u64;
    let least = recording
        .changed()
        .filter(|write| !failed.contains(&write.id))
        .count() as u64;
    if faultless && !(least..=most).contains(&counted) {
        all.push(format!(
            "counted {:?}, and {} writes landed: {landed_ids:?}",
            ran.writes(),
            recording.changed().count()
        ));
    }
    {
        let mut figures = FIGURES.lock().unwrap();
        let figures = figures.get_or_insert_default();
        figures.cases += 1;
        figures.changes += changes.len() as u64;
        figures.landed += recording.changed().count() as u64;
        figures.refused += recording
            .written
            .iter()
            .filter(|write| write.landed.is_none())
            .count() as u64;
        figures.replaced += recording
            .changed()
            .filter(|write| {
                changes
                    .iter()
                    .any(|act| Some(&act.to) == write.replaces.as_ref())
            })
            .count() as u64;
    }
    if all.is_empty() {
        return Ok(());
    }
    Err(TestCaseError::fail(format!(
        "{given}\n{run_settings:?}\n{schedule:?}\n{activity:?}\n{}\nchanges of the other client: {changes:#?}\noutput:\n{}",
        all.join("\n"),
        ran.lines.join("\n")
    )))
}

/// Changes of the other client that disappeared without having been read.
fn overwritten(
    changes: &[OutsideChange],
    recording: &Recording,
    last: &BTreeMap<String, BTreeMap<String, String>>,
) -> Vec<String> {
    changes
        .iter()
        // After a deletion there is nothing to overwrite: a missing number may be created.
        .filter(|act| !act.deletes)
        .filter(|act| {
            let there = last.get(&act.database).and_then(|revs| revs.get(&act.id)) == Some(&act.to);
            let theirs = changes.iter().any(|later| {
                later.database == act.database
                    && later.id == act.id
                    && later.from.as_ref() == Some(&act.to)
            });
            let read = recording.written.iter().any(|write| {
                write.database == act.database
                    && write.id == act.id
                    && write.landed.is_some()
                    && write.was_read
                    && write.replaces.as_ref() == Some(&act.to)
            });
            !(there || theirs || read)
        })
        .map(|act| format!("overwritten unread: {act:?}"))
        .collect()
}

#[test]
fn outside_changes_are_never_overwritten_unread() {
    run_cases(
        "outside writer",
        500,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                activity(),
                Just(Schedule::quiet()),
            )
        },
        |rt, server, case| rt.block_on(check(server, &case, true)),
    );
    println!("outside writer: {:?}", FIGURES.lock().unwrap());
}

#[test]
fn outside_changes_survive_random_faults() {
    run_cases(
        "outside writer and faults",
        300,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                activity(),
                arbitrary::any_schedule(),
            )
        },
        |rt, server, case| rt.block_on(check(server, &case, false)),
    );
    println!(
        "outside writer, total so far: {:?}",
        FIGURES.lock().unwrap()
    );
}
