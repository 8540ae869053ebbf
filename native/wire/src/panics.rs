//! Prints panics as one line, also in the output of the VM.

use std::io::{self, Write};
use std::panic;

/// Installs a hook that prints each panic as one line on standard error: the location without the
/// message, which can hold a document's text. The job reports the panic to its caller.
pub fn print_one_line() {
    panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        // Errors are ignored.
        let _ = writeln!(
            io::stderr().lock(),
            "kazoo_numbers_maintenance: internal error: panic{place}"
        );
    }));
}
