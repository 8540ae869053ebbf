//! The fields of a span or an event, as text.

use std::fmt::{self, Debug, Write};

use kazoo_numbers::report::sanitise;
use tracing::field::{Field, Visit};

/// The most characters of a value. A command line with many numbers is longer.
const LONGEST: usize = 200;

/// The fields, in their order. Values are one line each, without credentials.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) message: String,
    /// The number of the session that a span begins.
    pub(crate) session: Option<u64>,
    values: Vec<(&'static str, String)>,
}

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn set(&mut self, field: &Field, value: String) {
        let name = field.name();
        if name == "message" {
            self.message = value;
            return;
        }
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
    }
}

impl fmt::Display for Fields {
    /// `name=value name=value`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.values.iter().enumerate() {
            if at > 0 {
                f.write_char(' ')?;
            }
            write!(f, "{name}={value}")?;
        }
        Ok(())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, shown(&format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, shown(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "session" {
            self.session = Some(value);
        } else {
            self.set(field, value.to_string());
        }
    }
}

fn shown(text: &str) -> String {
    // Cut last: a password that is cut from its `@` could no longer be recognised.
    let safe = sanitise::message(text);
    match safe.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", safe.get(..end).unwrap_or_default()),
        None => safe,
    }
}
