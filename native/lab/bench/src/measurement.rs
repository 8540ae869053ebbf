//! Measurements, and figures derived from them.

use serde::{Deserialize, Serialize};

use crate::children::OurRun;
use crate::conditions::Conditions;
use crate::floor::FloorRun;
use crate::shape::ClusterShape;

/// The state of the cluster before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClusterState {
    /// One number in ten had drift.
    Drifted,
    /// The command had run before and had nothing left to do.
    InSync,
    /// Nothing was left to do, and the run made the index.
    FirstLook,
    /// Nothing was left to do, and nothing changed since the index was made.
    NothingChanged,
    /// Nothing was left to do, and 1 % of the documents changed since the last run.
    SomeChanged,
}

impl ClusterState {
    /// Whether the run used an index.
    pub(crate) fn is_indexed(self) -> bool {
        !matches!(self, Self::Drifted | Self::InSync)
    }

    /// The words after the command.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Drifted => "",
            Self::InSync => " in sync",
            Self::FirstLook => ", the first with an index",
            Self::NothingChanged => ", nothing changed",
            Self::SomeChanged => ", 1 % changed",
        }
    }
}

/// One command on one cluster: runs of the command and as many runs of the floor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// The function and its arguments.
    pub(crate) command: String,
    pub(crate) shape: ClusterShape,
    pub(crate) state: ClusterState,
    pub(crate) conditions: Conditions,
    /// The peak memory of a run that does nothing.
    pub(crate) trivial_peak_bytes: u64,
    pub(crate) ours: Vec<OurRun>,
    pub(crate) floor: Vec<FloorRun>,
    /// With an index: the requests that ask what changed, and nothing else.
    #[serde(default)]
    pub(crate) questions: Vec<FloorRun>,
}

impl Measurement {
    /// Whether another measurement is of the same command, shape and state.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.command, self.shape, self.state) == (&other.command, other.shape, other.state)
    }

    pub(crate) fn seconds(&self) -> Spread {
        Spread::of(self.ours.iter().map(|run| run.usage.seconds))
    }

    pub(crate) fn floor_seconds(&self) -> Spread {
        Spread::of(self.floor.iter().map(|run| run.seconds))
    }

    /// The ratio of the command's time to the floor's: of the medians, and the minimum and maximum
    /// of turns.
    pub(crate) fn ratio(&self) -> Spread {
        let turns = self.ours.iter().zip(&self.floor);
        let of_turns = Spread::of(turns.map(|(ours, floor)| ours.usage.seconds / floor.seconds));
        Spread {
            median: self.seconds().median / self.floor_seconds().median,
            ..of_turns
        }
    }

    /// The seconds of the requests that ask what changed.
    pub(crate) fn questions_seconds(&self) -> Spread {
        Spread::of(self.questions.iter().map(|run| run.seconds))
    }

    pub(crate) fn requests(&self) -> Spread {
        Spread::of(self.ours.iter().map(|run| run.summary.requests as f64))
    }

    pub(crate) fn floor_requests(&self) -> Spread {
        Spread::of(self.floor.iter().map(|run| run.traffic.requests as f64))
    }

    /// Bytes of bodies in both directions.
    pub(crate) fn bytes(&self) -> Spread {
        let bytes = |run: &OurRun| run.summary.bytes_received + run.summary.bytes_sent;
        Spread::of(self.ours.iter().map(|run| bytes(run) as f64))
    }

    pub(crate) fn documents_a_second(&self) -> f64 {
        self.documents_read() / self.seconds().median
    }

    fn documents_read(&self) -> f64 {
        Spread::of(
            self.ours
                .iter()
                .map(|run| run.summary.documents_read as f64),
        )
        .median
    }

    /// The peak memory above that of a run that does nothing.
    pub(crate) fn memory_growth_bytes(&self) -> Spread {
        let growth = |run: &OurRun| run.usage.peak_bytes.saturating_sub(self.trivial_peak_bytes);
        Spread::of(self.ours.iter().map(|run| growth(run) as f64))
    }

    /// The run's processor time, including start and writes, for each document read. Infinite
    /// without reads.
    pub(crate) fn cpu_seconds_a_document(&self) -> f64 {
        Spread::of(self.ours.iter().map(|run| run.usage.cpu_seconds)).median / self.documents_read()
    }
}

/// The median, minimum and maximum of figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// All are NaN without figures.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let count = figures.len();
        Self {
            least: at(0),
            median: (at(count.saturating_sub(1) / 2) + at(count / 2)) / 2.0,
            most: at(count.saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_middle_value_or_mean_of_two() {
        let spread = |figures: &[f64]| {
            let spread = Spread::of(figures.iter().copied());
            (spread.least, spread.median, spread.most)
        };
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 8.0]), (1.0, 3.0, 8.0));
        assert_eq!(spread(&[5.0]), (5.0, 5.0, 5.0));
        assert!(spread(&[]).1.is_nan());
    }
}
