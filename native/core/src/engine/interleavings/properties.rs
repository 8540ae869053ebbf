//! The promises of an apply. docs/reliability.md has them, and the tests of each on a server.

use crate::explore::Property;

/// A write replaces a revision that its run has read, and creates a document only where its run read none.
pub(super) const OVERWRITES_NOTHING_UNREAD: Property =
    Property("no document is overwritten or deleted at a revision that was not read");

/// A change lands once for each read that it was decided from. A second landing would restore a document that another client
/// deleted in between: a creation carries no revision that the server could refuse.
pub(super) const APPLIED_ONCE: Property = Property("a change is never applied twice from one read");

/// - A document counts as written only if the run wrote it, or may have: the answer was lost, and the document has the content
///   that was sent or another client has changed it since.
/// - A document whose present content is from this run counts as written. Only a run that could not read it again after a lost
///   answer may report a failure.
pub(super) const REPORT_IS_TRUE: Property = Property("every count equals what happened");

/// Each document has one result.
pub(super) const REPORTED_ONCE: Property = Property("each document is reported once");

/// The journal has a revision as that of the run only if the document has the content that the run sent: `undo` replaces it.
pub(super) const RECORDS_OWN_WRITES: Property =
    Property("the journal records only writes of the run");

/// The winner and each losing leaf that is deleted has a value that the rule deletes. One that has not keeps the document.
pub(super) const DELETES_BY_RULE: Property =
    Property("no document and no leaf is deleted that the rule does not delete");

/// docs/specification.md#revisions
pub(super) const SIX_ROUNDS: Property =
    Property("a document that keeps changing fails after six rounds, and not before");

/// CouchDB locks a user out after a few.
pub(super) const UNAUTHORIZED_ENDS: Property = Property("a 401 ends the run at once");

/// That holds for a run that died and was run again, and for two runs, where no other client wrote.
pub(super) const ENDS_AS_UNDISTURBED: Property =
    Property("runs that report no failure leave what one undisturbed run leaves");
