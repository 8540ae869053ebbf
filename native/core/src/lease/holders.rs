//! Which cluster-wide runs write to a cluster at this moment: one document, written with its
//! revision, so that no two runs can both take what excludes the other.
//!
//! Each cluster-wide run that writes has a [`Holder`] in it, and renews it while it lives. An entry that stays as it is for its
//! lease belongs to a run that died, and the next run removes it. How long that is a run sees for itself, on its own monotonic
//! clock ([`Watch`]): clocks of servers differ, and jump. Moments in the document are the server's, from the `Date` of its
//! answers. They only decide whether to start watching: an entry that looks alive refuses a run that does not wait.
//!
//! The document is read as something that anybody may have written: an entry that cannot be read is watched like the others,
//! and removed.
//!
//! Everything here is pure; `acquire` and `held` read and write.

use std::time::{Instant, SystemTime};

use document::{Object, elements, quoted};

use super::entry::{Entry, Watch};
use super::holder::{Holder, RunReport};
use super::request::{ControlRequest, Requested};

/// The database that holds the document: Kazoo's own for background tasks. A database of our own
/// would be one that Kazoo cannot classify, and it logs a stack trace each time it meets one.
pub const DATABASE: &str = "tasks";

/// The document's id.
pub const DOCUMENT: &str = "kazoo_numbers_maintenance";

/// The document's `pvt_type`: Kazoo's views in that database look at those of its tasks alone.
const TYPE: &str = "numbers_maintenance_lock";

/// The database that held the document in version 0.1, under the id [`FORMER_DOCUMENT`].
pub const FORMER_DATABASE: &str = "kazoo_numbers_maintenance";

/// The document's id in version 0.1.
pub const FORMER_DOCUMENT: &str = "lock";

/// More entries than this are not read one by one.
const MOST_ENTRIES: usize = 1000;

/// More requests than this are not added, and more waiting runs than this are not read.
const MOST_REQUESTS: usize = 100;

/// The content of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    entries: Vec<Entry>,
    /// Runs that wait for the lock, for operators. They hold nothing, and nothing is decided by them.
    waiting: Vec<Holder>,
    /// Requests to runs of both lists.
    requests: Vec<Requested>,
}

/// Why a request cannot be left for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// The run neither holds the lock nor waits for it.
    NoSuchRun,
    /// There are too many requests.
    Full,
}

/// The meaning of the document for a run that wants the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has it.
    Held,
    /// It may take it.
    Free {
        /// The content to write then.
        with: Holders,
        /// Entries of dead runs that are no longer in it.
        dead: Vec<Entry>,
    },
    /// This one excludes it.
    Taken(Box<Entry>),
    /// This one looks dead by the server's clock. Watching it decides.
    Silent(Box<Entry>),
}

impl Holders {
    /// Reads the document, whatever it holds.
    pub fn parse(text: &str) -> Self {
        let unreadable = |json: &str| vec![Entry::Unreadable(json.into())];
        let (entries, waiting, requests) = match Object::parse(text) {
            Err(_) => (unreadable(text), Vec::new(), Vec::new()),
            Ok(document) => {
                let entries = match document.get("holders") {
                    None | Some("null") => Vec::new(),
                    Some(json) => match elements(json) {
                        Some(all) if all.len() <= MOST_ENTRIES => {
                            all.into_iter().map(Entry::parse).collect()
                        }
                        _ => unreadable(json),
                    },
                };
                let waiting = document.get("waiting").map(waiting).unwrap_or_default();
                let requests = document.get("requests").map(requests).unwrap_or_default();
                (entries, waiting, requests)
            }
        };
        Self {
            entries,
            waiting,
            requests,
        }
    }

