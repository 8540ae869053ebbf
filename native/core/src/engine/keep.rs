//! Documents that are kept longer than their page.

use std::sync::Arc;

use document::Document;

use super::budget::{Budget, Charge};

/// A kept document, charged to a budget until it is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    document: Document,
    charge: Arc<Charge>,
}

impl Budget {
    /// Keeps a document if it fits the budget, with a separate copy of its text.
    pub(crate) fn keep(&self, document: Document) -> Result<Kept, Document> {
        match self.charge(document.size()) {
            Some(charge) => Ok(Kept {
                document: document.detached(),
                charge: Arc::new(charge),
            }),
            None => Err(document),
        }
    }

    /// Keeps a document that cannot be read again, even beyond the budget.
    pub(crate) fn keep_anyway(&self, document: Document) -> Kept {
        let charge = Arc::new(self.charge_anyway(document.size()));
        Kept {
            document: document.detached(),
            charge,
        }
    }

    /// Charges a page whose documents are kept as slices of it. `None` if it does not fit the budget.
    pub(crate) fn charge_page(&self, page: &[Document]) -> Option<Arc<Charge>> {
        // A page also has a row for each document: id, key and revision.
        const ROW: usize = 128;
        let bytes = page.iter().map(|document| document.size() + ROW).sum();
        self.charge(bytes).map(Arc::new)
    }
}

impl Kept {
    /// A document of a charged page.
    pub(crate) fn in_page(document: Document, charge: &Arc<Charge>) -> Self {
        Self {
            document,
            charge: charge.clone(),
        }
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// The document and its charge.
    pub(crate) fn into_parts(self) -> (Document, Arc<Charge>) {
        (self.document, self.charge)
    }
}
