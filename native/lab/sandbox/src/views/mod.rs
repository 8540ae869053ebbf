//! Views: JavaScript map functions, indexes in collation order, reductions.

pub(crate) mod design;
pub(crate) mod engine;
pub(crate) mod index;
pub(crate) mod range;
pub(crate) mod reduce;
