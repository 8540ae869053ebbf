//! Errors: one line, the exit status, and no secret.

use std::net::TcpListener;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{CliServer, ProgramRun, program, run};
use kazoo_numbers_testkit::server::PASSWORD;

const ACCOUNT: &str = "4b87ccf02d8846f06c3b1f0e04e76bfd";

#[test]
fn invalid_argument_is_refused_in_one_line() {
    let refused = run(&["copy_single_account_to_number_dbs", "bogus"]);
    assert_eq!(refused.status, 1);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    let start = "error: copy_single_account_to_number_dbs: argument 1 is \"bogus\"; expected";
    assert!(refused.err.starts_with(start), "{}", refused.err);
    assert_eq!(refused.out, "");
}

#[test]
fn single_number_to_account_db_returns_its_reason() {
    let refused = run(&["copy_single_number_to_account_db", "+14155550100", "bogus"]);
    assert_eq!(refused.status, 1);
    let lines = refused.lines();
    assert_eq!(lines.len(), 1, "{}", refused.out);
    assert!(lines[0].starts_with("{error,<<\"") && lines[0].ends_with("\">>}"));
}

#[test]
fn refusal_is_json_with_json_option() {
    let refused = run(&["--json", "fix_account_db_numbers", "bogus"]);
    let events = refused.json();
    assert_eq!(events[0]["event"], "error");
    assert_eq!(events[1]["data"]["returned"]["no_return"], 2);
    assert_eq!(events[1]["data"]["exit_status"], 1);
    assert_eq!(events[1]["data"]["ended"], "usage");
}

#[test]
fn invalid_command_line_exits_with_1() {
    for line in [
        &["bogus"][..],
        &[],
        &["fix_number", ACCOUNT],
        &["app_using", "+14155550100"],
        &["copy_number_dbs_to_accounts", "--parallel", "0"],
        &["copy_number_dbs_to_accounts", "--requests-per-second", "0"],
        &["wipe"],
        &["seed", "--drift", "2"],
    ] {
        let refused = run(line);
        assert_eq!(refused.status, 1, "{line:?}: {}", refused.err);
        assert_eq!(refused.out, "", "{line:?}");
    }
}

#[test]
fn command_for_kazoo_is_refused_and_local_command_needs_no_server() {
    let migrate = run(&["migrate"]);
    assert_eq!(migrate.status, 1);
    assert!(
        migrate
            .err
            .starts_with("error: migrate needs a running Kazoo")
    );
    assert_eq!(migrate.out, "");
    assert_eq!(run(&["all_features"]).status, 0);
}

#[test]
fn missing_address_error_names_sources() {
    let failed = run(&["copy_number_dbs_to_accounts"]);
    assert_eq!(failed.status, 4);
    assert_eq!(
        failed.err,
        "error: cannot connect to CouchDB: no address is configured: COUCHDB_URL is not set, and there is no \
         /there/is/no/config.ini\nhint: set COUCHDB_URL=http://user:password@host:port\n"
    );
    assert_eq!(failed.out, "");
    assert_eq!(run(&["seed"]).status, 1);
}

#[test]
fn misplaced_credentials_are_not_printed() {
    let url = format!("http://admin:{PASSWORD}{PASSWORD}{PASSWORD}{PASSWORD}{PASSWORD}@host:5984");
    for line in [
        &[url.as_str(), "migrate"][..],
        &["fix_account_db_numbers", &url],
        &["migrate", &url],
        &["seed", "--numbers", &url],
    ] {
        let refused = run(line);
        assert_ne!(refused.status, 0);
        let message = format!("{}{}", refused.out, refused.err);
        assert!(!message.is_empty());
        assert!(!message.contains(&PASSWORD[..4]), "{line:?}: {message}");
    }
}

#[test]
fn wrong_credentials_are_not_printed() {
    let server = CliServer::start();
    let wrong = format!("http://admin:{PASSWORD}-wrong@{}", server.address());
    let failed = server.run(&["--couchdb", &wrong, "copy_number_dbs_to_accounts"]);
    assert_eq!(failed.status, 4, "{}{}", failed.out, failed.err);
    let why = format!(
        " on http://{} (from --couchdb): unauthorized: Name or password is incorrect. (401)",
        server.address()
    );
    assert!(
        failed.err.starts_with("error: cannot ") && failed.err.contains(&why),
        "{}",
        failed.err
    );
    assert!(
        failed
            .err
            .ends_with("hint: check the user name and the password\n")
    );
}

/// Every user can read the list of processes.
#[test]
#[cfg(target_os = "linux")]
fn password_is_removed_from_process_list() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://admin:{PASSWORD}@{}", silent.local_addr().unwrap());
    let mut running = program(&["copy_number_dbs_to_accounts", "--couchdb", &url])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (connection, _) = silent.accept().unwrap();
    let path = format!("/proc/{}/cmdline", running.id());
    let began = Instant::now();
    let line = loop {
        let line = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        if !line.contains(PASSWORD) || began.elapsed() > Duration::from_secs(2) {
            break line;
        }
        sleep(Duration::from_millis(5));
    };
    assert!(line.contains("copy_number_dbs_to_accounts"), "{line}");
    assert!(!line.contains(PASSWORD), "{line}");
    running.kill().unwrap();
    running.wait().unwrap();
    drop(connection);
}

#[test]
fn kazoo_configuration_is_found() {
    let server = CliServer::start();
    let (host, port) = server
        .address()
        .split_once(':')
        .map(|(host, port)| (host.to_owned(), port.to_owned()))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.ini");
    let text = format!(
        "[bigcouch]\nip = \"{host}\"\nport = {port}\nusername = admin\npassword = {PASSWORD}\n"
    );
    std::fs::write(&path, text).unwrap();
    let ran = ProgramRun::of(
        &program(&["copy_number_dbs_to_accounts"])
            .env("KAZOO_CONFIG", &path)
            .output()
            .unwrap(),
    );
    assert_eq!(
        (ran.status, ran.lines().last().copied()),
        (0, Some("ok")),
        "{}",
        ran.out
    );
}
