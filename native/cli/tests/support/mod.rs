//! What the tests share: the program as its users start it, and a server for it to work on.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a module of each test that uses some of it"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use kazoo_numbers_cluster::{Cluster, Options, Plan, Revisions};
use kazoo_numbers_sandbox::{SandboxConfig, Server};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The password of every server here, which no output may hold.
pub const PASSWORD: &str = "n0t-t0-be-5een";

/// The program, in an environment that says nothing of any CouchDB.
pub fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kazoo-numbers"));
    program
        .args(arguments)
        .env_remove("COUCHDB_URL")
        .env_remove("COUCHDB_USER")
        .env_remove("COUCHDB_PASSWORD")
        .env("KAZOO_CONFIG", "/there/is/no/config.ini")
        // Journals of tests are nobody's.
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    program
}

/// What came of running it.
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    /// Every line of the output as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub fn run(arguments: &[&str]) -> Ran {
    Ran::of(&program(arguments).output().unwrap())
}

/// A server in this process.
pub struct Stage {
    runtime: Runtime,
    server: Server,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Some(("admin".into(), PASSWORD.into())))
    }

    fn with(admin: Option<(String, String)>) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = SandboxConfig {
            admin,
            ..SandboxConfig::default()
        };
        let server = runtime.block_on(Server::start(config)).unwrap();
        Self { runtime, server }
    }

    /// A server on which somebody else made a number database.
    pub fn of_somebody_else() -> Self {
        let stage = Self::with(None);
        let mut connection = TcpStream::connect(stage.server.address()).unwrap();
        connection
            .write_all(
                b"PUT /numbers%2F%2B1415 HTTP/1.1\r\nHost: localhost\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        stage
    }

    pub fn seeded(options: &Options) -> Self {
        let stage = Self::new();
        let plan = Plan::new(options);
        stage.runtime.block_on(plan.load(&stage.url())).unwrap();
        stage
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// The program, on this server.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut program = program(arguments);
        program.env("COUCHDB_URL", self.url());
        program
    }

    /// Runs it, and sees to it that the password is not told.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = Ran::of(&self.program(arguments).output().unwrap());
        assert!(!ran.out.contains(PASSWORD), "{}", ran.out);
        assert!(!ran.err.contains(PASSWORD), "{}", ran.err);
        ran
    }

    /// All that the server holds.
    pub fn data(&self) -> (Cluster, Revisions) {
        self.runtime.block_on(Cluster::read(&self.url())).unwrap()
    }
}
