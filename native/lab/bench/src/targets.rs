//! The targets, and whether they are met.

use crate::measurement::Measurement;

/// A target: its text, the figure and the limit.
#[derive(Debug)]
pub(crate) struct Target {
    /// The text in the table.
    pub(crate) text: &'static str,
    /// The limit of the figure.
    pub(crate) most: f64,
    figure: fn(&Measurement, &[Measurement]) -> Option<f64>,
    shown: fn(f64) -> String,
}

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

/// All targets.
pub(crate) const TARGETS: [Target; 4] = [
    Target {
        text: "At most 1.25 × the floor",
        most: 1.25,
        figure: |measurement, _| Some(measurement.ratio().median),
        shown: |ratio| format!("{ratio:.2}"),
    },
    Target {
        text: "At most 11 × the time for 50 000 numbers that 5 000 take",
        most: 11.0,
        figure: growth,
        shown: |times| format!("{times:.1}"),
    },
    Target {
        text: "At most 128 MiB of memory for 500 000 numbers, above a run that does nothing",
        most: 128.0,
        figure: |measurement, _| {
            (measurement.shape.numbers >= LARGE)
                .then(|| measurement.memory_growth_bytes().most / MIB)
        },
        shown: |mib| format!("{mib:.0} MiB"),
    },
    Target {
        text: "At most 20 µs of processor time a document read",
        most: 20.0,
        figure: |measurement, _| {
            let micros = measurement.cpu_seconds_a_document() * 1e6;
            micros.is_finite().then_some(micros)
        },
        shown: |micros| format!("{micros:.1} µs"),
    },
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
    if large.shape.numbers != to {
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
            verdicts,
            [
                (3, 1, worst("1.30")),
                (1, 1, worst("12.0")),
                (1, 1, worst("129 MiB")),
                (3, 3, worst("40.0 µs")),
            ]
        );
        assert_eq!(TARGETS[0].holds(&all[1], &all), Some(true));
        assert_eq!(TARGETS[1].holds(&all[0], &all), None);
    }
}
