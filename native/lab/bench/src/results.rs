//! The file with all figures: what is measured again replaces what was measured before.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::family::FAMILIES;
use crate::measurement::Measurement;

/// The measurements of a file.
#[derive(Debug)]
pub(crate) struct Results {
    path: PathBuf,
    measurements: Vec<Measurement>,
}

impl Results {
    /// Reads a file; one that is not there holds nothing yet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let measurements = match fs::read(path) {
            // Not at once: with numbers of arbitrary precision, fractions in flattened fields can be
            // read from a value only.
            Ok(text) => exact_json::from_slice(&text)
                .and_then(exact_json::from_value)
                .with_context(|| format!("{} is of another version", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        Ok(Self {
            path: path.to_owned(),
            measurements,
        })
    }

    /// Puts a measurement in, and the file on the disk: a run may be broken off.
    pub(crate) fn put(&mut self, one: Measurement) -> Result<()> {
        self.measurements
            .retain(|other| !other.is_of_the_same(&one));
        self.measurements.push(one);
        self.measurements
            .sort_by_key(|one| (one.shape, place(&one.command), one.state));
        let mut text = exact_json::to_vec_pretty(&self.measurements)?;
        text.push(b'\n');
        fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }

    /// By size, in the order of the families.
    pub(crate) fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }
}

/// Where a command stands among the families; one that is measured no more comes last.
fn place(command: &str) -> usize {
    let name = command.split(' ').next().unwrap_or_default();
    let place = FAMILIES.iter().position(|family| family.name == name);
    place.unwrap_or(FAMILIES.len())
}
