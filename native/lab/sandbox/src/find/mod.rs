//! `_find`: selectors, projections and sorting.

mod project;
mod selector;

pub(crate) use project::{Direction, Projection, SortField, lookup};
pub(crate) use selector::Selector;
