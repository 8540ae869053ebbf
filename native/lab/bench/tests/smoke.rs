//! A small but complete run, so that the bench keeps working.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use exact_json::Value;

const PAGE: &str = include_str!("../../../../docs/performance.md");

/// The real program. A build of the whole workspace includes it; otherwise it is built here.
fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_kazoo-numbers-bench")).with_file_name("kazoo-numbers");
    if !path.is_file() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "kazoo-numbers"])
            .status()
            .unwrap();
        assert!(built.success());
    }
    path
}

/// Runs one turn on an embedded server and writes figures and page to these files.
fn run(figures: &Path, page: &Path, more: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_kazoo-numbers-bench"))
        .args(["run", "--sizes", "200", "--turns", "1", "--program"])
        .arg(program())
        .arg("--figures")
        .arg(figures)
        .arg("--page")
        .arg(page)
        .args(more)
        .env_remove("COUCHDB_URL")
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
}

#[test]
fn run_measures_every_command_and_writes_page() {
    let folder = tempfile::tempdir().unwrap();
    let (figures, page) = (
        folder.path().join("figures.json"),
        folder.path().join("page.md"),
    );
    fs::write(&page, PAGE).unwrap();
    run(&figures, &page, &[]);
    // Older measurements are kept; new ones replace those of the same kind.
    run(&figures, &page, &["--only", "carrier_module_usage"]);

    let measured: Vec<Value> = exact_json::from_slice(&fs::read(&figures).unwrap()).unwrap();
    let in_state = |state: &str| {
        let of_state = measured
            .iter()
            .filter(|measurement| measurement["state"] == state);
        of_state.count()
    };
    let states = [
        "drifted",
        "in_sync",
        "first_look",
        "nothing_changed",
        "some_changed",
    ];
    assert_eq!(states.map(in_state), [11, 8, 1, 10, 10]);
    let is_full = |measurement: &&Value| {
        ["drifted", "in_sync"].contains(&measurement["state"].as_str().unwrap())
    };
    let (full, indexed): (Vec<_>, Vec<_>) = measured.iter().partition(is_full);
    for measurement in &indexed {
        let read = measurement["ours"][0]["documents_read"].as_u64().unwrap();
        let numbers = measurement["shape"]["numbers"].as_u64().unwrap();
        match measurement["state"].as_str().unwrap() {
            "first_look" => assert!(read > numbers, "{measurement}"),
            "nothing_changed" => assert_eq!(read, 0, "{measurement}"),
            _ => assert!((1..numbers / 10).contains(&read), "{measurement}"),
        }
    }
    for measurement in full {
        let (ours, floor) = (&measurement["ours"][0], &measurement["floor"][0]);
        let positive = |run: &Value, figure: &str| run[figure].as_f64().unwrap() > 0.0;
        for figure in ["seconds", "cpu_seconds", "peak_bytes"] {
            assert!(positive(ours, figure), "{figure}: {measurement}");
        }
        // The carrier count reads no documents.
        let reads = measurement["command"] != "carrier_module_usage";
        assert_eq!(positive(ours, "documents_read"), reads, "{measurement}");
        for figure in ["seconds", "requests", "bytes_received"] {
            assert!(positive(floor, figure), "{figure}: {measurement}");
        }
        // The floor must not send more requests than the command.
        let requests = |run: &Value| run["requests"].as_u64().unwrap();
        assert!(requests(floor) <= requests(ours), "{measurement}");
    }

    let page = fs::read_to_string(&page).unwrap();
    assert!(
        page.contains("### 200 numbers in 2 databases, 3 accounts"),
        "{page}"
    );
    assert!(page.contains("| `copy_number_dbs_to_accounts` "), "{page}");
}
