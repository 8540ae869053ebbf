//! The targets, and whether they are met.

use crate::measurement::{ClusterState, Measurement};

/// A target: its text, the figure and the limit.
#[derive(Debug)]
pub(crate) struct Target {
    /// The text in the table.
    pub(crate) text: &'static str,
    /// The limit of the figure.
    pub(crate) most: f64,
    /// Whether the figure is a ratio to the floor.
    pub(crate) is_ratio: bool,
    figure: Figure,
    shown: fn(f64) -> String,
}

/// The figure of a measurement among all measurements; `None` if the target does not apply.
type Figure = fn(&Measurement, &[Measurement]) -> Option<f64>;

#[derive(Debug)]
pub(crate) struct TargetResult<'a> {
    /// The number of measurements that it applies to.
    pub(crate) measured: usize,
    /// The number of measurements that exceed the limit.
    pub(crate) missed: usize,
    /// The worst figure and its measurement.
    pub(crate) worst: Option<(String, &'a Measurement)>,
}

const MIB: f64 = 1024.0 * 1024.0;

/// The sizes between which time may not grow faster than the work.
const GROWTH: (usize, usize) = (5_000, 50_000);

/// The size at which memory is limited.
const LARGE: usize = 500_000;

/// A target that is a ratio to the floor.
const fn ratio(text: &'static str, most: f64, figure: Figure) -> Target {
    Target {
        text,
        most,
        is_ratio: true,
        figure,
        shown: |ratio| format!("{ratio:.2}"),
    }
}

/// The ratio of a measurement in this state to its floor, of audits or of all other commands.
fn ratio_in(measurement: &Measurement, state: ClusterState, is_audit: bool) -> Option<f64> {
    let function = measurement.command.split(' ').next();
    let applies = measurement.state == state && (function == Some("audit")) == is_audit;
    applies.then(|| measurement.ratio().median)
}

/// The share of the questions' own time that a run with an index may take on top.
const QUESTIONS: f64 = 1.2;

/// The same, or less if the server takes long for the questions alone: the ratio that is the limit then counts as met.
fn ratio_or_questions(measurement: &Measurement, state: ClusterState, most: f64) -> Option<f64> {
    let ratio = ratio_in(measurement, state, true)?;
    let is_met = measurement.seconds().median <= measurement.questions_seconds().median * QUESTIONS;
    Some(if is_met { ratio.min(most) } else { ratio })
}

/// All targets.
pub(crate) const TARGETS: [Target; 9] = [
    ratio("At most 1.15 × the floor", 1.15, |measurement, _| {
        (!measurement.state.is_indexed()).then(|| measurement.ratio().median)
    }),
    Target {
        text: "At most 11 × the time for 50 000 numbers that 5 000 take",
        most: 11.0,
        is_ratio: false,
        figure: growth,
        shown: |times| format!("{times:.1}"),
    },
    Target {
        text: "At most 128 MiB of memory for 500 000 numbers, above a run that does nothing",
        most: 128.0,
        is_ratio: false,
        figure: |measurement, _| {
            (measurement.shape.numbers >= LARGE)
                .then(|| measurement.memory_growth_bytes().most / MIB)
        },
        shown: |mib| format!("{mib:.0} MiB"),
    },
    Target {
        text: "At most 20 µs of processor time a document read",
        most: 20.0,
        is_ratio: false,
        figure: |measurement, _| {
            let micros = measurement.cpu_seconds_a_document() * 1e6;
            (micros.is_finite() && !measurement.state.is_indexed()).then_some(micros)
        },
        shown: |micros| format!("{micros:.1} µs"),
    },
    ratio(
        "With an index, the first look: at most 1.3 × the floor",
        1.3,
        |measurement, _| ratio_in(measurement, ClusterState::FirstLook, true),
    ),
    ratio(
        "Nothing changed: at most 0.2 × the floor of the full read",
        0.2,
        |measurement, _| ratio_in(measurement, ClusterState::NothingChanged, false),
    ),
    ratio(
        "1 % changed: at most 0.35 × the floor of the full read",
        0.35,
        |measurement, _| ratio_in(measurement, ClusterState::SomeChanged, false),
    ),
    ratio(
        "Audit, nothing changed: at most 0.05 × the floor, or 1.2 × the questions alone",
        0.05,
        |measurement, _| ratio_or_questions(measurement, ClusterState::NothingChanged, 0.05),
    ),
    ratio(
        "Audit, 1 % changed: at most 0.2 × the floor, or 1.2 × the questions alone",
        0.2,
        |measurement, _| ratio_or_questions(measurement, ClusterState::SomeChanged, 0.2),
    ),
];

impl Target {
    /// Whether a measurement meets the target. None if the target does not apply.
    pub(crate) fn holds(&self, measurement: &Measurement, all: &[Measurement]) -> Option<bool> {
        (self.figure)(measurement, all).map(|figure| figure <= self.most)
    }

