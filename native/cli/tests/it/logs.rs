//! The log on standard error, and the answer to SIGUSR1.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crate::support::{CliServer, Piped, on_terminal, program, run};
use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::program::ProgramRun;
use kazoo_numbers_testkit::server::PASSWORD;
use rustix::process::{Pid, Signal, kill_process};

const VARIABLE: &str = "KAZOO_NUMBERS_LOG";

fn options() -> Options {
    Options {
        accounts: 5,
        numbers: 60,
        number_databases: 4,
        drift: 0.5,
        ..Options::default()
    }
}

/// The levels and the steps (`command`, `scan`, `plan`, `apply`, `report`) in a log.
fn levels_and_steps(log: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let mut levels = BTreeSet::new();
    let mut steps = BTreeSet::new();
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let (time, level) = (words.next().unwrap(), words.next().unwrap());
        assert!(time.ends_with('Z') && time.contains('T'), "{line}");
        levels.insert(level);
        assert!(line.contains("run{id=\""), "{line}");
        steps.extend(
            ["command", "scan", "plan", "apply", "report"]
                .into_iter()
                .filter(|step| line.contains(&format!(": {step}: "))),
        );
    }
    (levels, steps)
}

fn set<'a>(words: &[&'a str]) -> BTreeSet<&'a str> {
    words.iter().copied().collect()
}

#[test]
fn verbosity_logs_steps_then_databases_then_documents() {
    let steps = set(&["apply", "command", "plan", "report", "scan"]);
    for (option, levels, batches, documents) in [
        ("-v", set(&["INFO"]), false, false),
        ("-vv", set(&["INFO", "DEBUG"]), true, false),
        ("-vvv", set(&["INFO", "DEBUG", "TRACE"]), true, true),
    ] {
        let server = CliServer::seeded(&options());
        let logged = server.run(&[option, "copy_number_dbs_to_accounts"]);
        assert_eq!(
            levels_and_steps(&logged.err),
            (levels, steps.clone()),
            "{}",
            logged.err
        );
        for (text, expected) in [
            ("batch written", batches),
            ("page read", batches),
            ("document done", documents),
        ] {
            assert_eq!(logged.err.contains(text), expected, "{option}: {text}");
        }
        let quiet = server.run(&["copy_number_dbs_to_accounts"]);
        assert_eq!(quiet.err, "");
    }
}

#[test]
fn log_leaves_standard_output_as_it_is() {
    let server = CliServer::seeded(&options());
    let plain = server.run(&["carrier_module_usage"]);
    let logged = server.run(&["carrier_module_usage", "-v", "-v"]);
    assert_eq!(logged.out, plain.out);
    assert!(logged.err.contains(" DEBUG "), "{}", logged.err);
    let events = server.run(&["-vvv", "audit", "--json"]).json();
    assert!(events.len() > 2);
}

#[test]
fn environment_sets_level_of_a_module_and_option_takes_precedence() {
    let server = CliServer::seeded(&options());
    let logged = |directives: &str, arguments: &[&str]| {
        let mut program = server.program(arguments);
        ProgramRun::of(&program.env(VARIABLE, directives).output().unwrap()).err
    };
    let log = logged("kazoo_numbers::engine::tasks=debug", &["purge_deleted"]);
    assert!(log.contains("database ends"), "{log}");
    assert!(
        log.lines()
            .all(|line| line.contains(" kazoo_numbers::engine::tasks: ")),
        "{log}"
    );
    let log = logged("trace", &["-v", "purge_deleted"]);
    assert_eq!(levels_and_steps(&log).0, set(&["INFO"]));
    assert_eq!(logged("off", &["purge_deleted"]), "");
    assert_eq!(logged("", &["purge_deleted"]), "");
}

#[test]
fn unknown_directive_is_refused_in_one_line() {
    for directives in ["debgu", "hyper=debug", "info,kazoo_numbers=loud"] {
        let mut program = program(&["all_features"]);
        let refused = ProgramRun::of(&program.env(VARIABLE, directives).output().unwrap());
        assert_eq!((refused.status, refused.out.as_str()), (1, ""));
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
        assert!(
            refused
                .err
                .starts_with("error: cannot use KAZOO_NUMBERS_LOG: \""),
            "{}",
            refused.err
        );
    }
    // Without the variable.
    assert_eq!(run(&["all_features"]).err, "");
}