    /// The document of this id without its revision.
    pub fn document(&self, id: &str) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::json).collect();
        let mut document = format!(
            r#"{{"_id":{},"pvt_type":{},"holders":[{}]"#,
            quoted(id),
            quoted(TYPE),
            entries.join(",")
        );
        let waiting: Vec<String> = self.waiting.iter().map(Holder::json).collect();
        let requests: Vec<String> = self.requests.iter().map(Requested::json).collect();
        for (field, all) in [("waiting", waiting), ("requests", requests)] {
            if !all.is_empty() {
                document += &format!(r#","{field}":[{}]"#, all.join(","));
            }
        }
        document + "}"
    }

    /// All entries, those of dead runs too.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entries of runs.
    pub fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.entries.iter().filter_map(Entry::holder)
    }

    /// Whether a run may go on. `now` is the server's moment, `at` the local one; `watch` has seen these entries.
    pub fn judge(&self, me: &Holder, now: SystemTime, watch: &Watch, at: Instant) -> Verdict {
        if self.holders().any(|one| one.run == me.run) {
            return Verdict::Held;
        }
        let (dead, entries): (Vec<Entry>, Vec<Entry>) = self
            .entries
            .iter()
            .cloned()
            .partition(|one| watch.is_dead(one, at));
        let excluding = |one: &&Entry| one.excludes(me);
        let lives = |one: &&Entry| !one.looks_dead(now) || watch.has_changed(one);
        if let Some(other) = entries.iter().filter(excluding).find(lives) {
            return Verdict::Taken(Box::new(other.clone()));
        }
        if let Some(other) = entries.iter().find(excluding) {
            return Verdict::Silent(Box::new(other.clone()));
        }
        let mut with = Self {
            entries,
            waiting: self.waiting.clone(),
            requests: self.requests.clone(),
        };
        with.waiting.retain(|one| one.run != me.run);
        with.entries.push(Entry::Holder(Box::new(Holder {
            since: now,
            renewed: now,
            ..me.clone()
        })));
        with.prune(now);
        Verdict::Free { with, dead }
    }

    /// With this run's entry renewed; None: it is no longer in it.
    pub fn renewed(&self, run: &str, now: SystemTime) -> Option<Self> {
        let mut all = self.clone();
        let mine = all.entries.iter_mut().find_map(|one| match one {
            Entry::Holder(holder) if holder.run == run => Some(holder),
            _ => None,
        })?;
        mine.renewed = now;
        mine.renewals = mine.renewals.wrapping_add(1);
        all.prune(now);
        Some(all)
    }

    /// Without this run, whether it holds the lock or waits; None: it is no longer in it.
    pub fn without(&self, run: &str) -> Option<Self> {
        let is_waiting = self.waiting.iter().any(|one| one.run == run);
        let left = self.retain(|one| one.holder().is_none_or(|holder| holder.run != run));
        let mut left = left.or_else(|| is_waiting.then(|| self.clone()))?;
        left.waiting.retain(|one| one.run != run);
        left.drop_requests_to_nobody();
        Some(left)
    }

    /// Without these entries, in whatever state they are now; None: none of them is in it any more.
    pub fn without_all(&self, gone: &[Entry]) -> Option<Self> {
        self.retain(|one| gone.iter().all(|gone| gone.key() != one.key()))
    }

    /// Without those of these entries that are as they were; None: none of them is.
    pub(super) fn without_unchanged(&self, gone: &[Entry]) -> Option<Self> {
        self.retain(|one| !gone.contains(one))
    }

    fn retain(&self, stays: impl Fn(&Entry) -> bool) -> Option<Self> {
        let entries: Vec<Entry> = self
            .entries
            .iter()
            .filter(|one| stays(one))
            .cloned()
            .collect();
        if entries.len() == self.entries.len() {
            return None;
        }
        let mut left = Self {
            entries,
            ..self.clone()
        };
        left.drop_requests_to_nobody();
        Some(left)
    }

    /// The runs that wait for the lock.
    pub fn waiting(&self) -> impl Iterator<Item = &Holder> {
        self.waiting.iter()
    }

    /// The requests to a run, the oldest first.
    pub fn requests_to(&self, run: &str) -> impl Iterator<Item = &ControlRequest> {
        let all = self.requests.iter().filter_map(Requested::request);
        all.filter(move |request| request.run == run)
    }

    /// How many requests cannot be read.
    pub(super) fn unreadable_requests(&self) -> usize {
        let readable = self.requests.iter().filter_map(Requested::request).count();
        self.requests.len() - readable
    }

    /// Whether a run holds the lock or waits for it.
    pub(super) fn lists(&self, run: &str) -> bool {
        self.holders()
            .chain(&self.waiting)
            .any(|one| one.run == run)
    }

    /// With a run among those that wait, or with its entry there renewed.
    pub(super) fn with_waiting(&self, me: &Holder, now: SystemTime) -> Self {
        let mut all = self.clone();
        match all.waiting.iter_mut().find(|one| one.run == me.run) {
            Some(mine) => {
                mine.renewed = now;
                mine.renewals = mine.renewals.wrapping_add(1);
            }
            None => all.waiting.push(Holder {
                since: now,
                renewed: now,
                ..me.clone()
            }),
        }
        all.prune(now);
        all
    }

    /// With a request to a run. The entries stay as they are.
    pub(super) fn with_request(&self, request: ControlRequest) -> Result<Self, NotAsked> {
        if !self.lists(&request.run) {
            return Err(NotAsked::NoSuchRun);
        }
        let mut all = self.clone();
        all.drop_requests_to_nobody();
        if all.requests.len() >= MOST_REQUESTS {
            return Err(NotAsked::Full);
        }
        all.requests.push(Requested::Request(request));
        Ok(all)
    }

    /// With what a run is doing, and without the requests to it and those that nobody can read: it has read them. A run that
    /// only waits leaves the unreadable ones to the one that holds the lock.
    pub(super) fn answered(&self, run: &str, report: RunReport) -> Self {
        let mut all = self.clone();
        let mut holds = false;
        for one in &mut all.entries {
            if let Entry::Holder(holder) = one
                && holder.run == run
            {
                holder.report = Some(report.clone());
                holds = true;
            }
        }
        for one in all.waiting.iter_mut().filter(|one| one.run == run) {
            one.report = Some(report.clone());
        }
        all.requests.retain(|one| match one.request() {
            Some(request) => request.run != run,
            None => !holds,
        });
        all
    }

    /// Drops what nobody reads any more: waiting runs that died, and requests to runs that ended. Neither is a lease.
    fn prune(&mut self, now: SystemTime) {
        self.waiting.retain(|one| !one.looks_dead(now));
        self.drop_requests_to_nobody();
    }

    fn drop_requests_to_nobody(&mut self) {
        let requests = std::mem::take(&mut self.requests);
        let stays = |one: &Requested| one.request().is_none_or(|request| self.lists(&request.run));
        self.requests = requests.into_iter().filter(stays).collect();
    }
}

