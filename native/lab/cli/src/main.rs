//! `kazoo-numbers-lab`: an embedded server ([`sandbox`]) and generated clusters for it ([`seed`]).
//! It is for tests and demonstrations and is not shipped with Kazoo.

mod erlang_module;
mod sandbox;
mod seed;

use std::io::Write;
use std::process::ExitCode;

use clap::Command;
use kazoo_numbers_cli::address;
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::program::{self, in_runtime};

const ERLANG_MODULE: &str = "erlang-module";

fn command() -> Command {
    Command::new("kazoo-numbers-lab")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An embedded CouchDB, and generated Kazoo clusters for it. Not for production.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            sandbox::subcommand(),
            seed::subcommand(),
            seed::wipe_subcommand(),
            Command::new(ERLANG_MODULE)
                .about("Print the Erlang module of the commands, made of their catalog"),
        ])
}

fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return program::print_usage_error(&error),
    };
    let Some((name, sub)) = matches.subcommand() else {
        return ExitStatus::Usage.into();
    };
    if let Ok(Some(url)) = sub.try_get_one::<String>("couchdb") {
        address::hide(url);
    }
    if name == ERLANG_MODULE {
        let written = std::io::stdout().write_all(erlang_module::source().as_bytes());
        return match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    program::exit_code(match name {
        "sandbox" => in_runtime(sandbox::serve(sub)),
        "seed" => in_runtime(seed::seed(sub)),
        _ => in_runtime(seed::wipe(sub)),
    })
}
