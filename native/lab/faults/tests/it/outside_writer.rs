//! Another writer edits, deletes and re-creates the documents that a run works on, while it does.
//! Nothing of theirs is ever overwritten unread.
//!
//! `KAZOO_NUMBERS_CASES` says how many cases, `KAZOO_NUMBERS_SEED` from which seed.

use kazoo_numbers_testkit::cases::deal;
use kazoo_numbers_testkit::command::clusters_and_calls;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::support::{
    ProxiedServer, RunSettings, bad_writes, call, call_without_faults, run_settings,
};
use exact_json::{Value, json};
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::Method;
use kazoo_numbers_faults::{Bystander, Kind, Passed, Schedule, Upstream, Witness, arbitrary, rows};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::Call;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

/// What the writer did to one document.
#[derive(Clone, Debug)]
struct Act {
    database: String,
    id: String,
    /// The revision that it replaced.
    from: Option<String>,
    /// The revision that it made.
    to: String,
    deletes: bool,
}

/// How busy the writer is.
#[derive(Clone, Debug)]
struct Habits {
    seed: u64,
    per_thousand: u16,
    at_most: usize,
}

fn habits() -> impl Strategy<Value = Habits> {
    (any::<u64>(), 1..=1000_u16, 1..=60_usize).prop_map(|(seed, per_thousand, at_most)| Habits {
        seed,
        per_thousand,
        at_most,
    })
}

struct Writer {
    habits: Habits,
    /// The databases that a number may lie in.
    databases: Vec<String>,
    acts: Mutex<Vec<Act>>,
    turns: Mutex<BTreeMap<u64, u64>>,
}

