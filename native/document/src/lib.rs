//! Documents as CouchDB sends them: the text, and the positions of its fields.
//!
//! A document is read without building a tree, and an edit leaves all other fields as they are, so numbers keep their digits and
//! unknown fields are preserved. This crate sends no requests and does not know Kazoo.

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
