//! The manual pages, from the catalog and the options: one for the program, and one for each function.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use kazoo_numbers::command::{CommandSpec, Group, commands, usage};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::terminal;

use crate::arguments::{self, PROGRAM};
use crate::tools::Tool;

/// The environment of the program.
const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "COUCHDB_URL",
        "CouchDB, as http://user:password@host:port. Without it, and without --couchdb, the address is that of Kazoo's config.ini.",
    ),
    ("COUCHDB_CA_FILE", "As --ca-file."),
    (
        "KAZOO_CONFIG",
        "Kazoo's config.ini, if it is neither /etc/kazoo/config.ini nor /etc/kazoo/core/config.ini.",
    ),
    (
        "KAZOO_NUMBERS_LOG",
        "The level of the log of a module, as kazoo_numbers=debug,kazoo_numbers_couchdb=trace.",
    ),
    (
        "XDG_DATA_HOME",
        "The directory of kazoo_numbers_maintenance/journal, the journals for undo; ~/.local/share by default.",
    ),
];

/// Writes all pages to a directory, or prints the page of the program.
pub(crate) fn print(directory: Option<&Path>) -> io::Result<()> {
    let Some(directory) = directory else {
        return terminal::print(&String::from_utf8_lossy(&of_program()?));
    };
    let named = |error: io::Error| {
        let line = format!(
            "cannot write manual pages to {}: {error}",
            directory.display()
        );
        io::Error::new(error.kind(), line)
    };
    fs::create_dir_all(directory).map_err(named)?;
    for (name, page) in pages()? {
        fs::write(directory.join(name), page).map_err(named)?;
    }
    Ok(())
}

/// Each page with its file name.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut pages = vec![(format!("{PROGRAM}.1"), of_program()?)];
    let mut command = arguments::command();
    command.build();
    for sub in command.get_subcommands() {
        if Tool::NAMES.contains(&sub.get_name()) {
            continue;
        }
        let mut page = Vec::new();
        man_of(sub.clone()).render(&mut page)?;
        pages.push((format!("{PROGRAM}-{}.1", sub.get_name()), ascii(&page)));
    }
    Ok(pages)
}

/// The page of a function. Its options are those that it has, the global ones included.
fn man_of(sub: Command) -> Man {
    let name = format!("{PROGRAM}-{}", sub.get_name());
    let usage = format!("{PROGRAM} {}", sub.get_name());
    Man::new(sub.name(name.clone()).display_name(name).bin_name(usage))
}

fn of_program() -> io::Result<Vec<u8>> {
    let man = Man::new(arguments::command());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    functions().to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let statuses = ExitStatus::ALL.map(|status| (status.code().to_string(), status.meaning()));
    let statuses = statuses
        .iter()
        .map(|(code, meaning)| (code.as_str(), *meaning));
    definitions("EXIT STATUS", statuses).to_writer(&mut page)?;
    definitions("ENVIRONMENT", ENVIRONMENT.into_iter()).to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(ascii(&page))
}

/// Escapes other characters than ASCII, which some versions of `man` show as several wrong ones.
fn ascii(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let escaped = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => format!("\\[u{:04X}]", u32::from(c)),
    };
    page.chars().map(escaped).collect::<String>().into_bytes()
}

/// All functions by group.
fn functions() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["FUNCTIONS"]);
    for group in Group::ALL {
        let rows: Vec<&CommandSpec> = commands().filter(|spec| spec.group == group).collect();
        if rows.is_empty() {
            continue;
        }
        roff.control("SS", [group.name()]);
        roff.text([roman(group.title())]);
        for row in rows {
            roff.control("TP", []);
            roff.text([bold(usage(row))]);
            let mark = match (row.needs_kazoo, row.deletes_documents()) {
                (true, _) => " Needs Kazoo.",
                (false, true) => " Deletes.",
                (false, false) => "",
            };
            roff.text([roman(format!("{}{mark}", row.help))]);
        }
    }
    roff
}

fn definitions<'a>(title: &str, all: impl Iterator<Item = (&'a str, &'a str)>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in all {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
    roff
}
