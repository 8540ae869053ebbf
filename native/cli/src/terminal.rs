//! All output: results on standard output, everything else on standard error.

use std::io::{self, Write};

use clap::Args;
use kazoo_numbers::report::sanitise;
use serde_json::{Value, json};

/// The `--json` option.
#[derive(Args, Clone, Copy, Debug)]
pub struct JsonOutput {
    /// Print one JSON object on each line: events, the summary, and the result
    #[arg(long, global = true)]
    pub json: bool,
}

/// Prints a line on standard error. Errors are ignored.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", sanitise::line(line));
}

/// Writes text to standard error.
pub fn say_bytes(text: &[u8]) {
    let _ = io::stderr().lock().write_all(text);
}

/// Writes text to standard output and flushes it.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output and flushes them.
pub fn print_bytes(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// An event of this program in the library's JSON form.
pub fn own_event(name: &str, data: &Value) -> String {
    let event = json!({"event": name, "data": data}).to_string();
    format!("{}\n", sanitise::line(&event))
}