    /// The result over all measurements.
    pub(crate) fn result<'a>(&self, all: &'a [Measurement]) -> TargetResult<'a> {
        let figures: Vec<(f64, &'a Measurement)> = all
            .iter()
            .filter_map(|measurement| Some(((self.figure)(measurement, all)?, measurement)))
            .collect();
        let worst = figures
            .iter()
            .max_by(|left, right| left.0.total_cmp(&right.0));
        TargetResult {
            measured: figures.len(),
            missed: figures
                .iter()
                .filter(|(figure, _)| *figure > self.most)
                .count(),
            worst: worst.map(|(figure, measurement)| ((self.shown)(*figure), *measurement)),
        }
    }
}

/// The ratio of the large cluster's time to the small one's.
fn growth(large: &Measurement, all: &[Measurement]) -> Option<f64> {
    let (from, to) = GROWTH;
    if large.shape.numbers != to || large.state.is_indexed() {
        return None;
    }
    let small = all.iter().find(|small| {
        small.shape.numbers == from && small.command == large.command && small.state == large.state
    })?;
    Some(large.seconds().median / small.seconds().median)
}

#[cfg(test)]
mod tests {
    use exact_json::{Value, json};

    use super::*;

    /// A measurement with one turn, for tests.
    fn measured(numbers: usize, seconds: f64, floor: f64, peak_bytes: u64) -> Measurement {
        let run: Value = json!({
            "seconds": seconds, "cpu_seconds": 0.04, "peak_bytes": peak_bytes, "status": 0,
            "documents_read": 1000, "requests": 1, "retries": 0, "bytes_received": 1,
            "bytes_sent": 1, "unchanged": 0, "created": 0, "updated": 0, "deleted": 0, "failed": 0,
        });
        exact_json::from_value(json!({
            "command": "audit",
            "shape": {"numbers": numbers, "accounts": 3, "number_databases": 2},
            "state": "drifted",
            "conditions": {
                "processor": "", "cores": 1, "memory_bytes": 1, "system": "", "server": "",
                "date": "", "commit": "",
            },
            "trivial_peak_bytes": 0,
            "ours": [run],
            "floor": [{"seconds": floor, "requests": 1, "bytes_sent": 0, "bytes_received": 1}],
        }))
        .unwrap()
    }

    #[test]
    fn target_applies_only_to_its_measurements() {
        let all = [
            measured(5_000, 1.0, 1.0, 1 << 30),
            measured(50_000, 12.0, 10.0, 1 << 30),
            measured(500_000, 13.0, 10.0, 129 << 20),
        ];
        let verdicts: Vec<(usize, usize, Option<String>)> = TARGETS
            .iter()
            .map(|target| {
                let result = target.result(&all);
                (
                    result.measured,
                    result.missed,
                    result.worst.map(|(figure, _)| figure),
                )
            })
            .collect();
        let worst = |figure: &str| Some(figure.to_owned());
        assert_eq!(
            verdicts[..4],
            [
                (3, 2, worst("1.30")),
                (1, 1, worst("12.0")),
                (1, 1, worst("129 MiB")),
                (3, 3, worst("40.0 µs")),
            ]
        );
        assert!(verdicts[4..].iter().all(|(measured, ..)| *measured == 0));
        assert_eq!(TARGETS[0].holds(&all[1], &all), Some(false));
        assert_eq!(TARGETS[1].holds(&all[0], &all), None);
    }

    #[test]
    fn run_with_index_may_take_as_long_as_its_questions() {
        let audit = |state, seconds, questions| {
            let questions = exact_json::json!([{"seconds": questions, "requests": 1, "bytes_sent": 0, "bytes_received": 1}]);
            Measurement {
                state,
                questions: exact_json::from_value(questions).unwrap(),
                ..measured(50_000, seconds, 10.0, 0)
            }
        };
        let holds = |measurement: &Measurement| -> Vec<bool> {
            let all = TARGETS.iter().filter(|target| target.is_ratio);
            all.filter_map(|target| target.holds(measurement, &[]))
                .collect()
        };
        assert_eq!(
            holds(&audit(ClusterState::NothingChanged, 0.5, 0.1)),
            [true]
        );
        assert_eq!(
            holds(&audit(ClusterState::NothingChanged, 0.6, 0.4)),
            [false]
        );
        assert_eq!(
            holds(&audit(ClusterState::NothingChanged, 0.6, 0.5)),
            [true]
        );
        assert_eq!(holds(&audit(ClusterState::SomeChanged, 1.9, 0.1)), [true]);
        assert_eq!(holds(&audit(ClusterState::FirstLook, 13.1, 0.1)), [false]);
        let copy = Measurement {
            command: "copy_number_dbs_to_accounts".to_owned(),
            ..audit(ClusterState::NothingChanged, 1.9, 0.1)
        };
        assert_eq!(holds(&copy), [true]);
    }
}
