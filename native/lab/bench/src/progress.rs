//! Progress messages on standard error.

use std::io::{self, Write as _};

use crate::measurement::Measurement;

/// Prints a line. Errors are ignored.
pub(crate) fn log(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints a measurement.
pub(crate) fn measured(measurement: &Measurement) {
    let state = measurement.state.words();
    log(&format!(
        "  {}{state}: {:.2} s and {} requests, the floor {:.2} s and {}: {:.2}",
        measurement.command,
        measurement.seconds().median,
        measurement.requests().median,
        measurement.floor_seconds().median,
        measurement.floor_requests().median,
        measurement.ratio().median
    ));
}
