//! The only place that knows HTTP: one request with its retries, pages of documents, bulk
//! writes, and documents as the text they came in.

mod answer;
mod bulk;
mod counts;
mod databases;
mod document;
mod limiter;
mod open;
mod pages;
mod request;
mod revision;
mod server;
mod turns;
mod view;

pub use bulk::{Landed, Write};
pub use document::{Digest, Object, elements, quoted, string};
pub use limiter::Limiter;
pub use open::Opened;
pub use pages::{Found, Include, Page, Pages, Range, Row};
pub use revision::Revision;
pub use server::{HttpSettings, Server, ServerUrl, Traffic};
pub use view::{InRange, Keyed, Keys};
