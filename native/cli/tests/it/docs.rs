//! The examples of the pages for operators print what the pages show.
//!
//! A page with a `console` block names its cluster in a comment, `<!-- fixture: NAME -->`, a function of [`fixtures`]. A further
//! comment starts again with another cluster. The lines that begin with `$ ` run in the order of the page, each in a shell. The
//! exit status must be 0, unless the next line is `$ echo $?`. The lines that follow must be those that were printed, apart from
//! times, ids, revisions and the order of lines. Rows of an audit without findings are shown as one `…`.
//!
//! With `KAZOO_NUMBERS_WRITE_MANUAL` set, the output is written into the page instead. Read the page before you commit it.

mod fixtures;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread::scope;

use crate::support::CliServer;
use exact_json::Value;
use kazoo_numbers_generator::{Cluster, Options, Plan};
use kazoo_numbers_testkit::program::ProgramRun;
use regex::Regex;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// The address that the pages show.
const SHOWN_ADDRESS: &str = "127.0.0.1:5984";

/// The user and the machine that the pages show.
const SHOWN_USER: &str = "ops@kz1";

/// The ids that differ from run to run: those of runs and plans, and revisions.
static IDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b\d{8}T\d{6}Z-\d{6}\b|\b\d+-[0-9a-f]{32}\b").unwrap());

static USER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[a-z_][a-z0-9_-]*@[A-Za-z0-9.-]+( \(login [^)]*\))?").unwrap());

/// The other parts of an output that differ from run to run.
static VARIABLE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "TIME"),
        (r"\b\d+\.\d seconds", "SECONDS seconds"),
        (r"_seconds (1[0-9]{9})\b", "_seconds TIMESTAMP"),
        (r"\b6[0-9]{10}\b", "MODIFIED"),
        (r" +", " "),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    .into()
});

enum Part {
    Prose(String),
    Fixture(String),
    Example { command: String, shown: Vec<String> },
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut in_console = false;
    for line in page.lines() {
        let fixture = line.strip_prefix("<!-- fixture: ");
        if let Some(name) = fixture.and_then(|rest| rest.strip_suffix(" -->")) {
            parts.push(Part::Fixture(name.to_owned()));
        } else if in_console && line != "```" {
            match (line.strip_prefix("$ "), parts.last_mut()) {
                (Some(command), _) => parts.push(Part::Example {
                    command: command.to_owned(),
                    shown: Vec::new(),
                }),
                (None, Some(Part::Example { shown, .. })) => shown.push(line.to_owned()),
                (None, _) => panic!("an output without a command: {line}"),
            }
        } else {
            in_console = line == "```console";
            parts.push(Part::Prose(line.to_owned()));
        }
    }
    parts
}

/// All pages below docs, by their path.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![PathBuf::from(DOCS)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.insert(path, text);
            }
        }
    }
    pages
}

/// A server with the cluster of a page, and the home of its operator.
struct Scene {
    server: CliServer,
    home: tempfile::TempDir,
    /// The ids that the page shows, and those of this run.
    ids: Vec<(String, String)>,
    status: i32,
}

impl Scene {
    fn new(fixture: &str) -> Self {
        let server = CliServer::start();
        server.load(&fixtures::named(fixture));
        Self {
            server,
            home: tempfile::tempdir().unwrap(),
            ids: Vec::new(),
            status: 0,
        }
    }

    /// The command with the ids of this run.
    fn command(&self, shown: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(shown.to_owned(), |command, (shown, real)| {
            command.replace(shown, real)
        })
    }

    /// Runs a command, and returns its lines. None if they cannot be compared.
    fn run(&mut self, command: &str) -> Option<Vec<String>> {
        if command == "echo $?" {
            return Some(vec![std::mem::take(&mut self.status).to_string()]);
        }
        if let Some(options) = command.strip_prefix("kazoo-numbers-lab seed") {
            // Tests of this crate alone do not build the laboratory's program.
            if !self.program_folder().join("kazoo-numbers-lab").exists() {
                load(&Plan::new(&seed_options(options)), &self.server);
                return None;
            }
        }
        let ran = ProgramRun::of(&self.shell(command).output().unwrap());
        self.status = ran.status;
        Some(ran.out.lines().map(|line| self.as_shown(line)).collect())
    }

    fn program_folder(&self) -> PathBuf {
        let program = self.server.program(&[]);
        Path::new(program.get_program())
            .parent()
            .unwrap()
            .to_owned()
    }

    fn shell(&self, command: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let home = self.home.path();
        let mut shell = Command::new("sh");
        // Both outputs in the order in which they were printed.
        shell
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(home)
            .env(
                "PATH",
                format!("{}:{path}", self.program_folder().display()),
            )
            .env("COUCHDB_URL", self.server.url())
            .env("KAZOO_CONFIG", "/there/is/no/config.ini")
            .env("HOME", home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null());
        for variable in [
            "COUCHDB_USER",
            "COUCHDB_PASSWORD",
            "COUCHDB_CA_FILE",
            "KAZOO_NUMBERS_LOG",
        ] {
            shell.env_remove(variable);
        }
        shell
    }

