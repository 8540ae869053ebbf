//! Tests of the additional tools.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::{program, run};

#[test]
fn port_refuses_invalid_request_and_ends_with_input() {
    let mut child = program(&["port"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A valid frame that is not a start request: the version byte and an atom.
    let frame = b"\x83w\x06cancel";
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(&(frame.len() as u32).to_be_bytes())
        .unwrap();
    input.write_all(frame).unwrap();
    let mut answer = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut answer)
        .unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("failed"));
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let ended = program(&["port"]).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(0), 0));
}

/// An ignored `--dry-run` would be a run without dry run.
#[test]
fn tool_without_dry_run_refuses_dry_run() {
    for line in [["--dry-run", "port"], ["port", "--dry-run"]] {
        let refused = run(&line);
        assert_eq!(
            (refused.status, refused.err.as_str()),
            (1, "error: --dry-run cannot be used with port\n"),
            "{line:?}"
        );
    }
}
