//! Runs a program of the workspace as its users do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use exact_json::Value;

use crate::server::PASSWORD;

/// The home directory of the programs that this process starts, in `folder`. It is empty at first.
fn home(folder: &str) -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(folder).join("home");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        home
    })
}

/// Prepares a program in an environment without a CouchDB address, and with a home directory in `folder`: tests neither read nor
/// write the user's journals.
pub fn program(executable: &str, folder: &str, arguments: &[&str]) -> Command {
    let home = home(folder);
    let mut program = Command::new(executable);
    program
        .args(arguments)
        .env_remove("COUCHDB_URL")
        .env_remove("COUCHDB_USER")
        .env_remove("COUCHDB_PASSWORD")
        .env("KAZOO_CONFIG", "/there/is/no/config.ini")
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_STATE_HOME", home.join("state"))
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
