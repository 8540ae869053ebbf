//! Reads of a run that withholds changes: the documents as they would be after them. So a command of several passes decides in a
//! later one as if the earlier ones had been made.

use super::planning::unreadable;
use super::run::Run;
use crate::kazoo::{DatabaseName, has_attachment_stubs};
use couchdb::{Error, Found};
use document::Document;

const ATTACHMENTS: &str = "_attachments";

impl Run {
    /// Applies the withheld changes to documents of these ids that were read just now.
    ///
    /// # Errors
    ///
    /// The withheld changes cannot be read.
    pub(super) fn overlaid(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        mut found: Vec<Found<Document>>,
    ) -> Result<Vec<Found<Document>>, Error> {
        let Some(spool) = self.withheld.changes_in(database) else {
            return Ok(found);
        };
        for (id, found) in ids.iter().zip(&mut found) {
            let withheld = spool.read(database.plain(), id);
            let Some(after) = withheld.map_err(|error| unreadable(&error))? else {
                continue;
            };
            let read = std::mem::replace(found, Found::Missing);
            if let Some(after) = after {
                *found = Found::Present(at_revision_of(after, read.present())?);
            }
        }
        Ok(found)
    }
}

/// A document after a change, at the revision that it had before. The content of attachments is only in the database.
fn at_revision_of(after: Document, before: Option<Document>) -> Result<Document, Error> {
    let Some(before) = before else {
        return Ok(after);
    };
    let after = if has_attachment_stubs(&after) {
        after.edited(&[(ATTACHMENTS, before.get(ATTACHMENTS))])
    } else {
        after
    };
    let Some(rev) = before.rev() else {
        return Ok(after);
    };
    Document::read(after.id(), rev.clone(), after.text().to_owned().into())
        .map_err(|error| unreadable(&std::io::Error::other(error)))
}
