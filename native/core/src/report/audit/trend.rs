//! The history of audits as lines of a terminal.

use std::time::{Duration, UNIX_EPOCH};

use super::AuditTotals;
use crate::plan::Severity;

/// The most audits in the output: the newest.
const SHOWN: usize = 30;

/// The lines for the terminal, the oldest audit first.
pub(in crate::report) fn lines(history: &[AuditTotals]) -> Vec<String> {
    let Some(newest) = history.last() else {
        return vec!["no audit of this whole cluster is recorded here".to_owned()];
    };
    let skipped = history.len().saturating_sub(SHOWN);
    let mut lines = vec![format!(
        "audits of {}: {}{}",
        newest.cluster.server,
        history.len(),
        if skipped == 0 {
            String::new()
        } else {
            format!(", the newest {SHOWN} of them")
        }
    )];
    let head = [
        "time", "numbers", "assigned", "in sync", "critical", "major", "minor", "findings",
        "change",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    let mut before = skipped.checked_sub(1).and_then(|at| history.get(at));
    for totals in history.iter().skip(skipped) {
        rows.push(row(totals, before));
        before = Some(totals);
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    lines.extend(rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(at, (cell, width))| match at {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }));
    if history.iter().skip(skipped).any(|one| one.incomplete) {
        lines.push("* incomplete: something could not be read or checked".to_owned());
    }
    lines
}

fn row(totals: &AuditTotals, before: Option<&AuditTotals>) -> [String; 9] {
    let [critical, major, minor] = Severity::ALL.map(|severity| totals.of_severity(severity));
    let findings = totals.findings();
    let change = before.map_or_else(String::new, |before| {
        match findings.checked_sub(before.findings()) {
            Some(0) => "=".to_owned(),
            Some(more) => format!("+{more}"),
            None => format!("-{}", before.findings() - findings),
        }
    });
    let mark = if totals.incomplete { "*" } else { "" };
    [
        format!("{}{mark}", time(totals.taken_at)),
        totals.numbers.looked_at.to_string(),
        totals.assigned.to_string(),
        totals.in_sync.to_string(),
        critical.to_string(),
        major.to_string(),
        minor.to_string(),
        findings.to_string(),
        change,
    ]
}

/// A time in Unix seconds (RFC 3339).
pub(super) fn time(seconds: u64) -> String {
    // The end of year 9999, the last that can be written.
    const LAST: u64 = 253_402_300_799;
    let at = UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::NumberCounts;

    fn totals(taken_at: u64, kinds: &[(&str, u64)], incomplete: bool) -> AuditTotals {
        let kinds = kinds.iter();
        AuditTotals {
            taken_at,
            assigned: 12,
            in_sync: 9,
            numbers: NumberCounts {
                looked_at: 100,
                ..NumberCounts::default()
            },
            kinds: kinds.map(|(kind, n)| ((*kind).to_owned(), *n)).collect(),
            incomplete,
            ..AuditTotals::default()
        }
    }

    #[test]
    fn trend_lists_audits_with_the_change() {
        let history = [
            totals(0, &[("contested", 1), ("missing_copy", 20)], false),
            totals(86_400, &[("differing_copy", 2), ("of_the_future", 1)], true),
            totals(u64::MAX, &[("differing_copy", 3)], false),
        ];
        let expected = "\
audits of : 3
time                   numbers  assigned  in sync  critical  major  minor  findings  change
1970-01-01T00:00:00Z       100        12        9         1     20      0        21
1970-01-02T00:00:00Z*      100        12        9         0      0      2         3     -18
9999-12-31T23:59:59Z       100        12        9         0      0      3         3       =
* incomplete: something could not be read or checked";
        assert_eq!(lines(&history).join("\n"), expected);
        assert_eq!(
            lines(&[]),
            ["no audit of this whole cluster is recorded here"]
        );
        let many: Vec<AuditTotals> = (0..40).map(|at| totals(at, &[], false)).collect();
        assert_eq!(lines(&many).len(), 1 + 1 + 30);
    }
}
