//! The beginning and the end of a command line: what is wrong with it, the runtime, the exit status.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use kazoo_numbers::report::sanitise;

use crate::terminal;

/// The exit status of a command line that cannot be understood, as `sup` has it.
pub const USAGE: u8 = 1;

/// The exit status of a tool that could not do its work.
pub const FAILED: u8 = 2;

/// Runs to its end what waits for the network.
pub fn in_runtime(work: impl Future<Output = io::Result<u8>>) -> io::Result<u8> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Help that was asked for, or what is wrong with the command line.
pub fn not_run(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
    );
    let text = error.render().to_string();
    let clean = sanitise::without_credentials(&text);
    let clean = sanitise::page(&without_line_feeds(&clean)).into_owned();
    if asked_for || clean == text {
        // In colours, where there are colours. Nobody there to read it: nobody misses it.
        let _ = error.print();
    } else {
        terminal::say_bytes(format!("{}\n", clean.trim_end()).as_bytes());
    }
    ExitCode::from(if asked_for { 0 } else { USAGE })
}

/// The text with the line feeds of arguments escaped; those of the text itself stay.
fn without_line_feeds(text: &str) -> String {
    let escaped = |text: String, argument: String| {
        // clap leaves some control characters out, so that only the parts between them are found.
        let parts = argument.split('\n').skip(1);
        let parts = parts.filter_map(|part| part.split(char::is_control).next());
        let parts = parts.filter(|part| !part.is_empty());
        parts.fold(text, |text, part| {
            text.replace(&format!("\n{part}"), &format!("\\n{part}"))
        })
    };
    std::env::args()
        .filter(|argument| argument.contains('\n'))
        .fold(text.to_owned(), escaped)
}

/// The exit status of a program that ran, after its error was printed, if there was one. A reader that has seen enough is no
/// error: `| head` takes what it wants.
pub fn ended(status: io::Result<u8>) -> ExitCode {
    ExitCode::from(match status {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => 0,
        Err(error) => {
            terminal::say(&format!("error: {error}"));
            FAILED
        }
    })
}
