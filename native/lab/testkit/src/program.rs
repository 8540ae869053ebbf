//! Runs a program of the workspace as its users do.

use std::process::{Command, Output, Stdio};

use exact_json::Value;

use crate::server::PASSWORD;

/// Prepares a program in an environment without a CouchDB address. `data` replaces the user's data
/// folder.
pub fn program(executable: &str, data: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(executable);
    program
        .args(arguments)
        .env_remove("COUCHDB_URL")
        .env_remove("COUCHDB_USER")
        .env_remove("COUCHDB_PASSWORD")
        .env("KAZOO_CONFIG", "/there/is/no/config.ini")
        // Keeps journals of tests out of the user's folder.
        .env("XDG_DATA_HOME", data)
        .stdin(Stdio::null());
    program
}

/// The exit status and the outputs of a program.
pub struct ProgramRun {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl ProgramRun {
    /// Evaluates a program's output. Neither output may hold the password.
    pub fn of(output: &Output) -> Self {
        let ran = Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        };
        assert!(!ran.out.contains(PASSWORD), "{}", ran.out);
        assert!(!ran.err.contains(PASSWORD), "{}", ran.err);
        ran
    }

    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    /// Parses each line of standard output as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| exact_json::from_str(line).unwrap())
            .collect()
    }
}
