//! A span that is open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::fields::Fields;
use crate::sessions::Session;

/// A span that is open.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) name: &'static str,
    pub(crate) parent: Option<Arc<OpenSpan>>,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) since: Instant,
    pub(crate) fields: Mutex<Fields>,
}

impl OpenSpan {
    pub(crate) fn fields(&self) -> MutexGuard<'_, Fields> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
