//! `_find`: selectors, fields and the order of what is found.

mod project;
mod selector;

pub(crate) use project::{Direction, Projection, SortField, lookup};
pub(crate) use selector::Selector;
