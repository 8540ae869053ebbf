//! `sandbox`: serves an embedded CouchDB.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, value_parser};
use kazoo_numbers_cli::exit_status::ExitStatus;
use kazoo_numbers_cli::signals::Signals;
use kazoo_numbers_cli::terminal::{self, JsonOutput, own_event};
use kazoo_numbers_sandbox::{SandboxConfig, Server, random_password};
use serde_json::json;

const USER: &str = "admin";
const PORT: u16 = 5984;

pub(crate) fn subcommand() -> Command {
    JsonOutput::augment_args(Command::new("sandbox"))
        .about("Serve a CouchDB to try commands on, until Ctrl-C")
        .long_about(
            "Serves a CouchDB to try commands on, until Ctrl-C. It has the part of CouchDB's API that \
             replication and these commands need. Replicate a copy of production into it, or fill \
             it with \"kazoo-numbers-lab seed\", and see what a command does.\n\n\
             The first line on standard output is the URL. It contains the password only if the \
             password was generated at the start.",
        )
        .args([
            Arg::new("data")
                .long("data")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Keep the data in this directory [default: in memory, lost at the end]"),
            Arg::new("port")
                .long("port")
                .value_name("P")
                .value_parser(value_parser!(u16))
                .default_value(PORT.to_string())
                .help("The port; 0 selects a free one"),
            Arg::new("bind")
                .long("bind")
                .value_name("ADDRESS")
                .value_parser(value_parser!(IpAddr))
                .default_value(Ipv4Addr::LOCALHOST.to_string())
                .help("The address to listen on; an address other than loopback requires --password"),
            Arg::new("user")
                .long("user")
                .value_name("NAME")
                .env("COUCHDB_USER")
                .hide_env_values(true)
                .default_value(USER)
                .help("The administrator's name"),
            Arg::new("password")
                .long("password")
                .env("COUCHDB_PASSWORD")
                .hide_env_values(true)
                .help("The administrator's password; COUCHDB_PASSWORD in the environment is safer [default: generated]"),
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("Accept this host name too; requests for any other name are refused"),
        ])
}

/// Serves until it is interrupted, which is the normal end.
pub(crate) async fn serve(matches: &ArgMatches) -> io::Result<ExitStatus> {
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let user = text("user");
    let given = matches.get_one::<String>("password").cloned();
    let own_password = given.is_some();
    let password = given.unwrap_or_else(random_password);
    let bind = matches
        .get_one::<IpAddr>("bind")
        .copied()
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !bind.is_loopback() && !own_password {
        terminal::say(
            "error: cannot listen on an address other than loopback: no password was given",
        );
        terminal::say("hint: set --password or COUCHDB_PASSWORD");
        return Ok(ExitStatus::Usage);
    }
    let mut signals = Signals::take()?;
    let started = Server::start(SandboxConfig {
        data: matches.get_one::<PathBuf>("data").cloned(),
        bind,
        port: matches.get_one::<u16>("port").copied().unwrap_or(PORT),
        admin: Some((user.clone(), password)),
        hosts: matches
            .get_many::<String>("host")
            .map(|names| names.cloned().collect())
            .unwrap_or_default(),
    })
    .await;
    let server = match started {
        Ok(server) => server,
        Err(error) => {
            terminal::say(&format!("error: {error}"));
            return Ok(ExitStatus::Failed);
        }
    };
    let url = if own_password {
        format!("http://{}", server.address())
    } else {
        server.url()
    };
    terminal::print(&if matches.get_flag("json") {
        own_event("listening", &json!({"url": url, "user": user}))
    } else {
        format!("{url}\n")
    })?;
    signals.next().await;
    server.shutdown().await;
    Ok(ExitStatus::Done)
}
