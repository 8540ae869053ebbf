//! The program of this crate, and a server for it to work on.

use std::ops::Deref;
use std::process::{Child, Command, Stdio};

use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::program;
pub use kazoo_numbers_testkit::program::ProgramRun;
use kazoo_numbers_testkit::server::EmbeddedServer;

/// The program, in an environment that names no CouchDB.
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

/// A program under way, whose output a test reads.
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

/// A server in this process, and the program on it.
pub struct Stage(EmbeddedServer);

impl Deref for Stage {
    type Target = EmbeddedServer;

    fn deref(&self) -> &EmbeddedServer {
        &self.0
    }
}

impl Stage {
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
