//! The client ignores proxies from the environment, as Kazoo's client does.

use std::process::Command;

/// Runs tests of this program with unreachable proxies in the environment.
fn with_proxies(tests: &[&str]) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(tests).arg("--exact");
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        program.env(name, "http://127.0.0.1:9");
        program.env(name.to_uppercase(), "http://127.0.0.1:9");
    }
    program.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = program.output().unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output_text}");
    assert!(
        output_text.contains(&format!("{} passed", tests.len())),
        "{output_text}"
    );
}

#[test]
fn environment_proxies_are_ignored() {
    with_proxies(&[
        "slow::pages_shrink_to_one_document",
        "tls::private_authority_from_file_is_trusted",
    ]);
}