    fn as_shown(&self, line: &str) -> String {
        let line = line.replace(&self.server.address(), SHOWN_ADDRESS);
        let line = line.replace(self.home.path().to_str().unwrap(), "~");
        USER.replace_all(&line, SHOWN_USER).into_owned()
    }
}

fn load(plan: &Plan, server: &CliServer) {
    for name in plan.names() {
        let database = plan.database(&name);
        server.load(&Cluster {
            databases: BTreeMap::from([(name, database)]),
        });
    }
}

/// The options of `kazoo-numbers-lab seed` that pages use.
fn seed_options(line: &str) -> Options {
    let mut options = Options::default();
    let mut words = line.split_whitespace();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name {
            "--accounts" => options.accounts = value.parse().unwrap(),
            "--numbers" => options.numbers = value.parse().unwrap(),
            "--number-databases" => options.number_databases = value.parse().unwrap(),
            "--drift" => options.drift = value.parse().unwrap(),
            _ => panic!("unknown option {name}"),
        }
    }
    options
}

/// Rows of an audit without findings become one `…`.
fn without_empty_rows(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_empty = matches!(
            words.as_slice(),
            [_, "critical" | "major" | "minor", "0", "0", ..]
        );
        if !is_empty {
            kept.push(line);
        } else if kept.last().is_none_or(|last| last != "…") {
            kept.push("…".to_owned());
        }
    }
    kept
}

/// The lines without the parts that differ from run to run, in a fixed order.
fn comparable(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .map(|line| {
            let mut line = IDS.replace_all(line, "ID").into_owned();
            for (pattern, name) in VARIABLE.iter() {
                line = pattern.replace_all(&line, *name).into_owned();
            }
            line
        })
        .collect();
    lines.sort();
    lines
}

fn ids(lines: &[String]) -> Vec<String> {
    let text = lines.join("\n");
    IDS.find_iter(&text)
        .map(|id| id.as_str().to_owned())
        .collect()
}

/// The page with the outputs of this run, and the differences.
fn played(page: &str) -> (String, Vec<String>) {
    let mut scene = None;
    let mut lines = Vec::new();
    let mut differences = Vec::new();
    let parts = parts(page);
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Prose(line) => lines.push(line.clone()),
            Part::Fixture(name) => {
                scene = Some(Scene::new(name));
                lines.push(format!("<!-- fixture: {name} -->"));
            }
            Part::Example { command, shown } => {
                let scene = scene
                    .as_mut()
                    .expect("a page with examples names a fixture");
                let command = scene.command(command);
                let printed = scene.run(&command).map(without_empty_rows);
                let printed = printed.unwrap_or_else(|| shown.clone());
                let is_status_shown = matches!(
                    parts.get(index + 1),
                    Some(Part::Example { command, .. }) if command == "echo $?"
                );
                if scene.status != 0 && !is_status_shown {
                    differences.push(format!(
                        "$ {command}\nexit status {}, which the page does not show\n{}",
                        scene.status,
                        printed.join("\n")
                    ));
                }
                if comparable(&printed) != comparable(shown) {
                    differences.push(format!(
                        "$ {command}\n{}\n--- printed was\n{}",
                        shown.join("\n"),
                        printed.join("\n")
                    ));
                }
                // The commands that follow name the ids that the page shows.
                scene.ids.extend(ids(shown).into_iter().zip(ids(&printed)));
                lines.push(format!("$ {command}"));
                lines.extend(printed);
            }
        }
    }
    (lines.join("\n") + "\n", differences)
}

