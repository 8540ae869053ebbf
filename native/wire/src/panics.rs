//! What a panic prints: one line, in the output of the VM too.

use std::io::{self, Write};
use std::panic;

/// Has each panic print one line on standard error: where it was, and not its message, which can hold a document's text. The
/// job that panicked reports it to its caller.
pub fn print_one_line() {
    panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        // Nobody there to read it: nobody misses it.
        let _ = writeln!(
            io::stderr().lock(),
            "kazoo_numbers_maintenance: internal error: panic{place}"
        );
    }));
}