/// Waiting runs that cannot be read are left out: they are there for operators alone.
fn waiting(json: &str) -> Vec<Holder> {
    let all = elements(json).unwrap_or_default().into_iter();
    let readable = all.filter_map(|json| serde_json::from_str(json).ok());
    readable.take(MOST_REQUESTS).collect()
}

fn requests(json: &str) -> Vec<Requested> {
    match elements(json) {
        None if json == "null" => Vec::new(),
        Some(all) if all.len() <= 2 * MOST_REQUESTS => {
            all.into_iter().map(Requested::parse).collect()
        }
        _ => vec![Requested::parse(json)],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lease::Scope;
    use crate::lease::entry::LEASE_OF_UNREADABLE;
    use crate::lease::holder::LONGEST_LEASE;
    use crate::lease::request::Order;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
    }

    fn holder(scope: Scope) -> Holder {
        Holder::new("purge_deleted", "ann", "a", scope, Duration::from_secs(60))
    }

    /// As a run reads it that has not read it before.
    fn judge(holders: &Holders, me: &Holder, now: SystemTime) -> Verdict {
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.see(holders.iter(), start);
        holders.judge(me, now, &watch, start)
    }

    fn taken(holders: &Holders, me: &Holder, now: SystemTime) -> Holders {
        match judge(holders, me, now) {
            Verdict::Free { with, .. } => with,
            other => panic!("{other:?}"),
        }
    }

    fn runs(holders: &Holders) -> Vec<&str> {
        holders.holders().map(|one| one.run.as_str()).collect()
    }

    #[test]
    fn cluster_wide_runs_exclude_each_other_and_nothing_else() {
        let (one, two) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        // Version 0.1 made entries of this scope, too.
        let (three, four) = (holder(Scope::Shared), holder(Scope::Shared));
        let empty = Holders::default();
        let exclusive = taken(&empty, &one, at(0));
        assert_eq!(judge(&exclusive, &one, at(1)), Verdict::Held);
        match judge(&exclusive, &two, at(60)) {
            Verdict::Taken(by) => assert_eq!(by.key(), one.run),
            free => panic!("{free:?}"),
        }
        assert_eq!(taken(&exclusive, &three, at(1)).iter().count(), 2);
        let shared = taken(&taken(&empty, &three, at(0)), &four, at(0));
        assert_eq!(taken(&shared, &one, at(1)).iter().count(), 3);
        assert_eq!(exclusive.without(&one.run), Some(empty));
        assert_eq!(exclusive.without(&two.run), None);
    }

    #[test]
    fn requests_go_with_their_run_and_are_limited() {
        let (me, next) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let ask = |holders: &Holders, run: &str| {
            holders.with_request(ControlRequest::new(run, Order::Pause, "bob", at(1)))
        };
        let mut holders = taken(&Holders::default(), &me, at(0));
        assert_eq!(ask(&holders, &next.run), Err(NotAsked::NoSuchRun));
        for _ in 0..MOST_REQUESTS {
            holders = ask(&holders, &me.run).unwrap();
        }
        assert_eq!(ask(&holders, &me.run), Err(NotAsked::Full));
        assert_eq!(Holders::parse(&holders.document(DOCUMENT)), holders);
        // Another run of the same id finds none.
        let left = holders.without(&me.run).unwrap();
        assert_eq!(left, Holders::default());
        // The run died, and the next one takes the lock.
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.see(holders.iter(), start);
        let later = start + Duration::from_secs(61);
        let Verdict::Free { with, .. } = holders.judge(&next, at(100), &watch, later) else {
            panic!();
        };
        assert_eq!(with.requests.len(), 0);
        assert_eq!(runs(&with), [&next.run]);
    }

    #[test]
    fn entry_is_dead_only_when_it_was_seen_unchanged_for_its_lease() {
        let (dead, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let holders = taken(&Holders::default(), &dead, at(100));
        // Whatever the clocks say: an hour later, a lease later, or in the past.
        for now in [at(4000), at(161), at(101)] {
            let mut watch = Watch::default();
            let start = Instant::now();
            watch.see(holders.iter(), start);
            let later = |seconds| start + Duration::from_secs(seconds);
            let expected = |verdict: &Verdict| match now == at(101) {
                true => matches!(verdict, Verdict::Taken(_)),
                false => matches!(verdict, Verdict::Silent(_)),
            };
            for seconds in [0, 30, 60] {
                watch.see(holders.iter(), later(seconds));
                assert!(expected(&holders.judge(&me, now, &watch, later(seconds))));
            }
            match holders.judge(&me, now, &watch, later(61)) {
                Verdict::Free { with, dead: gone } => {
                    assert_eq!(gone[0].key(), dead.run);
                    assert_eq!(runs(&with), [&me.run]);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn entry_that_is_renewed_lives_though_the_clocks_call_it_dead() {
        let (other, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let mut holders = taken(&Holders::default(), &other, at(0));
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.see(holders.iter(), start);
        // Two minutes ahead, and a clock that stands still: only the count changes.
        let now = at(120);
        assert!(matches!(
            holders.judge(&me, now, &watch, start),
            Verdict::Silent(_)
        ));
        for seconds in [40, 80, 120] {
            holders = holders.renewed(&other.run, at(0)).unwrap();
            let later = start + Duration::from_secs(seconds);
            watch.see(holders.iter(), later);
            let verdict = holders.judge(&me, now, &watch, later + Duration::from_secs(59));
            assert!(matches!(verdict, Verdict::Taken(_)), "{verdict:?}");
        }
        assert_eq!(holders.renewed(&me.run, at(150)), None);
    }

    #[test]
    fn lease_of_a_hundred_years_is_ten_minutes_and_prints() {
        let me = holder(Scope::Exclusive);
        for lease in [1_000_000_000_000, u64::MAX, 3_153_600_000] {
            for renewed in ["2026-01-02T03:04:05Z", "9999-12-31T23:59:59Z"] {
                let text = format!(
                    r#"{{"holders":[{{"run":"a","command":"b","who":"","place":"","scope":"exclusive","since":"{renewed}","renewed":"{renewed}","lease_seconds":{lease}}}]}}"#
                );
                let holders = Holders::parse(&text);
                let entry = holders.iter().next().unwrap();
                assert!(matches!(entry, Entry::Holder(_)));
                assert_eq!(entry.lease(), LONGEST_LEASE);
                let shown = format!("{entry} {} {}", entry.expires(), entry.last_seen());
                assert!(shown.is_ascii() && !shown.contains("+1"), "{shown}");
                let mut watch = Watch::default();
                let start = Instant::now();
                watch.see(holders.iter(), start);
                let later = start + LONGEST_LEASE + Duration::from_secs(1);
                let verdict = holders.judge(&me, at(0), &watch, later);
                assert!(matches!(verdict, Verdict::Free { .. }), "{verdict:?}");
            }
        }
    }

    #[test]
    fn entries_that_cannot_be_read_are_watched_and_then_removed() {
        let me = holder(Scope::Exclusive);
        for text in [
            r#"{"holders":"x"}"#,
            r#"{"holders":{"run":"a"}}"#,
            r#"{"holders":[17]}"#,
            r#"{"holders":[{"run":"a","lease_seconds":-1}]}"#,
            r#"{"holders":[{"run":"a","command":"b","who":"","place":"","scope":"exclusive","since":"1912-01-02T03:04:05Z","renewed":"x","lease_seconds":60}]}"#,
            r#"{"holders":[{"run":"a","a":1},{"run":"a","a":1},{"run":"a","a":2}]}"#,
            "[]",
        ] {
            let holders = Holders::parse(text);
            let mut watch = Watch::default();
            let start = Instant::now();
            watch.see(holders.iter(), start);
            let silent = holders.judge(&me, at(0), &watch, start);
            assert!(matches!(silent, Verdict::Silent(_)), "{text}: {silent:?}");
            let later = start + LEASE_OF_UNREADABLE + Duration::from_secs(1);
            match holders.judge(&me, at(0), &watch, later) {
                Verdict::Free { with, dead } => {
                    assert_eq!(runs(&with), [&me.run]);
                    assert_eq!(dead.len(), holders.iter().count());
                    assert!(Holders::parse(&with.document(DOCUMENT)) == with);
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["{}", r#"{"holders":null}"#, r#"{"holders":[]}"#] {
            assert_eq!(Holders::parse(text), Holders::default(), "{text}");
        }
    }

    #[test]
    fn two_entries_of_one_run_do_not_keep_each_other_alive() {
        let (other, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let mut holders = taken(&Holders::default(), &other, at(0));
        let twin = holders.renewed(&other.run, at(5)).unwrap();
        holders.entries.extend(twin.entries);
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.see(holders.iter(), start);
        let later = start + Duration::from_secs(61);
        watch.see(holders.iter(), later);
        let verdict = holders.judge(&me, at(500), &watch, later);
        assert!(matches!(verdict, Verdict::Free { .. }), "{verdict:?}");
    }

    #[test]
    fn readable_entry_excludes_although_another_is_unreadable() {
        let (other, me) = (holder(Scope::Exclusive), holder(Scope::Exclusive));
        let mut holders = taken(&Holders::default(), &other, at(0));
        holders.entries.insert(0, Entry::parse("17"));
        match judge(&holders, &me, at(1)) {
            Verdict::Taken(by) => assert_eq!(by.key(), other.run),
            verdict => panic!("{verdict:?}"),
        }
        // A run that renews or leaves changes only its own entry.
        let text = holders
            .renewed(&other.run, at(2))
            .unwrap()
            .document(DOCUMENT);
        assert!(text.contains(r#""holders":[17,{"run""#), "{text}");
        assert_eq!(holders.without(&other.run).unwrap().iter().count(), 1);
    }

    #[test]
    fn the_document_reads_back_and_is_for_people_too() {
        let long = "fix_numbers ".repeat(50);
        let me = Holder::new(&long, "ann", "a", Scope::Shared, Duration::from_secs(60));
        let holders = taken(&Holders::default(), &me, at(0));
        let text = holders.document(DOCUMENT);
        assert_eq!(Holders::parse(&text), holders);
        assert!(text.contains(r#""since":"2026-09-21T"#), "{text}");
        assert!(text.len() < 500, "{text}");
    }

    #[test]
    fn nothing_in_an_entry_steers_or_fills_the_terminal() {
        let mut one = holder(Scope::Shared);
        one.command = "purge\u{1b}[2J\n_deleted".into();
        one.since = at(0);
        assert_eq!(
            one.to_string(),
            "purge[2J_deleted by ann on a has been running since 2026-09-21T14:13:20Z"
        );
        one.who = "x".repeat(1 << 20);
        assert!(one.to_string().len() < 500);
    }
}
