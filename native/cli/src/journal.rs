//! Where what is done is written down, and what is written about who did it.

use std::env;

use kazoo_numbers::command::Argument;
use kazoo_numbers::journal::Journals;
use nix::unistd::{Uid, User};

use crate::arguments::Options;

/// The journals that were asked for: in a folder that was given and no other, else in the user's own.
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

/// The user, as the system's tools would have it, and the machine.
pub(crate) fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(system_user);
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy();
    format!("{user}@{machine}")
}

/// The name that the system has for the user of this process, which cron and systemd do not put into its environment.
fn system_user() -> String {
    let id = Uid::current();
    match User::from_uid(id) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {id}"),
    }
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
