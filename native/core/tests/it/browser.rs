//! The page of an audit in a browser: Chromium through its debugging pipe
//! (<https://chromedevtools.github.io/devtools-protocol/>), which needs no port and no library.
//!
//! Without Chromium the test is skipped. `KAZOO_NUMBERS_CHROMIUM` names the program, `KAZOO_NUMBERS_SCREENSHOTS` a directory for
//! pictures of the page.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use kazoo_numbers::report::{Audit, Event, audit::to_html};
use kazoo_numbers_generator::{DriftKind, Options, generate};
use kazoo_numbers_testkit::command::{call_with, journalled};
use kazoo_numbers_testkit::server::TestServer;
use serde_json::{Value, json};

/// The longest wait for an answer of the browser.
const PATIENCE: Duration = Duration::from_secs(120);

const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

fn chromium() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("KAZOO_NUMBERS_CHROMIUM") {
        return Some(program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| PROGRAMS.map(|program| folder.join(program)))
        .find(|program| program.is_file())
}

/// A browser with one page.
struct Browser {
    process: Child,
    commands: File,
    answers: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    /// Events that no one waited for.
    events: Vec<Value>,
    _folder: tempfile::TempDir,
}

impl Browser {
    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = folder.path().join(name);
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
            path
        };
        let (commands, answers) = (pipe("commands"), pipe("answers"));
        // Chromium reads commands from descriptor 3, and writes answers to descriptor 4.
        let process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$COMMANDS\" 4>\"$ANSWERS\""])
            .arg(program)
            .args(["--headless", "--remote-debugging-pipe", "--no-sandbox"])
            .args([
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            // A closed network would let it wait for its update and sync hosts.
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-quic",
            ])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .env("COMMANDS", &commands)
            .env("ANSWERS", &answers)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = OpenOptions::new().write(true).open(commands).unwrap();
        let answers = BufReader::new(File::open(answers).unwrap());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap();
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            answers: receiver,
            session: None,
            sent: 0,
            events: Vec::new(),
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", target);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut command = json!({"id": self.sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut command = command.to_string().into_bytes();
        command.push(0);
        self.commands.write_all(&command).unwrap();
        loop {
            let answer = self.answers.recv_timeout(PATIENCE).unwrap();
            if answer["id"] == json!(self.sent) {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn open(&mut self, url: &str, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        // Only the part after # can differ from the page before, which loads nothing.
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.events
            .retain(|event| event["method"] != "Page.loadEventFired");
        self.call("Page.navigate", json!({"url": url}));
        self.evaluate("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', () => done()))");
    }

    fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({
            "expression": expression,
            "returnByValue": true,
            "awaitPromise": true,
            "userGesture": true
        });
        let answer = self.call("Runtime.evaluate", parameters);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// The texts of the visible rows, by section.
    fn rows(&mut self) -> Vec<Vec<String>> {
        let rows = self.evaluate(
            "Array.from(document.querySelectorAll('details.kind')).map(section => \
             Array.from(section.querySelectorAll('tbody tr')).filter(row => row.checkVisibility()) \
             .map(row => row.cells[0].textContent))",
        );
        serde_json::from_value(rows).unwrap()
    }

    fn screenshot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("KAZOO_NUMBERS_SCREENSHOTS") else {
            return;
        };
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let picture = answer["data"].as_str().unwrap().as_bytes();
        let picture = data_encoding::BASE64.decode(picture).unwrap();
        fs::write(Path::new(&folder).join(name), picture).unwrap();
    }

    /// Messages about errors, and addresses other than files.
    fn complaints(&self) -> Vec<&Value> {
        let events = self.events.iter();
        let is_bad = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded") => true,
            Some("Network.requestWillBeSent") => {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                !url.starts_with("file:") && url != "about:blank"
            }
            _ => false,
        };
        events.filter(is_bad).collect()
    }
}

