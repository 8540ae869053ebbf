//! Documents as CouchDB sends them: the text, and where its fields lie in it.
//!
//! A document is read without building a tree and changed without touching what does not change, so numbers keep their digits and
//! unknown fields pass through. Nothing here sends a request, and nothing knows Kazoo.

mod change;
mod database_name;
mod digest;
mod document;
pub mod effort;
mod id_range;
mod json;
mod object;
mod revision;
mod sorted_id_map;

pub use change::{Change, Leaf};
pub use database_name::{DatabaseName, encoded};
pub use digest::{Digest, digest_of_value};
pub use document::Document;
pub use id_range::IdRange;
pub use json::{elements, quoted, string};
pub use object::{NotAnObject, Object, is_about_revisions};
pub use revision::Revision;
pub use sorted_id_map::SortedIdMap;
