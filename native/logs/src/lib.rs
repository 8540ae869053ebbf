//! The logs of the library: its `tracing` spans and events, for the command line and for Erlang.
//!
//! [`Recorder`] keeps the spans that are open, so that a run that hangs or is slow can say what it waits for, and since when
//! ([`activity`]). [`session`] passes the events of one run on, bounded. [`directives`] reads the filter of the command line.
//!
//! Spans at debug level or above are always on: there is one for a page, a batch or a wait, and none for a document. Events that
//! nobody wants cost a comparison.

pub mod activity;
pub mod directives;
mod event;
mod fields;
mod log_event;
mod open_span;
mod recorder;
pub mod session;
mod sessions;
#[cfg(test)]
mod tests;

pub use recorder::{Recorder, install};

/// The prefix of the targets of all our crates. Spans and events of other libraries are never recorded: their fields are not
/// under our control, and may have secrets.
const OURS: &str = "kazoo_numbers";
