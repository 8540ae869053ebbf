//! The program of this crate, and a server for it.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::thread::spawn;

use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::program;
pub use kazoo_numbers_testkit::program::ProgramRun;
use kazoo_numbers_testkit::server::EmbeddedServer;
use nix::pty::{OpenptyResult, openpty};

/// The program in an environment without a CouchDB address.
pub fn program(arguments: &[&str]) -> Command {
    program::program(
        env!("CARGO_BIN_EXE_kazoo-numbers"),
        env!("CARGO_TARGET_TMPDIR"),
        arguments,
    )
}

pub fn run(arguments: &[&str]) -> ProgramRun {
    ProgramRun::of(&program(arguments).output().unwrap())
}

/// A size of a running program, in KiB: `VmRSS:`, its memory, or `VmHWM:`, the peak. `None` when it has ended.
#[cfg(target_os = "linux")]
pub fn memory_of(running: &Child, size: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", running.id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(size))?;
    Some(line.trim().strip_suffix(" kB")?.parse().unwrap())
}

/// Starts a program whose output a test reads.
pub trait Piped {
    fn piped(&mut self) -> Child;
}

impl Piped for Command {
    fn piped(&mut self) -> Child {
        self.stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The streams of a program that are a terminal. The others are pipes.
#[derive(Clone, Copy, Default)]
pub struct Terminal {
    pub input: bool,
    pub output: bool,
    pub error: bool,
}

/// A program that ran on a terminal.
pub struct TerminalRun {
    pub status: i32,
    /// The standard output, if it is no terminal.
    pub out: String,
    /// The standard error, if it is no terminal.
    pub err: String,
    /// The text that the terminal got.
    pub shown: String,
}

impl Terminal {
    /// Runs a program. When it asks with `[y/N]`, the keys of `answer` are typed. A standard input that is no terminal is a pipe that stays
    /// open, so that a program that reads it hangs.
    pub fn run(self, mut program: Command, answer: &str) -> TerminalRun {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let end = |is_terminal: bool| match is_terminal {
            true => Stdio::from(slave.try_clone().unwrap()),
            false => Stdio::piped(),
        };
        let mut running = program
            .env("TERM", "xterm")
            .stdin(end(self.input))
            .stdout(end(self.output))
            .stderr(end(self.error))
            .spawn()
            .unwrap();
        let input = running.stdin.take();
        // The terminal closes when its other end is closed.
        drop(program);
        drop(slave);
        let answer = answer.to_owned();
        let reader = spawn(move || {
            let mut shown = Vec::new();
            let mut terminal = File::from(master);
            let mut some = [0; 4096];
            let mut has_answered = false;
            while let Ok(count) = terminal.read(&mut some) {
                if count == 0 {
                    break;
                }
                shown.extend_from_slice(&some[..count]);
                let text = String::from_utf8_lossy(&shown);
                if !has_answered && text.contains("[y/N]") {
                    has_answered = true;
                    terminal.write_all(answer.as_bytes()).unwrap();
                }
            }
            String::from_utf8_lossy(&shown).into_owned()
        });
        let output = running.wait_with_output().unwrap();
        drop(input);
        TerminalRun {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            shown: reader.join().unwrap(),
        }
    }
}

/// Runs a program with a terminal as its standard error. Returns its standard output and what the terminal got.
pub fn on_terminal(program: Command) -> (String, String) {
    let error = Terminal {
        error: true,
        ..Terminal::default()
    };
    let ran = error.run(program, "");
    (ran.out, ran.shown)
}

/// The program with a file size limit of `blocks`, like a full disk.
pub fn limited(program: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args([
            "-c",
            "ulimit -f \"$1\"; shift; exec \"$@\"",
            "sh",
            &blocks.to_string(),
        ])
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

/// The id of the plan that a program saved.
pub fn plan_id(ran: &ProgramRun) -> String {
    let mut lines = ran.out.lines();
    let plan = lines.find_map(|line| line.strip_prefix("plan ")?.strip_suffix(" is saved"));
    plan.unwrap_or_else(|| panic!("{}", ran.out)).to_owned()
}

/// An embedded server, and the program on it.
pub struct CliServer(EmbeddedServer);

impl Deref for CliServer {
    type Target = EmbeddedServer;

    fn deref(&self) -> &EmbeddedServer {
        &self.0
    }
}

impl CliServer {
    pub fn start() -> Self {
        Self(EmbeddedServer::start())
    }

    pub fn seeded(options: &Options) -> Self {
        Self(EmbeddedServer::seeded(options))
    }

    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut program = program(arguments);
        program.env("COUCHDB_URL", self.url());
        program
    }

    pub fn run(&self, arguments: &[&str]) -> ProgramRun {
        ProgramRun::of(&self.program(arguments).output().unwrap())
    }

    /// A number of the first number database that is assigned, and its account.
    pub fn assigned_number(&self) -> (String, String) {
        let (cluster, _) = self.data();
        let database = cluster.number_databases().next().unwrap();
        let (number, document) = cluster.databases[database]
            .documents
            .iter()
            .find(|(_, document)| document.contains_key("pvt_assigned_to"))
            .unwrap();
        let account = document["pvt_assigned_to"].as_str().unwrap();
        (number.clone(), account.to_owned())
    }
}
