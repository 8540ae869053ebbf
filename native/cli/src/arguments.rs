//! The command line.

use clap::{Args as _, Command, Subcommand as _};

use crate::first_page;
use crate::functions;
use crate::options::{self, Options};
use crate::tools::Tool;

/// The purpose of the program.
pub(crate) const ABOUT: &str = "Keeps Kazoo's number databases and account databases in sync";

const LONG_ABOUT: &str = "\
Keeps Kazoo's number databases and account databases in sync.

The functions of kazoo_numbers_maintenance have the same names and arguments as through sup, \
without Erlang. \"kazoo-numbers help FUNCTION\" describes one. A number database may \
be given as numbers%2F%2B1415, numbers/+1415 or +1415, an account by its id or its database.";

/// The name of the program.
pub(crate) const PROGRAM: &str = "kazoo-numbers";

/// The usage of the program.
pub(crate) const USAGE: &str = "kazoo-numbers FUNCTION [ARGUMENT]... [OPTION]...";

/// The command line.
pub(crate) fn command() -> Command {
    // An option that means nothing for a subcommand is hidden there, and refused with a reason
    // ([`options::unsupported`]).
    let command = with_all_options().mut_subcommands(|sub| {
        let forms = functions::forms(sub.get_name());
        let hidden = options::all()
            .filter(|option| !options::applies(option, &forms))
            .map(|option| option.hide(true));
        sub.args(hidden)
    });
    let first_page = first_page::text(&command);
    command.override_help(first_page)
}

fn with_all_options() -> Command {
    // An audit's own option has the order 0.
    let command = Command::new(PROGRAM).next_display_order(1);
    let command = Options::augment_args(command).subcommands(functions::subcommands());
    // The descriptions come last: the derived parts have some, too.
    Tool::augment_subcommands(command)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("FUNCTION")
        .override_usage(USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::AuditFormat;
    use kazoo_numbers::plan::Drift;

    fn options_of(line: &str) -> Options {
        let words = std::iter::once("kazoo-numbers").chain(line.split(' '));
        let matches = command().try_get_matches_from(words).unwrap();
        let (name, sub) = matches.subcommand().unwrap();
        Options::of(name, sub).unwrap()
    }

    #[test]
    fn option_after_the_name_takes_precedence() {
        let options =
            options_of("--parallel 2 --dry-run --couchdb u audit --parallel 3 --format csv");
        assert_eq!((options.parallel, options.dry_run), (Some(3), true));
        assert_eq!(options.address.couchdb.as_deref(), Some("u"));
        assert_eq!(options.audit.format, Some(AuditFormat::Csv));
        let options = options_of("runs --json --journal-keep-days 5");
        assert_eq!((options.output.json, options.dry_run), (true, false));
        assert_eq!(options.journal_keep_days, Some(5));
        assert_eq!(options.audit.format, None);
        let options = options_of("audit --kind contested,misfiled --kind contested +1415");
        assert_eq!(
            options.audit.kinds(),
            [Drift::Contested, Drift::Misfiled].into()
        );
    }
}
