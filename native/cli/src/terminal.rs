//! The only place that prints: results on standard output, everything else on standard error.

use std::io::{self, Write};

use clap::{Arg, ArgAction};
use kazoo_numbers::report::sanitise;
use serde_json::{Value, json};

/// The option that asks for JSON.
pub fn json_argument() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print one JSON object a line: events, the summary, and the result")
}

/// Says something beside the output. Nobody there to read it: nobody misses it.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", sanitise::line(line));
}

/// Writes text to standard error.
pub fn say_bytes(text: &[u8]) {
    let _ = io::stderr().lock().write_all(text);
}

/// Puts text on standard output, at once.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Puts bytes on standard output, at once.
pub fn print_bytes(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// An event of this program's own, in the shape of the library's.
pub fn own_event(name: &str, data: &Value) -> String {
    let event = json!({"event": name, "data": data}).to_string();
    format!("{}\n", sanitise::line(&event))
}
