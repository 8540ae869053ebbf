//! The states and carrier modules in a database: few texts that many documents have.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text of a document; the default for a document without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Name(u32);

/// The texts that the documents of a database have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(super) struct Names {
    all: Vec<Arc<str>>,
    places: HashMap<Arc<str>, Name>,
}

impl Names {
    /// The name for a text.
    pub(super) fn note(&mut self, text: Option<&str>) -> Name {
        let Some(text) = text else {
            return Name::default();
        };
        if let Some(name) = self.places.get(text) {
            return *name;
        }
        let text: Arc<str> = text.into();
        self.all.push(text.clone());
        let name = Name(u32::try_from(self.all.len()).unwrap_or_default());
        self.places.insert(text, name);
        name
    }

    /// The text of a name.
    pub(super) fn get(&self, name: Name) -> Option<Arc<str>> {
        let place = usize::try_from(name.0).ok()?.checked_sub(1)?;
        self.all.get(place).cloned()
    }
}

impl From<Vec<String>> for Names {
    fn from(all: Vec<String>) -> Self {
        let mut names = Self::default();
        for text in &all {
            names.note(Some(text));
        }
        names
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.all.iter().map(|text| text.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_of_its_text_after_storing() {
        let mut names = Names::default();
        let noted = [Some("in_service"), None, Some(""), Some("in_service")];
        let noted = noted.map(|text| (text, names.note(text)));
        assert_eq!(noted[0].1, noted[3].1);
        let packed = postcard::to_stdvec(&names).unwrap();
        let stored: Names = postcard::from_bytes(&packed).unwrap();
        assert_eq!(stored, names);
        for (text, name) in noted {
            assert_eq!(stored.get(name).as_deref(), text);
        }
    }
}
