//! Running a program of the workspace as its users do.

use std::process::{Command, Output, Stdio};

use exact_json::Value;

use crate::server::PASSWORD;

/// A program in an environment that names no CouchDB; `data` is where it keeps what a user would have in his home.
pub fn program(executable: &str, data: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(executable);
    program
        .args(arguments)
        .env_remove("COUCHDB_URL")
        .env_remove("COUCHDB_USER")
        .env_remove("COUCHDB_PASSWORD")
        .env("KAZOO_CONFIG", "/there/is/no/config.ini")
        // Journals of tests are nobody's.
        .env("XDG_DATA_HOME", data)
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
    /// What is left of a program that ended; neither of its outputs may hold the password.
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

    /// Every line of the output as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| exact_json::from_str(line).unwrap())
            .collect()
    }
}
