//! The start and end of a program: errors of the command line, the runtime, the exit status.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use kazoo_numbers::report::sanitise;

use crate::terminal;

/// The exit status for an invalid command line, as in `sup`.
pub const USAGE: u8 = 1;

/// The exit status for a failed tool.
pub const FAILED: u8 = 2;

/// The exit status of an audit that found drift, if `--fail-on-drift` is given.
pub const DRIFT_FOUND: u8 = 5;

/// Runs a future to its end.
pub fn in_runtime(work: impl Future<Output = io::Result<u8>>) -> io::Result<u8> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Prints requested help, or an error of the command line.
pub fn print_usage_error(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
    );
    let text = error.render().to_string();
    let clean = sanitise::without_credentials(&text);
    let clean = sanitise::page(&without_line_feeds(&clean)).into_owned();
    if is_help || clean == text {
        // With colours if available. Errors are ignored.
        let _ = error.print();
    } else {
        terminal::say_bytes(format!("{}\n", clean.trim_end()).as_bytes());
    }
    ExitCode::from(if is_help { 0 } else { USAGE })
}

/// Escapes line feeds from arguments in a text. Its own line feeds stay.
fn without_line_feeds(text: &str) -> String {
    let escaped = |text: String, argument: String| {
        // clap removes some control characters, so only the parts between them are found.
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

/// The exit status of a program, after printing its error. A closed output is not an error: `|
/// head` stops reading early.
pub fn exit_code(status: io::Result<u8>) -> ExitCode {
    ExitCode::from(match status {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => 0,
        Err(error) => {
            terminal::say(&format!("error: {error}"));
            FAILED
        }
    })
}
