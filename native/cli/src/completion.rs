//! Shell completion. The script of a shell calls this program, which knows the functions, their
//! options, and what their arguments may be.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use kazoo_numbers::command::{Group, Parameter, commands};
use kazoo_numbers::journal::Journals;
use kazoo_numbers::kazoo::ALL_CARRIERS;
use kazoo_numbers::plan::KNOWN_FEATURES;
use kazoo_numbers::report::sanitise;
use kazoo_numbers_cli::terminal;

use crate::arguments::{self, PROGRAM};
use crate::tools::Tool;

/// The environment variable by which the script of a shell asks.
const VARIABLE: &str = "KAZOO_NUMBERS_COMPLETE";

/// The most runs or plans that are offered, the newest first.
const SHOWN: usize = 50;

/// Answers the script of a shell and ends the program, if a script asks.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(arguments::command)
        .var(VARIABLE)
        .bin(PROGRAM)
        .complete();
}

/// Prints the completion script for this shell.
pub(crate) fn print(shell: Shell) -> io::Result<()> {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(&shell.to_string()) else {
        return Err(io::Error::other(format!(
            "there is no completion script for {shell}"
        )));
    };
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    terminal::print(&String::from_utf8_lossy(&script))
}

/// The values that are offered for a parameter. `None`: only the cluster knows them.
pub(crate) fn candidates(parameter: Parameter) -> Option<ArgValueCandidates> {
    Some(match parameter {
        Parameter::Run => ArgValueCandidates::new(runs),
        Parameter::Feature => words(KNOWN_FEATURES),
        Parameter::Source | Parameter::Target => words(ALL_CARRIERS),
        Parameter::Plan => ArgValueCandidates::new(plans),
        Parameter::SkipStale | Parameter::Full | Parameter::Anyway => words([parameter.example()]),
        Parameter::Insistence => ArgValueCandidates::new(|| {
            let words = Parameter::Insistence.name().split('|');
            words.map(CompletionCandidate::new).collect()
        }),
        Parameter::Function => ArgValueCandidates::new(topics),
        Parameter::PlannedFunction => ArgValueCandidates::new(planned_functions),
        Parameter::Account
        | Parameter::Accounts
        | Parameter::Database
        | Parameter::Databases
        | Parameter::Prefix
        | Parameter::Number
        | Parameter::Numbers
        | Parameter::DatabaseOrNumber
        | Parameter::AuditTarget
        | Parameter::Parts
        | Parameter::RunInProgress
        | Parameter::RequestRate
        | Parameter::OfFunction
        | Parameter::Other => return None,
    })
}

fn words<const N: usize>(words: [&'static str; N]) -> ArgValueCandidates {
    ArgValueCandidates::new(move || Vec::from(words.map(CompletionCandidate::new)))
}

fn planned_functions() -> Vec<CompletionCandidate> {
    let mut names: Vec<&str> = commands()
        .filter(|spec| spec.can_be_planned())
        .map(|spec| spec.name)
        .collect();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn topics() -> Vec<CompletionCandidate> {
    let mut names: Vec<&str> = commands()
        .map(|spec| spec.name)
        .chain(Group::ALL.map(Group::name))
        .chain(Tool::NAMES)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The runs that can be undone, each with its command.
fn runs() -> Vec<CompletionCandidate> {
    let journals = journals();
    let ids = journals.ids().into_iter().rev().take(SHOWN);
    offered(ids.map(|id| {
        let start = journals.start(&id).ok().flatten();
        (id, start.map(|start| start.command))
    }))
}

/// The saved plans, each with the command that was planned.
fn plans() -> Vec<CompletionCandidate> {
    let (plans, _) = journals().plans();
    let newest = plans.into_iter().rev().take(SHOWN);
    offered(newest.map(|plan| (plan.start.start.run, Some(plan.start.start.command))))
}

/// Ids with their commands, in this order.
fn offered(all: impl Iterator<Item = (String, Option<String>)>) -> Vec<CompletionCandidate> {
    all.enumerate()
        .map(|(at, (id, command))| {
            let command = command.map(|command| sanitise::line(&command).into_owned().into());
            CompletionCandidate::new(id)
                .help(command)
                .display_order(Some(at))
        })
        .collect()
}

fn journals() -> Journals {
    let words: Vec<OsString> = env::args_os().collect();
    match journal_option(&words) {
        Some(directory) => Journals::new(directory),
        None => Journals::usual(),
    }
}

/// The directory of `--journal` on the line that is being completed.
fn journal_option(words: &[OsString]) -> Option<PathBuf> {
    let mut after = words.iter();
    while let Some(word) = after.next() {
        match word.as_bytes().strip_prefix(b"--journal") {
            Some(b"") => return after.next().map(PathBuf::from),
            Some([b'=', directory @ ..]) => return Some(OsStr::from_bytes(directory).into()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_option_is_found_in_both_spellings() {
        let found = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            journal_option(&words)
        };
        assert_eq!(
            found("kazoo-numbers undo --journal /j 2"),
            Some("/j".into())
        );
        assert_eq!(found("kazoo-numbers --journal=/j undo"), Some("/j".into()));
        assert_eq!(found("kazoo-numbers --journal-keep-days 3 undo"), None);
    }
}
