//! Proxies that the environment names are not used: Kazoo's client uses none.

use std::process::Command;

/// Runs other tests of this program in an environment whose proxies lead nowhere.
fn with_proxies(tests: &[&str]) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(tests).arg("--exact");
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        program.env(name, "http://127.0.0.1:9");
        program.env(name.to_uppercase(), "http://127.0.0.1:9");
    }
    program.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{} passed", tests.len())), "{said}");
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    with_proxies(&[
        "slow::pages_shrink_to_one_document",
        "tls::private_authority_that_a_file_names_is_trusted",
    ]);
}
