//! The journals of a run, and its entries about user and command.

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

/// User and machine for the journal, as the system knows them: an environment variable such as `USER` can say anything.
pub(crate) fn who() -> String {
    let user = name_of(Uid::current());
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy();
    match login().map(name_of) {
        Some(login) if login != user => format!("{user}@{machine} (login {login})"),
        _ => format!("{user}@{machine}"),
    }
}

fn name_of(id: Uid) -> String {
    match User::from_uid(id) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {id}"),
    }
}

/// The user who logged in, as Linux records it; `sudo` and `su` do not change it. `None`: no login, as in cron and systemd.
fn login() -> Option<Uid> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    let id: u32 = text.trim().parse().ok()?;
    (id != u32::MAX).then(|| Uid::from_raw(id))
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
