//! The history of audits as curves, one for each severity.

use super::AuditTotals;
use super::figures::log_share;
use super::trend::time;
use crate::plan::Severity;

/// The most audits in the picture: the newest.
const AUDITS: usize = 200;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
/// The margins, for labels and for the dots at the ends of the curves.
const TOP: f64 = 24.0;
const BOTTOM: f64 = HEIGHT - 24.0;
const LEFT: f64 = 6.0;
const RIGHT: f64 = WIDTH - 6.0;

/// A picture of the history.
pub(super) struct Curves {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) baseline: f64,
    pub(super) audits: usize,
    /// The times of the first and the last audit.
    pub(super) first: String,
    pub(super) last: String,
    /// The most findings of a severity, at the top of the picture.
    pub(super) most: u64,
    pub(super) curves: Vec<Curve>,
}

/// The curve of a severity.
pub(super) struct Curve {
    pub(super) severity: Severity,
    pub(super) points: String,
    /// The place of the last audit.
    pub(super) end: (String, String),
    /// The findings of the first and the last audit.
    pub(super) before: u64,
    pub(super) now: u64,
}

impl Curves {
    /// None for fewer than two audits.
    pub(super) fn of(history: &[AuditTotals]) -> Option<Self> {
        let start = history.len().saturating_sub(AUDITS);
        let history = history.get(start..).unwrap_or_default();
        let (first, last) = match history {
            [first, .., last] => (first, last),
            _ => return None,
        };
        let counts = |severity| history.iter().map(move |one| one.of_severity(severity));
        let most = Severity::ALL.into_iter().flat_map(counts).max()?;
        let curve = |severity| {
            let places: Vec<(String, String)> = history
                .iter()
                .map(|one| {
                    let x = across(one.taken_at, first.taken_at, last.taken_at);
                    let y = BOTTOM - (BOTTOM - TOP) * log_share(one.of_severity(severity), most);
                    (format!("{x:.1}"), format!("{y:.1}"))
                })
                .collect();
            let points: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
            Curve {
                severity,
                points: points.join(" "),
                end: places.last().cloned().unwrap_or_default(),
                before: first.of_severity(severity),
                now: last.of_severity(severity),
            }
        };
        Some(Self {
            width: WIDTH,
            height: HEIGHT,
            baseline: HEIGHT - 6.0,
            audits: history.len(),
            first: time(first.taken_at),
            last: time(last.taken_at),
            most,
            curves: Severity::ALL.into_iter().map(curve).collect(),
        })
    }
}

/// The place of a time between the first and the last.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture is as exact as a pixel"
)]
fn across(at: u64, first: u64, last: u64) -> f64 {
    let whole = last.saturating_sub(first).max(1) as f64;
    LEFT + (RIGHT - LEFT) * (at.saturating_sub(first) as f64 / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stay_inside_the_picture() {
        let totals = |taken_at, contested| AuditTotals {
            taken_at,
            kinds: [("contested".to_owned(), contested)].into(),
            ..AuditTotals::default()
        };
        assert!(Curves::of(&[]).is_none() && Curves::of(&[totals(1, 1)]).is_none());
        for history in [
            vec![totals(10, 1_000_000), totals(20, 0), totals(30, 10)],
            vec![totals(10, 0), totals(10, 0)],
        ] {
            let curves = Curves::of(&history).unwrap();
            for curve in &curves.curves {
                for point in curve.points.split(' ') {
                    let (x, y) = point.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    assert!((LEFT..=RIGHT).contains(&x), "{point}");
                    assert!((TOP..=BOTTOM).contains(&y), "{point}");
                }
            }
        }
        let history = [totals(10, 1_000_000), totals(20, 0), totals(30, 10)];
        let curves = Curves::of(&history).unwrap();
        let critical = &curves.curves[0];
        assert_eq!(
            (critical.before, critical.now, curves.most),
            (1_000_000, 10, 1_000_000)
        );
        assert!(critical.points.starts_with("6.0,24.0 360.0,136.0 714.0,"));
    }
}
