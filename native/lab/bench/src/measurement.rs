//! Figures: what was measured, and what is made of it.

use serde::{Deserialize, Serialize};

use crate::children::OurRun;
use crate::conditions::Conditions;
use crate::floor::FloorRun;
use crate::shape::Shape;

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// One number in ten was out of step.
    Drifted,
    /// The command had been run before, and nothing was left to do for it.
    InSync,
}

/// One command on one cluster, some runs of ours and as many of the floor, in turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// The function and its arguments.
    pub(crate) command: String,
    pub(crate) shape: Shape,
    pub(crate) state: State,
    pub(crate) conditions: Conditions,
    /// The most memory of a run that does nothing.
    pub(crate) trivial_peak_bytes: u64,
    pub(crate) ours: Vec<OurRun>,
    pub(crate) floor: Vec<FloorRun>,
}

impl Measurement {
    /// Whether another one is of the same thing, at whatever time.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.command, self.shape, self.state) == (&other.command, other.shape, other.state)
    }

    pub(crate) fn seconds(&self) -> Spread {
        Spread::of(self.ours.iter().map(|run| run.usage.seconds))
    }

    pub(crate) fn floor_seconds(&self) -> Spread {
        Spread::of(self.floor.iter().map(|run| run.seconds))
    }

    /// Our seconds to the floor's: of the medians, and the least and the most of the turns.
    pub(crate) fn ratio(&self) -> Spread {
        let turns = self.ours.iter().zip(&self.floor);
        let of_turns = Spread::of(turns.map(|(ours, floor)| ours.usage.seconds / floor.seconds));
        Spread {
            median: self.seconds().median / self.floor_seconds().median,
            ..of_turns
        }
    }

    pub(crate) fn requests(&self) -> Spread {
        Spread::of(self.ours.iter().map(|run| run.summary.requests as f64))
    }

    pub(crate) fn floor_requests(&self) -> Spread {
        Spread::of(self.floor.iter().map(|run| run.traffic.requests as f64))
    }

    /// Bytes of bodies, both ways.
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

    /// What a run takes above one that does nothing.
    pub(crate) fn memory_growth_bytes(&self) -> Spread {
        let growth = |run: &OurRun| run.usage.peak_bytes.saturating_sub(self.trivial_peak_bytes);
        Spread::of(self.ours.iter().map(|run| growth(run) as f64))
    }

    /// All of a run's processor time, its start and its writing included, by the documents that
    /// it read; infinite where it read none.
    pub(crate) fn cpu_seconds_a_document(&self) -> f64 {
        Spread::of(self.ours.iter().map(|run| run.usage.cpu_seconds)).median / self.documents_read()
    }
}

/// The middle of some figures, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of no figures, all are not a number.
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
    fn the_median_is_the_middle_one_or_between_two() {
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
