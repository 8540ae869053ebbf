//! Documents that are kept beyond the page that they came in.

use std::sync::Arc;

use document::Document;

use super::budget::{Budget, Charge};

/// A document that is kept, and charged to a budget for as long.
#[derive(Debug)]
pub(crate) struct Kept {
    document: Document,
    charge: Arc<Charge>,
}

impl Budget {
    /// Keeps a document, if there is room for it. Its text is copied out of its page.
    pub(crate) fn keep(&self, document: Document) -> Result<Kept, Document> {
        match self.charge(document.size()) {
            Some(charge) => Ok(Kept {
                document: document.detached(),
                charge: Arc::new(charge),
            }),
            None => Err(document),
        }
    }

    /// Keeps a document that cannot be read again, room or not.
    pub(crate) fn keep_anyway(&self, document: Document) -> Kept {
        let charge = Arc::new(self.charge_anyway(document.size()));
        Kept {
            document: document.detached(),
            charge,
        }
    }

    /// Charges a page whose documents are kept as slices of it. `None` without room for it.
    pub(crate) fn charge_page(&self, page: &[Document]) -> Option<Arc<Charge>> {
        // Beside each document a page has its row: id, key and revision.
        const ROW: usize = 128;
        let bytes = page.iter().map(|document| document.size() + ROW).sum();
        self.charge(bytes).map(Arc::new)
    }
}

impl Kept {
    /// A document of a page that is charged as a whole.
    pub(crate) fn in_page(document: Document, charge: &Arc<Charge>) -> Self {
        Self {
            document,
            charge: charge.clone(),
        }
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// The document, and what it is charged with.
    pub(crate) fn into_parts(self) -> (Document, Arc<Charge>) {
        (self.document, self.charge)
    }
}