/// The password of the server is in no line at any level, whatever fails.
#[test]
fn log_has_no_password_at_the_most_verbose_level() {
    let server = CliServer::seeded(&options());
    // Each run checks that.
    for command in [
        &["fix_account_db_numbers", "http://admin:secret@host/x"][..],
        &["copy_accounts_to_number_dbs"],
        &["audit"],
        &["runs"],
    ] {
        let mut arguments = vec!["-vvv"];
        arguments.extend(command);
        server.run(&arguments);
    }
    let refused = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = refused.local_addr().unwrap().port();
    drop(refused);
    let mut away = program(&["-vvv", "audit"]);
    let mut running = away
        .env(
            "COUCHDB_URL",
            format!("http://admin:{PASSWORD}@127.0.0.1:{port}"),
        )
        .piped();
    sleep(Duration::from_secs(2));
    end(&mut running);
    let output = running.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains(" INFO ") && !log.contains(PASSWORD), "{log}");
}

/// A server that lists its databases, if it has any, and answers nothing else.
struct HungServer {
    port: u16,
}

impl HungServer {
    fn start(databases: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn(move || {
            for connection in listener.incoming() {
                spawn(move || answer(connection.unwrap(), databases));
            }
        });
        Self { port }
    }

    fn url(&self) -> String {
        format!("http://admin:{PASSWORD}@127.0.0.1:{}", self.port)
    }
}

fn answer(mut connection: TcpStream, databases: &str) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    let mut lists = false;
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        if line.starts_with("GET /_all_dbs") && !databases.is_empty() {
            lists = true;
        }
        if line == "\r\n" && lists {
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{databases}",
                databases.len()
            );
            lists = false;
        }
        line.clear();
    }
}

fn end(running: &mut Child) {
    for _ in 0..2 {
        let _ = kill_process(Pid::from_child(running), Signal::INT);
        sleep(Duration::from_millis(300));
    }
}

/// Signals a program with a log until a line of its answer satisfies the condition. Returns all its lines until then.
fn asked_until(running: &mut Child, wanted: impl Fn(&str) -> bool + Send + 'static) -> Vec<String> {
    let mut err = BufReader::new(running.stderr.take().unwrap());
    // Before the run begins, the program has no handler for the signal.
    let mut first = String::new();
    err.read_line(&mut first).unwrap();
    assert!(first.contains("command: begins"), "{first}");
    let reader = spawn(move || {
        let mut lines = Vec::new();
        for line in err.lines() {
            let line = line.unwrap();
            let is_wanted = wanted(&line);
            lines.push(line);
            if is_wanted {
                break;
            }
        }
        lines
    });
    let began = Instant::now();
    while !reader.is_finished() && began.elapsed() < Duration::from_secs(20) {
        kill_process(Pid::from_child(running), Signal::USR1).unwrap();
        sleep(Duration::from_millis(200));
    }
    assert_eq!(running.try_wait().unwrap(), None, "the run goes on");
    end(running);
    reader.join().unwrap()
}

#[test]
fn hung_run_prints_what_it_waits_for_on_signal() {
    for (databases, function, waits_for) in [
        (
            r#"["numbers/+1415","numbers/+1416"]"#,
            "purge_deleted",
            "page database=numbers%2F%2B1416 rows=documents page=1, ",
        ),
        ("", "purge_deleted", "databases prefix=numbers/, "),
    ] {
        let server = HungServer::start(databases);
        let mut running = program(&["-v", function, "--dry-run", "--no-index"])
            .env("COUCHDB_URL", server.url())
            .stdout(Stdio::null())
            .piped();
        // For more than a second.
        let lines = asked_until(&mut running, move |line| {
            line.trim().starts_with(waits_for) && !line.contains(", 0.")
        });
        let shown = lines.join("\n");
        assert!(
            lines.iter().any(|line| line.starts_with("run id=")
                && line.contains(&format!("function={function} scope=exclusive, "))),
            "{shown}"
        );
        let last = lines.last().unwrap();
        assert!(last.trim().starts_with(waits_for), "{shown}");
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}

#[test]
fn log_keeps_clear_of_the_progress_line() {
    let server = CliServer::seeded(&options());
    let program = server.program(&[
        "-vv",
        "fix_apps_for_number_dbs",
        "--dry-run",
        "--requests-per-second",
        "15",
    ]);
    let (_, shown) = on_terminal(program);
    assert!(
        shown.contains(" databases, "),
        "no progress line: {shown:?}"
    );
    let mut events = 0;
    for line in shown.split('\n') {
        let Some(at) = line.find(" DEBUG run{").or(line.find("  INFO run{")) else {
            continue;
        };
        events += 1;
        // Before the time of an event there is nothing, or a progress line that is erased.
        let before = line[..at].rsplit('\r').next().unwrap();
        let before = before.rsplit("\u{1b}[2K").next().unwrap();
        assert!(before.starts_with("20"), "{line:?}");
    }
    assert!(events > 10, "{shown:?}");
}
