//! The charts of an audit.

use std::collections::BTreeMap;

use super::{Audit, Finding};
use crate::plan::Drift;

/// The most bars of one chart; the rest is summed up.
const BARS: usize = 40;

/// A chart, with its largest bars first.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) bars: Vec<Bar>,
}

/// A bar of a chart: its label, and the count of each kind.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: BTreeMap<Drift, u64>,
}

impl Bar {
    pub(super) fn total(&self) -> u64 {
        self.parts.values().sum()
    }
}

impl Chart {
    /// Drift by account, labelled with the account's name if it has one.
    pub(super) fn by_account(audit: &Audit) -> Self {
        Self::new("By account", audit, |finding| match finding.account {
            Some(account) => {
                let id = account.to_string();
                match audit.account_names.get(&id) {
                    Some(name) => format!("{name} ({id})"),
                    None => id,
                }
            }
            None => "(assigned to nobody)".to_owned(),
        })
    }

    /// Drift by number database.
    pub(super) fn by_prefix(audit: &Audit) -> Self {
        Self::new("By prefix", audit, |finding| {
            match &finding.number_database {
                Some(database) => {
                    let plain = database.plain();
                    plain.strip_prefix("numbers/").unwrap_or(plain).to_owned()
                }
                None => "(no prefix)".to_owned(),
            }
        })
    }

    fn new(title: &'static str, audit: &Audit, label: impl Fn(&Finding) -> String) -> Self {
        let mut by_label: BTreeMap<String, BTreeMap<Drift, u64>> = BTreeMap::new();
        for finding in &audit.findings {
            let parts = by_label.entry(label(finding)).or_default();
            *parts.entry(finding.kind).or_default() += 1;
        }
        let mut bars: Vec<Bar> = by_label
            .into_iter()
            .map(|(label, parts)| Bar { label, parts })
            .collect();
        bars.sort_by_key(|bar| std::cmp::Reverse(bar.total()));
        Self { title, bars }
    }

    /// The total of the largest bar.
    pub(super) fn largest(&self) -> u64 {
        self.bars.first().map_or(0, Bar::total)
    }

    /// The bars with a row.
    pub(super) fn shown(&self) -> &[Bar] {
        self.bars.get(..BARS).unwrap_or(&self.bars)
    }

    /// The bars that are summed up.
    pub(super) fn rest(&self) -> &[Bar] {
        self.bars.get(BARS..).unwrap_or_default()
    }

    /// The findings in the bars that are summed up.
    pub(super) fn rest_total(&self) -> u64 {
        self.rest().iter().map(Bar::total).sum()
    }
}

/// A part of the largest, from 0 to 1, on a logarithmic scale: one large group leaves the others visible.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture is as exact as a pixel"
)]
pub(super) fn log_share(part: u64, of: u64) -> f64 {
    match of {
        0 => 0.0,
        of => (part.min(of) as f64).ln_1p() / (of as f64).ln_1p(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_group_leaves_small_ones_visible() {
        assert!(log_share(1, 1_000_000) > 0.04);
        assert!(log_share(10, 1_000_000) > 0.15);
        for (part, of, share) in [(0, 0, 0.0), (0, 9, 0.0), (9, 9, 1.0), (u64::MAX, 1, 1.0)] {
            assert!((log_share(part, of) - share).abs() < 1e-9, "{part} of {of}");
        }
    }
}
