//! Ranges of ids.

/// A range of ids in the order of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdRange {
    /// The first id; `None` for the beginning of the database.
    pub start: Option<String>,
    /// The id before which the range ends; `None` for the end of the database.
    pub end: Option<String>,
}

impl IdRange {
    /// All ids.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether an id lies in the range.
    pub fn holds(&self, id: &str) -> bool {
        self.start.as_deref().is_none_or(|start| start <= id)
            && self.end.as_deref().is_none_or(|end| id < end)
    }
}
