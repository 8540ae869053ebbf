//! The file of the index: killed at any time, on a full disk, used by two processes, damaged. An audit finds the same as one without.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of kills.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{CliServer, Piped, ProgramRun, limited};
use exact_json::{Value, json};
use kazoo_numbers::couchdb::Method;
use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::cases;
use kazoo_numbers_testkit::server::send;
use tempfile::TempDir;

struct Indexed {
    server: CliServer,
    folder: TempDir,
}

impl Indexed {
    fn new(numbers: usize) -> Self {
        Self {
            server: CliServer::seeded(&Options {
                accounts: 40,
                numbers,
                ..Options::default()
            }),
            folder: TempDir::new().unwrap(),
        }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    fn program(&self) -> Command {
        let directory = self.directory();
        let index = ["--index", directory.to_str().unwrap()];
        let audit = ["audit", "--no-journal", "--format", "json"];
        self.server.program(&[&audit[..], &index[..]].concat())
    }

    fn audit(&self) -> Value {
        findings(&ProgramRun::of(&self.program().output().unwrap()))
    }

    fn without(&self) -> Value {
        let audit = ["audit", "--no-journal", "--no-index", "--format", "json"];
        findings(&self.server.run(&audit))
    }

    /// The files of the index, one for each database.
    fn files(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let clusters = entries(&self.directory());
        assert_eq!(clusters.len(), 1);
        entries(&clusters[0])
    }

    /// Changes a field of some numbers, other ones in each round.
    fn edit(&self, round: usize) {
        let (cluster, revisions) = self.server.data();
        for (name, database) in &cluster.databases {
            let mut documents = database.documents.iter();
            let Some((id, document)) = documents.nth(round % database.documents.len().max(1))
            else {
                continue;
            };
            if id.starts_with("_design/") {
                continue;
            }
            let mut document = Value::Object(document.clone());
            document["_rev"] = json!(revisions[name][id]);
            document["edited"] = json!(round);
            let escaped = name.replace('/', "%2F").replace('+', "%2B");
            let body = json!({"docs": [document]}).to_string();
            let path = format!("/{escaped}/_bulk_docs");
            let runtime = cases::network_runtime();
            let url = self.server.url();
            let sent = runtime.block_on(send(&url, Method::POST, &path, Some(body)));
            assert!(sent.status.is_success());
        }
    }
}

/// The audit without its time.
fn findings(ran: &ProgramRun) -> Value {
    assert_eq!(ran.status, 0, "{}", ran.err);
    let mut audit: Value = exact_json::from_str(&ran.out).unwrap();
    for time in ["taken_at", "as_of"] {
        audit[time] = json!(null);
    }
    audit
}

#[test]
fn killed_audit_leaves_a_usable_index() {
    let at = Indexed::new(400);
    let began = Instant::now();
    at.audit();
    let longest = began.elapsed();
    let kills = cases::count(12);
    for round in 0..kills {
        at.edit(usize::try_from(round).unwrap());
        if round % 5 == 4 {
            // The whole index is written, not only some databases.
            fs::remove_dir_all(at.directory()).unwrap();
        }
        let mut killed = at.program().piped();
        // Most of the writing is at the end.
        let part = u32::try_from(50 + 101 * (round * 7 % 10) / 10 + round % 7).unwrap();
        sleep(longest * part / 150);
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert_eq!(at.audit(), at.without(), "after kill {round}");
    }
    println!("{kills} audits of {longest:?} were killed");
}

#[test]
fn two_processes_find_the_same() {
    let at = Indexed::new(400);
    let expected = at.without();
    for _ in 0..3 {
        let both = [at.program().piped(), at.program().piped()];
        for one in both {
            let ran = ProgramRun::of(&one.wait_with_output().unwrap());
            assert_eq!(findings(&ran), expected);
            assert!(!ran.err.contains("index"), "{}", ran.err);
        }
    }
}

#[test]
fn full_disk_leaves_the_audit_as_it_is() {
    let at = Indexed::new(400);
    let expected = at.without();
    let audit = |blocks| {
        findings(&ProgramRun::of(
            &limited(&at.program(), blocks).output().unwrap(),
        ))
    };
    for blocks in [0, 4, 40, 400] {
        assert_eq!(audit(blocks), expected, "{blocks} blocks");
    }
    assert_eq!(at.audit(), expected);
    at.edit(1);
    let expected = at.without();
    for blocks in [0, 4, 40, 400] {
        assert_eq!(audit(blocks), expected, "{blocks} blocks with an index");
    }
    assert_eq!(at.audit(), expected);
}

#[test]
fn damaged_index_is_made_again() {
    let at = Indexed::new(100);
    let expected = at.audit();
    let modes = at
        .files()
        .into_iter()
        .map(|file| file.metadata().unwrap().permissions().mode());
    assert!(modes.into_iter().all(|mode| mode & 0o777 == 0o600));
    let files = at.files().len();
    let damages: [fn(&mut Vec<u8>); 4] = [
        Vec::clear,
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes[..8].fill(0),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
    ];
    for damage in damages {
        for file in at.files() {
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
        // The first audit reads all and the second reads the index.
        assert_eq!(at.audit(), expected);
        assert_eq!(at.audit(), expected);
        assert_eq!(at.files().len(), files);
    }
}

#[test]
fn small_cluster_and_no_index_leave_no_file() {
    let at = Indexed::new(20);
    let home = at.folder.path().join("home");
    let run = |options: &[&str]| {
        let audit = [&["audit", "--no-journal", "--format", "json"], options].concat();
        let mut program = at.server.program(&audit);
        program.env("XDG_DATA_HOME", &home);
        findings(&ProgramRun::of(&program.output().unwrap()))
    };
    let exists = |path: &Path| path.try_exists().unwrap();
    let expected = run(&["--no-index"]);
    assert_eq!(run(&[]), expected);
    assert!(!exists(&home.join("kazoo_numbers_maintenance/index")));
    assert!(!exists(&at.directory()));
    at.audit();
    let newest = || {
        let times = at
            .files()
            .into_iter()
            .map(|file| file.metadata().unwrap().modified().unwrap());
        times.max().unwrap()
    };
    let made = newest();
    sleep(Duration::from_millis(20));
    at.audit();
    assert_eq!(newest(), made);
    let directory = at.directory();
    assert_eq!(
        run(&["--index", directory.to_str().unwrap(), "--read-all"]),
        expected
    );
    assert!(newest() > made);
}

/// The first audit that asks the feed learns, the second believes it.
#[test]
fn recent_audit_says_which_changes_can_be_missing() {
    let at = Indexed::new(20);
    let runtime = cases::network_runtime();
    let url = at.server.url().to_owned();
    runtime.block_on(send(&url, Method::PUT, "/_global_changes", None));
    let directory = at.directory();
    let audit = [
        "audit",
        "--no-journal",
        "--recent",
        "--index",
        directory.to_str().unwrap(),
    ];
    at.audit();
    let line = "changes of the 5 seconds before can be missing: CouchDB's feed of updates is late";
    let says = || at.server.run(&audit).out.lines().any(|one| one == line);
    assert_eq!([says(), says()], [false, true]);
    let refused = at.server.run(&["fix_apps_for_account_dbs", "--recent"]);
    let error = "error: --recent cannot be used with fix_apps_for_account_dbs";
    assert!(refused.err.starts_with(error), "{}", refused.err);
    let refused = at.server.run(&["audit", "--recent", "--read-all"]);
    assert!(
        refused.err.contains("cannot be used with"),
        "{}",
        refused.err
    );
}