#[test]
fn examples_print_what_the_pages_show() {
    let pages = pages();
    let with_examples: Vec<_> = pages
        .iter()
        .filter(|(_, text)| text.contains("\n```console\n"))
        .collect();
    for name in [
        "tutorial.md",
        "symptoms.md",
        "monitoring.md",
        "faq.md",
        "runbooks/imported-account.md",
        "runbooks/carrier-changed.md",
        "runbooks/split-brain.md",
        "runbooks/restored-backup.md",
        "runbooks/deleted-account.md",
        "runbooks/ported-numbers.md",
        "runbooks/kazoo-3.md",
    ] {
        let path = Path::new(DOCS).join(name);
        assert!(
            with_examples.iter().any(|(page, _)| **page == path),
            "{name} has no examples"
        );
    }
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    let failures: Vec<String> = scope(|threads| {
        let running: Vec<_> = with_examples
            .iter()
            .filter(|(path, page)| {
                let can_run = has_curl || !page.contains("\n$ curl ");
                if !can_run {
                    println!("not run: {}: this machine has no curl", path.display());
                }
                can_run
            })
            .map(|(path, page)| (path, threads.spawn(|| played(page))))
            .collect();
        running
            .into_iter()
            .flat_map(|(path, thread)| {
                let (text, differences) = thread.join().unwrap();
                let is_writing = std::env::var_os("KAZOO_NUMBERS_WRITE_MANUAL").is_some();
                if is_writing && !differences.is_empty() {
                    fs::write(path, text).unwrap();
                }
                differences
                    .into_iter()
                    .map(|difference| format!("{}:\n{difference}", path.display()))
            })
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn summary_of_the_book_lists_every_page() {
    let summary = fs::read_to_string(format!("{DOCS}/SUMMARY.md")).unwrap();
    for page in pages().keys() {
        let page = page.strip_prefix(DOCS).unwrap().to_str().unwrap();
        assert!(
            page == "SUMMARY.md" || summary.contains(&format!("]({page})")),
            "docs/SUMMARY.md lacks {page}"
        );
    }
}

/// The metrics that a run writes: their names.
fn metrics() -> Vec<String> {
    let mut scene = Scene::new("symptoms");
    scene.run("kazoo-numbers audit --metrics numbers.prom");
    let text = fs::read_to_string(scene.home.path().join("numbers.prom")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    names
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

/// Every text of a JSON value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|value| texts(value, into)),
        Value::Object(all) => all.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}

#[test]
fn dashboard_and_alerts_name_metrics_that_are_written() {
    let written = metrics();
    let name = Regex::new(r"\bkazoo_numbers_[a-z_]+").unwrap();
    let dashboard = fs::read_to_string(format!("{DOCS}/grafana/kazoo-numbers.json")).unwrap();
    let mut dashboard_texts = Vec::new();
    texts(
        &exact_json::from_str(&dashboard).unwrap(),
        &mut dashboard_texts,
    );
    let alerts = fs::read_to_string(format!("{DOCS}/grafana/alerts.yml")).unwrap();
    for (file, text) in [
        ("kazoo-numbers.json", dashboard_texts.join("\n")),
        ("alerts.yml", alerts),
    ] {
        let named: Vec<&str> = name.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(named.len() > 5, "{file}: {named:?}");
        for metric in named {
            assert!(
                written.iter().any(|written| written == metric),
                "{file} names {metric}, which is not written"
            );
        }
    }
}

/// The program through HAProxy with this configuration, whose address and servers are replaced.
fn audit_through(scene: &Scene, configuration: &str) -> ProgramRun {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let servers = Regex::new(r"(?m)(^    server .*\n)+").unwrap();
    let server = format!("    server couchdb {} check\n", scene.server.address());
    let configuration = servers.replace(configuration, server.as_str());
    let configuration = configuration.replace("127.0.0.1:15984", &address);
    let file = scene.home.path().join("haproxy.cfg");
    fs::write(&file, &configuration).unwrap();
    let haproxy = || {
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-f").arg(&file);
        haproxy
    };
    let checked = haproxy().arg("-c").output().unwrap();
    let complaints = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success(), "{complaints}\n{configuration}");
    assert!(!complaints.contains("[WARNING]"), "{complaints}");
    let mut proxy = haproxy()
        .arg("-db")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The program retries while the proxy starts.
    let url = scene.server.url();
    let url = url.replace(&scene.server.address(), &address);
    let mut program = scene.server.program(&["audit", "--json"]);
    let ran = ProgramRun::of(&program.env("COUCHDB_URL", url).output().unwrap());
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    ran
}

fn findings(ran: &ProgramRun) -> Vec<String> {
    let events = ran.json();
    let audit = events.iter().find(|event| event["event"] == "audit");
    let findings = audit.unwrap()["data"]["findings"].as_array().unwrap();
    let mut findings: Vec<String> = findings.iter().map(Value::to_string).collect();
    findings.sort();
    findings
}

#[test]
fn haproxy_as_on_its_page_passes_every_path_unchanged() {
    let page = fs::read_to_string(format!("{DOCS}/haproxy.md")).unwrap();
    let (_, fragment) = page.split_once("```haproxy\n").unwrap();
    let (fragment, rest) = fragment.split_once("```").unwrap();
    let decoding = "    http-request set-path %[path,url_dec]\n";
    assert!(rest.contains(decoding), "{rest}");
    if Command::new("haproxy").arg("-v").output().is_err() {
        println!("not run: this machine has no haproxy");
        return;
    }
    let scene = Scene::new("symptoms");
    let direct = scene.server.run(&["audit", "--json"]);
    let through = audit_through(&scene, fragment);
    assert_eq!(through.status, 0, "{}{}", through.out, through.err);
    assert_eq!(findings(&direct), findings(&through));
    assert!(!findings(&direct).is_empty(), "{}", direct.out);
    let decoded = audit_through(&scene, &format!("{fragment}{decoding}"));
    assert!(
        decoded.out.contains("seems to decode %2F"),
        "{}{}",
        decoded.out,
        decoded.err
    );
}
