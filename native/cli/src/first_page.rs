//! The first page of help: the groups with their main functions, on one screen.

use std::fmt::Write as _;

use clap::{Arg, Command};
use kazoo_numbers::command::{CommandSpec, Effect, Group, commands};
use kazoo_numbers_cli::exit_status::ExitStatus;

use crate::arguments::{ABOUT, USAGE};
use crate::tools::Tool;

const WIDTH: usize = 80;

/// The columns of the names of groups, and of options.
const GROUP: usize = 10;
const OPTION: usize = 16;

/// The options on this page.
const OPTIONS: [&str; 3] = ["couchdb", "dry_run", "json"];

/// The page.
pub(crate) fn text(command: &Command) -> String {
    let mut page = format!("{ABOUT}.\n\nUsage: {USAGE}\n\n");
    let guide = "The main functions; ! deletes documents. \"kazoo-numbers help GROUP\" lists all of a \
                 group, \"kazoo-numbers help FUNCTION\" explains one, FUNCTION --help has its options.";
    page += &textwrap::fill(guide, WIDTH);
    page += "\n\n";
    for group in Group::ALL {
        page += &section(group);
    }
    page += "\nOptions, among others:\n";
    for option in command.get_arguments() {
        if OPTIONS.contains(&option.get_id().as_str()) {
            page += &option_line(option);
        }
    }
    page += "\n";
    let address = "CouchDB is --couchdb, else COUCHDB_URL, else that of Kazoo's config.ini (KAZOO_CONFIG, \
                   /etc/kazoo/config.ini, /etc/kazoo/core/config.ini). Next to a running Kazoo, \
                   prefer sup: this program does not flush Kazoo's caches.";
    page += &textwrap::fill(address, WIDTH);
    page += "\n";
    let statuses: Vec<String> = ExitStatus::ALL
        .iter()
        .map(|status| format!("{} {}", status.code(), status.summary()))
        .collect();
    let statuses = format!("Exit status: {}.", statuses.join("; "));
    page += &textwrap::fill(&statuses, WIDTH);
    page
}

/// A group: its title, its main functions, and how many more there are.
fn section(group: Group) -> String {
    let rows: Vec<&CommandSpec> = commands().filter(|spec| spec.group == group).collect();
    let mut names: Vec<&str> = rows.iter().map(|spec| spec.name).collect();
    names.dedup();
    let is_main = |name: &&str| rows.iter().any(|spec| spec.name == *name && spec.is_main);
    let deletes = |name: &str| {
        rows.iter()
            .any(|spec| spec.name == name && spec.effect == Effect::Deletes)
    };
    let mut shown: Vec<String> = names
        .iter()
        .filter(|name| is_main(name))
        .map(|name| format!("{name}{}", if deletes(name) { "!" } else { "" }))
        .collect();
    let more = names.len() - shown.len();
    if group == Group::Setup {
        shown.extend(Tool::NAMES.map(str::to_owned));
    }
    if shown.is_empty() {
        return String::new();
    }
    let mut list = shown.join(", ");
    if more > 0 {
        // A String can always be written to.
        let _ = write!(list, ", {more} more");
    }
    let indent = " ".repeat(GROUP);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&indent)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    format!(
        "{:GROUP$}{}\n{}\n",
        group.name(),
        group.title(),
        textwrap::fill(&list, options)
    )
}

fn option_line(option: &Arg) -> String {
    let short = option
        .get_short()
        .map_or(String::from("    "), |short| format!("-{short}, "));
    let long = option.get_long().unwrap_or_default();
    let value = option
        .get_action()
        .takes_values()
        .then(|| option.get_value_names())
        .flatten()
        .and_then(|names| names.first())
        .map_or(String::new(), |name| format!(" {name}"));
    let head = format!("  {short}--{long}{value}");
    let help = option
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let indent = " ".repeat(OPTION + 8);
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&indent)
        .subsequent_indent(&indent);
    let text = textwrap::fill(&help, options);
    let text = text
        .get(head.len() + 1..)
        .filter(|_| head.len() < indent.len());
    match text {
        Some(text) => format!("{head} {text}\n"),
        None => format!("{head}\n{}\n", textwrap::fill(&help, WIDTH)),
    }
}
