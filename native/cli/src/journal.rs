//! The journals of a run, and its entries about user and command.

use std::env;

use kazoo_numbers::command::Argument;
use kazoo_numbers::journal::Journals;
use nix::unistd::{Uid, User};

use crate::options::Options;

/// The journals: in the given folder only, else in the user's default folder.
pub(crate) fn journals(options: &Options) -> Option<Journals> {
    if options.no_journal {
        return None;
    }
    let journals = match &options.journal {
        Some(directory) => Journals::new(directory.clone()),
        None => Journals::usual(),
    };
    Some(match options.journal_keep_days {
        Some(days) => journals.kept_for(days.into()),
        None => journals,
    })
}

/// User and machine for the journal.
pub(crate) fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(system_user);
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy();
    format!("{user}@{machine}")
}

/// The system's name of the process's user, because cron and systemd do not set the environment.
fn system_user() -> String {
    let id = Uid::current();
    match User::from_uid(id) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {id}"),
    }
}

/// The command line without options.
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
