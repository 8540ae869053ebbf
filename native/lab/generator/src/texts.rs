//! A cluster's databases as JSON text, for a server that takes and gives all its data at once.

use exact_json::{Value, json};

use crate::documents::{Database, Document};

/// The documents of a database as the arrays of two `_bulk_docs` requests.
#[derive(Debug)]
pub struct DatabaseTexts {
    /// Documents without conflicts, and tombstones.
    pub documents: String,
    /// All leaves of documents with conflicts, with their revisions (`new_edits: false`).
    pub leaves: String,
}

impl Database {
    /// The documents as text.
    ///
    /// # Errors
    /// A document cannot be written.
    pub fn texts(&self) -> Result<DatabaseTexts, exact_json::Error> {
        let is_single = |id: &str| !self.conflicts.contains_key(id);
        let documents = self.documents.iter().filter(|(id, _)| is_single(id));
        let documents = documents.map(|(_, document)| exact_json::to_string(document));
        // The deletion of an unknown id without a revision creates a tombstone.
        let tombstones = self.deleted.iter();
        let tombstones = tombstones.map(|id| Ok(json!({"_id": id, "_deleted": true}).to_string()));
        let rows: Vec<String> = documents.chain(tombstones).collect::<Result<_, _>>()?;
        Ok(DatabaseTexts {
            documents: format!("[{}]", rows.join(",")),
            leaves: exact_json::to_string(&self.revised_leaves())?,
        })
    }

    /// Adds a document as a server stores it, with its losing leaves.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub fn insert_stored(
        &mut self,
        winner: &str,
        losers: &[String],
    ) -> Result<(), exact_json::Error> {
        self.insert(without_bookkeeping(exact_json::from_str(winner)?));
        for loser in losers {
            self.insert_conflict(without_bookkeeping(exact_json::from_str(loser)?));
        }
        Ok(())
    }

    /// All leaves of documents with conflicts, with revisions that give them the intended order.
    pub(crate) fn revised_leaves(&self) -> Vec<Document> {
        let mut leaves = Vec::new();
        for id in self.conflicts.keys() {
            for (place, leaf) in self.leaves(id).enumerate() {
                let hash = u128::MAX - place as u128;
                let mut leaf = leaf.clone();
                leaf.insert("_rev".to_owned(), Value::from(format!("1-{hash:032x}")));
                leaves.push(leaf);
            }
        }
        leaves
    }
}

/// The document without revisions, with only the type and content of each attachment.
pub(crate) fn without_bookkeeping(mut document: Document) -> Document {
    document.shift_remove("_rev");
    document.shift_remove("_conflicts");
    let attachments = document
        .get_mut("_attachments")
        .and_then(Value::as_object_mut);
    for attachment in attachments.into_iter().flat_map(|all| all.values_mut()) {
        if let Some(members) = attachment.as_object_mut() {
            members.retain(|key, _| key == "content_type" || key == "data");
        }
    }
    document
}
