//! The progress of a run, as one line.

use std::time::Duration;

use serde::Serialize;

/// The progress of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Finished databases. A database that is visited twice counts twice.
    pub databases: u64,
    /// Databases to process, as far as known: the reads determine the writes.
    pub of: u64,
    /// Documents that CouchDB delivered.
    pub documents: u64,
    /// Documents that were created, updated or deleted.
    pub changed: u64,
    /// Whether the run is paused.
    pub paused: bool,
}

impl Progress {
    /// The line, for the time since the run began.
    pub fn line(&self, elapsed: Duration) -> String {
        let Self {
            databases,
            of,
            documents,
            changed,
            paused,
        } = self;
        let mut line =
            format!("{databases} of {of} databases, {documents} documents read, {changed} changed");
        if *paused {
            return format!("paused; {line}");
        }
        // A rate over less than a second is meaningless.
        if elapsed >= Duration::from_secs(1) {
            let milliseconds = elapsed.as_millis().max(1);
            let rate = u128::from(*documents) * 1000 / milliseconds;
            line += &format!(", {rate} a second");
        }
        match self.left(elapsed) {
            Some(left) => line + &format!(", {} left", humantime::format_duration(left)),
            None => line,
        }
    }

    /// The remaining time at the present rate, in whole seconds. `None` before the first database is finished and after the last.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let to_do = self
            .of
            .checked_sub(self.databases)
            .filter(|left| *left > 0)?;
        let milliseconds =
            (elapsed.as_millis() * u128::from(to_do)).checked_div(u128::from(self.databases))?;
        u64::try_from(milliseconds.div_ceil(1000))
            .ok()
            .map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(databases: u64, of: u64, documents: u64, seconds: f64) -> String {
        let progress = Progress {
            databases,
            of,
            documents,
            changed: 7,
            paused: false,
        };
        progress.line(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn line_of_a_paused_run_has_no_rate_and_no_time_left() {
        let progress = Progress {
            databases: 100,
            of: 602,
            documents: 50_000,
            changed: 7,
            paused: true,
        };
        assert_eq!(
            progress.line(Duration::from_secs(10)),
            "paused; 100 of 602 databases, 50000 documents read, 7 changed"
        );
    }

    #[test]
    fn progress_line_has_databases_documents_rate_and_time_left() {
        assert_eq!(
            line(0, 602, 0, 0.2),
            "0 of 602 databases, 0 documents read, 7 changed"
        );
        assert_eq!(
            line(100, 602, 50_000, 10.0),
            "100 of 602 databases, 50000 documents read, 7 changed, 5000 a second, 51s left"
        );
        assert_eq!(
            line(1, 602, 500, 30.0),
            "1 of 602 databases, 500 documents read, 7 changed, 16 a second, 5h 30s left"
        );
        assert_eq!(
            line(602, 602, 96_000, 4.6),
            "602 of 602 databases, 96000 documents read, 7 changed, 20869 a second"
        );
        assert_eq!(
            line(0, 0, 0, 0.0),
            "0 of 0 databases, 0 documents read, 7 changed"
        );
    }
}