impl Writer {
    fn dice(&self, passed: &Passed<'_>) -> Dice {
        let fingerprint = passed.asked.fingerprint(self.habits.seed);
        let mut turns = self.turns.lock().unwrap();
        let turn = turns.entry(fingerprint).or_default();
        *turn += 1;
        Dice(fingerprint ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The documents that the request was about.
    fn ids(passed: &Passed<'_>) -> Vec<String> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let (rows, key) = match passed.asked.kind {
            Kind::BulkDocs => {
                let mut body: Value =
                    exact_json::from_slice(&passed.asked.body).unwrap_or_default();
                match body.get_mut("docs").map(Value::take) {
                    Some(Value::Array(documents)) => (documents, "_id"),
                    _ => return Vec::new(),
                }
            }
            kind => (rows(kind, &passed.answer.body), "key"),
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
        let answer = server.ask(Method::GET, &target, "").await.unwrap();
        let known = exact_json::from_slice::<Value>(&answer.body).unwrap();
        let (from, mut document) = if answer.status == 200 {
            (known["_rev"].as_str().map(str::to_owned), known)
        } else if known["reason"] == "Database does not exist." {
            return;
        } else {
            (None, json!({"_id": id, "pvt_type": "number"}))
        };
        // No two changes of theirs are the same.
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
        let act = |from, to: &str, deletes| Act {
            database: database.into(),
            id: id.into(),
            from,
            to: to.into(),
            deletes,
        };
        self.acts.lock().unwrap().push(act(from, &to, deletes));
        if deletes && what == 5 {
            let mut again = document.clone();
            let members = again.as_object_mut().unwrap();
            for key in ["_deleted", "_rev", "_attachments"] {
                members.remove(key);
            }
            if let Some(last) = self.put(server, &target, &again).await {
                let act = act(Some(to), &last, false);
                self.acts.lock().unwrap().push(act);
            }
        }
    }

    async fn put(&self, server: &Upstream, target: &str, document: &Value) -> Option<String> {
        let answer = server
            .ask(Method::PUT, target, document.to_string())
            .await
            .unwrap();
        // The run was faster.
        (answer.status < 300).then(|| {
            let answer: Value = exact_json::from_slice(&answer.body).unwrap();
            answer["rev"].as_str().unwrap().to_owned()
        })
    }
}

impl Bystander for Writer {
    fn act<'a>(&'a self, passed: Passed<'a>) -> BoxFuture<'a, ()> {
        async move {
            let ids = Self::ids(&passed);
            let mut dice = self.dice(&passed);
            if ids.is_empty() || dice.roll(1000) >= self.habits.per_thousand.into() {
                return;
            }
            for _ in 0..=dice.roll(3) {
                if self.acts.lock().unwrap().len() >= self.habits.at_most {
                    return;
                }
                let id = &ids[usize::try_from(dice.roll(ids.len() as u64)).unwrap()];
                // Mostly where it was seen, else where its copy may be.
                let database = if dice.roll(4) > 0 || self.databases.is_empty() {
                    &passed.asked.database
                } else {
                    let some = dice.roll(self.databases.len() as u64);
                    &self.databases[usize::try_from(some).unwrap()]
                };
                self.touch(passed.server, database, id, &mut dice).await;
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
    acts: u64,
    /// Changes of theirs that we replaced, having read them.
    replaced: u64,
    /// Writes of ours that were refused because they were faster.
    refused: u64,
    landed: u64,
}

static FIGURES: Mutex<Option<Figures>> = Mutex::new(None);

type Case = ((Cluster, Call), RunSettings, Habits, Schedule);

async fn check(stage: &ProxiedServer, case: &Case, faultless: bool) -> Result<(), TestCaseError> {
    let ((cluster, given), run_settings, habits, schedule) = case;
    let before = stage.set(cluster).await;
    let databases = before.0.databases.keys();
    let writer = Arc::new(Writer {
        habits: habits.clone(),
        databases: databases
            .filter(|name| name.starts_with("account/") || name.starts_with("numbers/"))
            .cloned()
            .collect(),
        acts: Mutex::default(),
        turns: Mutex::default(),
    });
    stage.proxy.watched(schedule.clone(), Some(writer.clone()));
    let url = stage.proxy.url();
    let ran = if faultless {
        call_without_faults(&url, given, run_settings).await
    } else {
        call(&url, given, run_settings).await
    };
    let (witness, _) = stage.proxy.disarm().await;
    let Some(ran) = ran else {
        return Err(TestCaseError::fail(format!("{given} does not end")));
    };
    let after = stage.read().await;
    let acts = writer.acts.lock().unwrap().clone();
    let mut all = bad_writes(&given.function, &witness);
    all.extend(overwritten(&acts, &witness, &after.1));
    let counted: u64 = ran.writes().iter().sum();
    let landed_ids: BTreeSet<&str> = witness.changed().map(|write| write.id.as_str()).collect();
    // On a busy machine a request can be given up and sent again without any fault of ours. Whose a
    // document is that somebody replaced meanwhile nobody can know then: it is told as failed.
    let failed = match &ran.finished {
        Some(finished) if finished.summary.retries > 0 => ran.failed_ids(),
        _ => BTreeSet::new(),
    };
    let most = witness.changed().count() as u64;
    let least = witness
        .changed()
        .filter(|write| !failed.contains(&write.id))
        .count() as u64;
    if faultless && !(least..=most).contains(&counted) {
        all.push(format!(
            "counted {:?}, and {} writes landed: {landed_ids:?}",
            ran.writes(),
            witness.changed().count()
        ));
    }
    {
        let mut figures = FIGURES.lock().unwrap();
        let figures = figures.get_or_insert_default();
        figures.cases += 1;
        figures.acts += acts.len() as u64;
        figures.landed += witness.changed().count() as u64;
        figures.refused += witness
            .written
            .iter()
            .filter(|write| write.landed.is_none())
            .count() as u64;
        figures.replaced += witness
            .changed()
            .filter(|write| {
                acts.iter()
                    .any(|act| Some(&act.to) == write.replaces.as_ref())
            })
            .count() as u64;
    }
    if all.is_empty() {
        return Ok(());
    }
    Err(TestCaseError::fail(format!(
        "{given}\n{run_settings:?}\n{schedule:?}\n{habits:?}\n{}\nthey did {acts:#?}\nit printed:\n{}",
        all.join("\n"),
        ran.lines.join("\n")
    )))
}

/// Changes of theirs that are gone without having been read.
fn overwritten(
    acts: &[Act],
    witness: &Witness,
    last: &BTreeMap<String, BTreeMap<String, String>>,
) -> Vec<String> {
    acts.iter()
        // A deletion leaves nothing to overwrite: a number that is missing may be created.
        .filter(|act| !act.deletes)
        .filter(|act| {
            let there = last.get(&act.database).and_then(|revs| revs.get(&act.id)) == Some(&act.to);
            let theirs = acts.iter().any(|later| {
                later.database == act.database
                    && later.id == act.id
                    && later.from.as_ref() == Some(&act.to)
            });
            let read = witness.written.iter().any(|write| {
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
fn what_others_write_is_never_overwritten_unread() {
    deal(
        "outside writer",
        500,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                habits(),
                Just(Schedule::quiet()),
            )
        },
        |rt, stage, case| rt.block_on(check(stage, &case, true)),
    );
    println!("outside writer: {:?}", FIGURES.lock().unwrap());
}

#[test]
fn not_even_when_everything_goes_wrong() {
    deal(
        "outside writer and faults",
        300,
        || {
            (
                clusters_and_calls(),
                run_settings(),
                habits(),
                arbitrary::any_schedule(),
            )
        },
        |rt, stage, case| rt.block_on(check(stage, &case, false)),
    );
    println!("outside writer, all so far: {:?}", FIGURES.lock().unwrap());
}
