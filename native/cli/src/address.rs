//! The address of CouchDB from the command line or the environment, and how its password stays
//! secret.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

const VARIABLE: &str = "COUCHDB_URL";
const OPTION: &[u8] = b"--couchdb";

/// Set for the restarted program: the address came from the option.
const FROM_OPTION: &str = "KAZOO_NUMBERS_COUCHDB_OPTION";

/// The given address and its source: the option, else the environment.
pub fn given(couchdb: Option<&str>) -> Option<(String, &'static str)> {
    let option = couchdb.map(|url| (url.to_owned(), "--couchdb"));
    option
        .or_else(|| {
            let url = env::var(VARIABLE).ok()?;
            let moved = env::var_os(FROM_OPTION).is_some();
            Some((url, if moved { "--couchdb" } else { VARIABLE }))
        })
        .filter(|(url, _)| !url.trim().is_empty())
}

/// The option for the address.
#[derive(Args, Clone, Debug)]
pub struct Address {
    /// CouchDB, as http://user:password@host:port; COUCHDB_URL in the environment is safer
    #[arg(long, global = true, value_name = "URL")]
    pub couchdb: Option<String>,
}

/// Removes a password from the command line, which every user of the machine can read in the list
/// of processes: the program restarts itself with the address in its environment, which only its
/// owner can read. Returns if there is nothing to hide, or if the restart fails.
pub fn hide(url: &str) {
    if !url.contains('@') {
        return;
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let given: Vec<OsString> = arguments.collect();
    let kept = without_option(&given);
    // Prevents an endless restart if the option cannot be removed.
    if kept.len() == given.len() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let _failure = Command::new(program)
            .arg0(name)
            .args(kept)
            .env(VARIABLE, url)
            .env(FROM_OPTION, "1")
            .exec();
    }
}

fn without_option(given: &[OsString]) -> Vec<&OsString> {
    let mut kept = Vec::new();
    let mut words = given.iter();
    while let Some(word) = words.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            kept.push(word);
            kept.extend(words);
            break;
        }
        match bytes.strip_prefix(OPTION) {
            Some(b"") => {
                words.next();
            }
            Some([b'=', ..]) => {}
            _ => kept.push(word),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> String {
        let given: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let kept: Vec<String> = without_option(&given)
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        kept.join(" ")
    }

    #[test]
    fn option_is_removed_in_both_spellings() {
        assert_eq!(kept("--couchdb u fix --json a"), "fix --json a");
        assert_eq!(kept("fix --couchdb=u a"), "fix a");
        assert_eq!(kept("fix -- --couchdb u"), "fix -- --couchdb u");
        assert_eq!(kept("fix --couchdbs u"), "fix --couchdbs u");
    }
}
