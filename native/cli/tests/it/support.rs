//! The program of this crate, and a server for it.

use std::ops::Deref;
use std::process::{Child, Command, Stdio};

use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::program;
pub use kazoo_numbers_testkit::program::ProgramRun;
use kazoo_numbers_testkit::server::EmbeddedServer;

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