/// Its child processes would outlive a kill, and write into the folder that is removed.
impl Drop for Browser {
    fn drop(&mut self) {
        let closed = self
            .commands
            .write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let until = Instant::now() + PATIENCE;
        while closed.is_ok() && Instant::now() < until {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An audit of a cluster with drift of all kinds, the third of its history.
async fn drifted_audit() -> Audit {
    let server = TestServer::embedded().await;
    let folder = tempfile::tempdir().unwrap();
    let mut last = None;
    for drift in [0.02, 0.3, 0.08] {
        let generated = generate(&Options {
            accounts: 12,
            numbers: 600,
            number_databases: 6,
            drift,
            kinds: DriftKind::all(),
            ..Options::default()
        });
        server.replace(&generated.cluster).await;
        let ran = call_with(&server.url, "audit", &[], journalled(&folder)).await;
        last = ran.events.into_iter().find_map(|event| match event {
            Event::Audit(audit) => Some(*audit),
            _ => None,
        });
        // The history has a resolution of a second.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    server.end().await;
    let audit = last.unwrap();
    assert_eq!(audit.history.len(), 3);
    audit
}

#[tokio::test(flavor = "multi_thread")]
async fn page_works_in_a_browser_from_a_file() {
    let Some(program) = chromium() else {
        eprintln!("skipped: Chromium is not installed, or set KAZOO_NUMBERS_CHROMIUM");
        return;
    };
    let audit = drifted_audit().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.html");
    fs::write(&file, to_html(&audit)).unwrap();
    tokio::task::spawn_blocking(move || check_page(&program, &file, &audit))
        .await
        .unwrap();
}

fn check_page(program: &Path, file: &Path, audit: &Audit) {
    let mut browser = Browser::start(program);
    let url = format!("file://{}", file.display());
    browser.open(&url, 1100, 900);
    assert_eq!(browser.evaluate("document.documentElement.className"), "js");
    let title = browser.evaluate("document.title");
    assert_eq!(title, "Audit of all number databases and accounts");
    browser.screenshot("audit-page.png");

    // The tiles add up.
    let tiles = browser.evaluate(
        "Array.from(document.querySelectorAll('.tile b')).map(tile => Number(tile.textContent))",
    );
    let tiles: Vec<u64> = serde_json::from_value(tiles).unwrap();
    assert_eq!(tiles[0], tiles[1..].iter().sum::<u64>(), "{tiles:?}");

    // All findings, then those that a search leaves.
    let numbers = |kind: &str| {
        let findings = audit.findings.iter();
        let of_kind = findings.filter(|one| one.kind.name() == kind);
        of_kind.map(|one| one.number.clone()).collect::<Vec<_>>()
    };
    let all = browser.rows();
    assert_eq!(all.concat().len(), audit.findings.len());
    let wanted = audit.findings.first().unwrap().number.clone();
    let search = |text: &str| {
        format!(
            "document.getElementById('search').value = {}; \
             document.getElementById('search').dispatchEvent(new Event('input'))",
            json!(text)
        )
    };
    browser.evaluate(&search(&wanted));
    let found = browser.rows().concat();
    assert!(!found.is_empty() && found.len() < audit.findings.len());
    assert!(found.iter().all(|number| *number == wanted), "{found:?}");
    browser.evaluate(&search("no such number"));
    assert_eq!(browser.rows().concat(), [""; 0]);
    let shown = browser.evaluate("document.getElementById('shown').textContent");
    let count = audit.findings.len();
    assert_eq!(shown, format!("0 of {count} findings on this page"));

    // The address keeps the filter.
    let hash = browser.evaluate("location.hash");
    assert_eq!(hash, "#q=no+such+number");
    browser.open(&format!("{url}#kind=differing_copy"), 1100, 900);
    let found = browser.rows().concat();
    assert_eq!(found, numbers("differing_copy"));
    let values =
        browser.evaluate("document.querySelectorAll('details:not([hidden]) .field').length");
    assert!(values.as_u64().unwrap() >= found.len() as u64);
    browser.open(&format!("{url}#severity=critical"), 1100, 900);
    let critical = audit.findings.iter();
    let critical = critical.filter(|one| one.kind.severity().name() == "critical");
    assert_eq!(browser.rows().concat().len(), critical.count());

    // Sort a column twice, then collapse and expand.
    browser.open(&format!("{url}#kind=missing_copy"), 1100, 900);
    let mut sorted = numbers("missing_copy");
    sorted.sort();
    let click = "document.querySelector('details:not([hidden]) th button').click()";
    browser.evaluate(click);
    assert_eq!(browser.rows().concat(), sorted);
    browser.evaluate(click);
    sorted.reverse();
    assert_eq!(browser.rows().concat(), sorted);
    browser.evaluate("document.getElementById('collapse').click()");
    assert_eq!(browser.rows().concat(), [""; 0]);
    browser.evaluate("document.getElementById('expand').click()");
    assert_eq!(browser.rows().concat(), sorted);

    // Each command can be copied.
    let missing = browser.evaluate(
        "Array.from(document.querySelectorAll('code.command')) \
         .filter(code => code.nextElementSibling.className !== 'copy').length",
    );
    assert_eq!(missing, 0);
    let copied = browser.evaluate(
        "new Promise(done => { const button = document.querySelector('.copy'); \
         const look = () => button.textContent === 'copied' && done(button.textContent); \
         new MutationObserver(look).observe(button, {childList: true, characterData: true, subtree: true}); \
         button.click(); })",
    );
    assert_eq!(copied, "copied");

    // A narrow screen needs no horizontal scrolling.
    for width in [1100, 400, 320] {
        browser.open(&url, width, 900);
        let needed = browser.evaluate("document.documentElement.scrollWidth");
        let too_wide = browser.evaluate(&format!(
            "Array.from(document.body.querySelectorAll('*')) \
             .filter(one => one.scrollWidth > {width} || one.getBoundingClientRect().right > {width}) \
             .map(one => one.outerHTML.slice(0, 200))"
        ));
        assert!(
            needed.as_u64().unwrap() <= u64::from(width),
            "{width}: {needed}: {too_wide:#}"
        );
        if width == 400 {
            browser
                .evaluate("document.querySelector('[data-kind=differing_copy]').scrollIntoView()");
            browser.screenshot("audit-page-narrow.png");
        }
    }

    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
