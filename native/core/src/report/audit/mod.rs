//! The findings of an audit, and its output formats: terminal, JSON, CSV, and one HTML page.

mod accepted;
mod curves;
mod figures;
mod finding;
mod page;
pub(crate) mod remedy;
mod results;
mod rows;
mod table;
mod totals;
mod trend;

pub use accepted::{AcceptedEntry, AcceptedFindings, BadAccepted};
pub use finding::{AuditScope, Finding};
pub use page::to_html;
pub(crate) use results::FEED_DELAY;
pub use results::{Audit, FindingCounts, KindCount, NumberCounts};
pub use rows::{finding_line, last_line, to_csv, to_json};
pub(super) use table::{finding_lines, lines};
pub use totals::{AuditTotals, Audited, AuditedCluster};
pub(super) use trend::lines as trend_lines;
