//! What is told while it goes on, on standard error.

use std::io::{self, Write as _};

use crate::measurement::{Measurement, State};

/// Says a line. Nobody there to read it: nobody misses it.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says what was measured, in a line.
pub(crate) fn measured(one: &Measurement) {
    let state = match one.state {
        State::Drifted => "",
        State::InSync => ", in sync",
    };
    say(&format!(
        "  {}{state}: {:.2} s and {} requests, the floor {:.2} s and {}: {:.2}",
        one.command,
        one.seconds().median,
        one.requests().median,
        one.floor_seconds().median,
        one.floor_requests().median,
        one.ratio().median
    ));
}
