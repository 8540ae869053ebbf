//! Rows of `_all_docs`: what is read of each document, and what an answer says of it.

use bytestring::ByteString;
use serde::Deserialize;

use document::{DatabaseName, Document, Revision};

use super::answer::{AllDocs, AllDocsRow, is_not_found, parsed_text, unexpected};
use super::error::{Error, Operation};
use super::kind::Kind;
use super::request::Response;

/// A document's id and winning revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revised {
    /// Its id.
    pub id: String,
    /// Its winning revision.
    pub rev: Revision,
}

/// The type of a parsed row of `_all_docs`: a [`Document`], or a [`Revised`].
pub trait FromRow: Sized + Send {
    /// Makes it of a row. `text`: the document, where it was asked for and is still there.
    ///
    /// # Errors
    /// In words, what is wrong with the row. `Ok(None)`: the document was deleted after its row was read.
    fn from_row(
        id: String,
        rev: Revision,
        text: Option<ByteString>,
    ) -> Result<Option<Self>, &'static str>;

    /// The document's id.
    fn id(&self) -> &str;
}

impl FromRow for Document {
    fn from_row(
        id: String,
        rev: Revision,
        text: Option<ByteString>,
    ) -> Result<Option<Self>, &'static str> {
        let Some(text) = text else {
            return Ok(None);
        };
        match Self::read(&id, rev, text) {
            Ok(document) => Ok(Some(document)),
            Err(_) => Err("a document that is not a JSON object"),
        }
    }

    fn id(&self) -> &str {
        self.id()
    }
}

impl FromRow for Revised {
    fn from_row(
        id: String,
        rev: Revision,
        _: Option<ByteString>,
    ) -> Result<Option<Self>, &'static str> {
        Ok(Some(Self { id, rev }))
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// The state of one document that was asked for by its id.
#[derive(Debug)]
pub enum Found<T> {
    /// It exists.
    Present(T),
    /// It was deleted; the revision is the tombstone's.
    Deleted(Revision),
    /// It never existed, as far as the server knows.
    Missing,
}

impl<T> Found<T> {
    /// The document, if it exists.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Deleted(_) | Self::Missing => None,
        }
    }

    /// Whether it exists.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }
}

/// The text of an answer's body, which all its documents share.
pub(super) fn text_of(response: &Response) -> Result<ByteString, Error> {
    ByteString::try_from(response.body.clone())
        .map_err(|_| unexpected(Operation::OPEN_DOCS, response, "_all_docs", None))
}

/// The answer of `_all_docs` or `_all_docs/queries` in a body.
pub(super) fn answer_of<'a, A: Deserialize<'a>>(
    database: &DatabaseName,
    response: &Response,
    text: &'a ByteString,
) -> Result<A, Error> {
    if is_not_found(response) {
        return Err(database_not_found(Operation::OPEN_DOCS, database));
    }
    let (operation, what) = (Operation::OPEN_DOCS, "_all_docs");
    let answer = if response.status.is_success() {
        parsed_text(operation, response, text, what)
    } else {
        Err(unexpected(operation, response, what, None))
    };
    answer.map_err(|error| error.in_database(database))
}

/// The result for a document that was requested by its id.
pub(super) fn found_in<T: FromRow>(
    database: &DatabaseName,
    row: AllDocsRow<'_>,
    text: &ByteString,
) -> Result<(String, Found<T>), Error> {
    let bad = |detail| bad_answer(database, detail);
    let id = row.key.into_owned();
    let Some(value) = row.value else {
        // Only `not_found` says that the document does not exist; an error of a shard says nothing.
        return match row.error.as_deref() {
            Some("not_found") => Ok((id, Found::Missing)),
            _ => Err(bad("a row that says nothing")),
        };
    };
    let rev = Revision::parse(&value.rev);
    if value.deleted {
        return Ok((id, Found::Deleted(rev)));
    }
    let document = row.doc.map(|json| text.slice_ref(json.get()));
    match T::from_row(id.clone(), rev, document) {
        Ok(Some(found)) => Ok((id, Found::Present(found))),
        Ok(None) => Err(bad("a row that says nothing")),
        Err(detail) => Err(bad(detail)),
    }
}

/// The rows of a page of a range, checked against what was asked for. Returns the last id of the answer, too.
pub(super) fn page_rows<T: FromRow>(
    database: &DatabaseName,
    range: &document::IdRange,
    limit: usize,
    answer: AllDocs<'_>,
    text: &ByteString,
) -> Result<(Vec<T>, Option<String>), Error> {
    let bad = |detail| bad_answer(database, detail);
    if answer.rows.len() > limit {
        return Err(bad("more rows than were asked for"));
    }
    let mut rows = Vec::with_capacity(answer.rows.len());
    let mut last: Option<String> = None;
    for row in answer.rows {
        let id = row.key.into_owned();
        let in_order = last.as_ref().is_none_or(|last| *last < id);
        if !(range.holds(&id) && in_order) {
            return Err(bad("rows out of order"));
        }
        let value = row.value.ok_or_else(|| bad("a row without a revision"))?;
        last = Some(id.clone());
        let document = row.doc.map(|json| text.slice_ref(json.get()));
        let read = T::from_row(id, Revision::parse(&value.rev), document);
        rows.extend(read.map_err(bad)?);
    }
    Ok((rows, last))
}

pub(super) fn database_not_found(operation: Operation, database: &DatabaseName) -> Error {
    Error::new(Kind::DatabaseNotFound, operation, "").in_database(database)
}

pub(super) fn bad_answer(database: &DatabaseName, detail: &str) -> Error {
    Error::new(Kind::BadAnswer, Operation::OPEN_DOCS, detail).in_database(database)
}
