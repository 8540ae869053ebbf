//! The command line.

use clap::{Args as _, Command, Subcommand as _};

use crate::functions;
use crate::options::{self, Options};
use crate::tools::Tool;

const ABOUT: &str = "Keeps Kazoo's number databases and account databases in sync";

const LONG_ABOUT: &str = "\
Keeps Kazoo's number databases and account databases in sync.

The functions of kazoo_numbers_maintenance have the same names, arguments, output and exit status \
as through sup, without Erlang. \"kazoo-numbers help FUNCTION\" describes one. A number database may \
be given as numbers%2F%2B1415, numbers/+1415 or +1415, an account by its id or its database.";

const AFTER: &str = "\
The address of CouchDB is --couchdb, else COUCHDB_URL, else the one in Kazoo's config.ini \
(KAZOO_CONFIG, /etc/kazoo/config.ini, /etc/kazoo/core/config.ini).

Exit status: 0 done; 1 invalid command line, or Kazoo is required; 2 refused, or some documents \
failed (the last line lists them as JSON), or a value was printed; 5 drift found \
(audit --fail-on-drift); 130 interrupted.

This program does not flush the caches of a running Kazoo. Next to a running Kazoo, prefer sup.";

/// The command line.
pub(crate) fn command() -> Command {
    // A tool shows none of the options, but says which one it does not support.
    let hidden = || options::all().map(|option| option.hide(true));
    without_options_of_tools().mut_subcommands(|sub| {
        if is_tool(&sub) {
            sub.args(hidden())
        } else {
            sub
        }
    })
}

pub(crate) fn is_tool(command: &Command) -> bool {
    Tool::has_subcommand(command.get_name())
}

/// The command line, with tools that have no options.
pub(crate) fn without_options_of_tools() -> Command {
    // An audit's own option has the order 0.
    let command = Command::new("kazoo-numbers").next_display_order(1);
    let command = Options::augment_args(command).subcommands(functions::subcommands());
    // The descriptions come last: the derived parts have some, too.
    Tool::augment_subcommands(command)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_long_help(AFTER)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("FUNCTION")
        .subcommand_help_heading("Functions and tools")
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
