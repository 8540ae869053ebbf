//! The targets, and whether they hold.

use crate::measurement::{Measurement, Spread};

/// A target: its name, what it is a bound of, and the bound.
#[derive(Debug)]
pub(crate) struct Target {
    /// What must hold, as the table says it.
    pub(crate) says: &'static str,
    /// The most that the figure may be.
    pub(crate) most: f64,
    figure: fn(&Measurement, &[Measurement]) -> Option<f64>,
    shown: fn(f64) -> String,
}

/// What became of a target.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    /// Measurements that it is about.
    pub(crate) measured: usize,
    /// Of those, how many missed it.
    pub(crate) missed: usize,
    /// The worst figure, and what it was measured of.
    pub(crate) worst: Option<(String, String)>,
}

const MIB: f64 = 1024.0 * 1024.0;

/// Sizes between which time may not grow faster than the work does.
const GROWTH: (usize, usize) = (5_000, 50_000);

/// The size whose memory counts.
const LARGE: usize = 500_000;

/// All of them.
pub(crate) const TARGETS: [Target; 4] = [
    Target {
        says: "At most 1.25 × the floor",
        most: 1.25,
        figure: |one, _| Some(one.ratio().median),
        shown: |ratio| format!("{ratio:.2}"),
    },
    Target {
        says: "At most 11 × the time for 50 000 numbers that 5 000 take",
        most: 11.0,
        figure: growth,
        shown: |times| format!("{times:.1}"),
    },
    Target {
        says: "Less than 128 MiB of memory for 500 000 numbers, above a run that does nothing",
        most: 128.0,
        figure: |one, _| (one.shape.numbers >= LARGE).then(|| one.memory_growth_bytes().most / MIB),
        shown: |mib| format!("{mib:.0} MiB"),
    },
    Target {
        says: "At most 20 µs of processor time a document read",
        most: 20.0,
        figure: |one, _| {
            let micros = one.cpu_seconds_a_document() * 1e6;
            micros.is_finite().then_some(micros)
        },
        shown: |micros| format!("{micros:.1} µs"),
    },
];

impl Target {
    /// Whether a measurement is within this target; None: it is not about it.
    pub(crate) fn holds(&self, one: &Measurement, all: &[Measurement]) -> Option<bool> {
        (self.figure)(one, all).map(|figure| figure <= self.most)
    }

    /// What became of it.
    pub(crate) fn verdict(&self, all: &[Measurement]) -> Verdict {
        let figures: Vec<(f64, &Measurement)> = all
            .iter()
            .filter_map(|one| Some(((self.figure)(one, all)?, one)))
            .collect();
        let worst = figures
            .iter()
            .max_by(|one, other| one.0.total_cmp(&other.0));
        Verdict {
            measured: figures.len(),
            missed: figures
                .iter()
                .filter(|(figure, _)| *figure > self.most)
                .count(),
            worst: worst.map(|(figure, one)| ((self.shown)(*figure), of(one))),
        }
    }
}

/// How many times as long the large cluster takes as the small one.
fn growth(large: &Measurement, all: &[Measurement]) -> Option<f64> {
    let (from, to) = GROWTH;
    if large.shape.numbers != to {
        return None;
    }
    let small = all.iter().find(|small| {
        small.shape.numbers == from && small.command == large.command && small.state == large.state
    })?;
    let seconds = |one: &Measurement| -> Spread { one.seconds() };
    Some(seconds(large).median / seconds(small).median)
}

fn of(one: &Measurement) -> String {
    format!(
        "`{}`, {} numbers{}",
        one.command,
        one.shape.numbers,
        match one.state {
            crate::measurement::State::Drifted => "",
            crate::measurement::State::InSync => ", in sync",
        }
    )
}
