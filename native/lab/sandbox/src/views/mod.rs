//! Views: map functions in JavaScript, indexes in the order of collation, reductions.

pub(crate) mod design;
pub(crate) mod engine;
pub(crate) mod index;
pub(crate) mod range;
pub(crate) mod reduce;
