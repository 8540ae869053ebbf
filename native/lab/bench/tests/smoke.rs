//! A whole run, tiny: so that the bench works when it is wanted.
#![allow(clippy::unwrap_used, reason = "a test says what it expected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use exact_json::Value;

const PAGE: &str = include_str!("../../../../docs/performance.md");

/// The real program. With the whole workspace it is built already; alone it is built here.
fn program() -> PathBuf {
    let beside =
        Path::new(env!("CARGO_BIN_EXE_kazoo-numbers-bench")).with_file_name("kazoo-numbers");
    if !beside.is_file() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "kazoo-numbers"])
            .status()
            .unwrap();
        assert!(built.success());
    }
    beside
}

/// A run of one turn, on an embedded server, whose figures and page go here.
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
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_command_is_measured_and_the_page_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (figures, page) = (
        folder.path().join("figures.json"),
        folder.path().join("page.md"),
    );
    fs::write(&page, PAGE).unwrap();
    run(&figures, &page, &[]);
    // What was measured before is kept, and what is measured again replaces it.
    run(&figures, &page, &["--only", "carrier_module_usage"]);

    let measured: Vec<Value> = exact_json::from_slice(&fs::read(&figures).unwrap()).unwrap();
    let (in_sync, drifted): (Vec<_>, Vec<_>) =
        measured.iter().partition(|one| one["state"] == "in_sync");
    assert_eq!((drifted.len(), in_sync.len()), (11, 8));
    for one in &measured {
        let (ours, floor) = (&one["ours"][0], &one["floor"][0]);
        let positive = |run: &Value, figure: &str| run[figure].as_f64().unwrap() > 0.0;
        for figure in ["seconds", "cpu_seconds", "peak_bytes"] {
            assert!(positive(ours, figure), "{figure}: {one}");
        }
        // Carriers are counted without reading documents.
        let reads = one["command"] != "carrier_module_usage";
        assert_eq!(positive(ours, "documents_read"), reads, "{one}");
        for figure in ["seconds", "requests", "bytes_received"] {
            assert!(positive(floor, figure), "{figure}: {one}");
        }
        // A floor above which nobody can stay is none.
        let requests = |run: &Value| run["requests"].as_u64().unwrap();
        assert!(requests(floor) <= requests(ours), "{one}");
    }

    let page = fs::read_to_string(&page).unwrap();
    assert!(
        page.contains("### 200 numbers in 2 databases, 3 accounts"),
        "{page}"
    );
    assert!(page.contains("| `copy_number_dbs_to_accounts` "), "{page}");
}
