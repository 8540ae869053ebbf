//! The findings of an audit, and its output formats: terminal, JSON, CSV, and one HTML page.

mod figures;
mod finding;
mod page;
pub(crate) mod remedy;
mod results;
mod rows;
mod table;

pub use finding::{AuditScope, Finding};
pub use page::to_html;
pub use results::{Audit, FindingCounts, KindCount, NumberCounts};
pub use rows::{to_csv, to_json};
pub(super) use table::lines;
