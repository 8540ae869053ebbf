//! The file with all figures. New measurements replace older ones of the same kind.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::family::FAMILIES;
use crate::measurement::Measurement;

/// The measurements in a file.
#[derive(Debug)]
pub(crate) struct Results {
    path: PathBuf,
    measurements: Vec<Measurement>,
}

impl Results {
    /// Reads a file. A missing file is empty.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut measurements: Vec<Measurement> = match fs::read(path) {
            // In two steps: with numbers of arbitrary precision, fractions in flattened fields can
            // only be read from a value.
            Ok(text) => exact_json::from_slice(&text)
                .and_then(exact_json::from_value)
                .with_context(|| format!("{} has another format", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        sort(&mut measurements);
        Ok(Self {
            path: path.to_owned(),
            measurements,
        })
    }

    /// Adds a measurement and writes the file, because a run may be interrupted.
    pub(crate) fn put(&mut self, measurement: Measurement) -> Result<()> {
        self.measurements
            .retain(|other| !other.is_of_the_same(&measurement));
        self.measurements.push(measurement);
        sort(&mut self.measurements);
        let mut text = exact_json::to_vec_pretty(&self.measurements)?;
        text.push(b'\n');
        fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }

    /// Sorted by size, then in the order of the families.
    pub(crate) fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }
}

/// By size, then in the order of the families. The states of a command follow each other.
fn sort(measurements: &mut [Measurement]) {
    measurements.sort_by_key(|measurement| {
        (
            measurement.shape,
            family_index(&measurement.command),
            measurement.command.clone(),
            measurement.state,
        )
    });
}

/// The index of a command's family. A command that is no longer measured comes last.
fn family_index(command: &str) -> usize {
    let name = command.split(' ').next().unwrap_or_default();
    let family_index = FAMILIES.iter().position(|family| family.name == name);
    family_index.unwrap_or(FAMILIES.len())
}
