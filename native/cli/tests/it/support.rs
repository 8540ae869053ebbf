//! The program of this crate, and a server for it.

use std::fs::File;
use std::io::Read;
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

/// Runs a program with a terminal as its standard error. Returns its standard output and what the terminal got.
pub fn on_terminal(mut program: Command) -> (String, String) {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let running = program
        .env("TERM", "xterm")
        .stdout(Stdio::piped())
        .stderr(slave)
        .spawn()
        .unwrap();
    // The terminal closes when its other end is closed.
    drop(program);
    let reader = spawn(move || {
        let mut shown = Vec::new();
        let mut terminal = File::from(master);
        let mut some = [0; 4096];
        while let Ok(count) = terminal.read(&mut some) {
            if count == 0 {
                break;
            }
            shown.extend_from_slice(&some[..count]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let output = running.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    (out, reader.join().unwrap())
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
}
