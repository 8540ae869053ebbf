//! The tools that come with the functions.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::support::{program, run};

#[test]
fn the_port_says_what_is_no_request_and_ends_with_its_input() {
    let mut child = program(&["port"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // 131 and an atom: a frame, and no start request.
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

/// Half of what was said would be done.
#[test]
fn a_tool_that_knows_no_dry_run_does_not_pretend() {
    let refused = run(&["--dry-run", "port"]);
    assert_eq!(
        (refused.status, refused.err.as_str()),
        (1, "error: port knows no --dry-run\n")
    );
}
