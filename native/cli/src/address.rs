//! The address of CouchDB as it was given, and how it stays secret.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Arg;

const VARIABLE: &str = "COUCHDB_URL";
const OPTION: &[u8] = b"--couchdb";

/// Tells the program that it started anew that the address came from the option.
const MOVED: &str = "KAZOO_NUMBERS_COUCHDB_OPTION";

/// The address that was given, and by what: by the option, else by the environment.
pub fn given(couchdb: Option<&str>) -> Option<(String, &'static str)> {
    let option = couchdb.map(|url| (url.to_owned(), "--couchdb"));
    option
        .or_else(|| {
            let url = env::var(VARIABLE).ok()?;
            let moved = env::var_os(MOVED).is_some();
            Some((url, if moved { "--couchdb" } else { VARIABLE }))
        })
        .filter(|(url, _)| !url.trim().is_empty())
}

/// The option that names the address.
pub fn argument() -> Arg {
    Arg::new("couchdb")
        .long("couchdb")
        .value_name("URL")
        .help("CouchDB, as http://user:password@host:port; COUCHDB_URL in the environment is safer")
}

/// Takes a password off the command line, which every user of the machine can read in the list
/// of processes: the program starts itself anew with the address in its environment, which only
/// its owner can read. Returns when there is nothing to hide, or where that cannot be done.
pub fn hide(url: &str) {
    if !url.contains('@') {
        return;
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let given: Vec<OsString> = arguments.collect();
    let kept = without_option(&given);
    // Without this a program that cannot hide it would start itself without end.
    if kept.len() == given.len() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let _failure = Command::new(program)
            .arg0(name)
            .args(kept)
            .env(VARIABLE, url)
            .env(MOVED, "1")
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
    fn the_option_goes_in_both_spellings_and_nothing_else() {
        assert_eq!(kept("--couchdb u fix --json a"), "fix --json a");
        assert_eq!(kept("fix --couchdb=u a"), "fix a");
        assert_eq!(kept("fix -- --couchdb u"), "fix -- --couchdb u");
        assert_eq!(kept("fix --couchdbs u"), "fix --couchdbs u");
    }
}
