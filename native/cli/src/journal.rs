//! Where what is done is written down, and what is written about who did it.

use std::env;
use std::path::PathBuf;

use kazoo_numbers::command::Argument;
use kazoo_numbers::journal::{Journals, default_directory};

use kazoo_numbers_cli::terminal;

use crate::arguments::Options;

/// The journals that were asked for: in a folder that was given, else in the user's own.
pub(crate) fn journals(options: &Options) -> Option<Journals> {
    if options.no_journal {
        return None;
    }
    let directory = options.journal.clone().or_else(default_directory);
    Some(Journals::new(directory.unwrap_or_else(fallback)))
}

/// Who has no home keeps it where it lasts until the machine starts again.
fn fallback() -> PathBuf {
    let directory = env::temp_dir()
        .join("kazoo_numbers_maintenance")
        .join("journal");
    terminal::say(&format!(
        "warning: there is no home directory: the journal is in {}; --journal keeps it elsewhere",
        directory.display()
    ));
    directory
}

/// The user, as the system's tools would have it, and the machine.
pub(crate) fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()));
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy();
    format!("{}@{machine}", user.as_deref().unwrap_or("unknown"))
}

/// The command as it was typed, without its options.
pub(crate) fn command_line(name: &str, arguments: &[Argument]) -> String {
    let mut words = vec![name.to_owned()];
    for argument in arguments {
        match argument {
            Argument::Text(text) => words.push(text.clone()),
            Argument::List(texts) => words.extend(texts.iter().cloned()),
        }
    }
    words.join(" ")
}
