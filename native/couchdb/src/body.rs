//! The bodies of answers: the size limit of each, and the budget that all answers of a run share.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::access::Access;
use super::error::{Error, Operation};
use super::include::Include;
use super::kind::Kind;

/// The largest answer with many documents, in bytes. If an answer is larger, the caller asks for
/// fewer documents.
pub(super) const LARGEST_PAGE: usize = 16 << 20;

/// The largest answer with one document, in bytes. CouchDB's default limit for a document is 8 MB.
const LARGEST_DOCUMENT: usize = 64 << 20;

/// The largest answer with one document and its inline attachments, in bytes. Attachments are part
/// of the document's JSON in every step (page, comparison, journal, write), so they are not stored
/// in a file.
pub(super) const LARGEST_WITH_ATTACHMENTS: usize = 256 << 20;

/// The largest list of databases, in bytes. It holds about a million names.
pub(super) const LARGEST_LIST: usize = 64 << 20;

/// The largest answer about the server or about a single result, in bytes.
pub(super) const LARGEST_STATUS: usize = 1 << 20;

/// The default budget for all answers of a run, in bytes: one answer of the largest size, and 64
/// MiB for pages.
const ANSWERS: usize = LARGEST_WITH_ATTACHMENTS + (64 << 20);

/// Each answer may use this many bytes even if the budget is spent. Otherwise runs that hold pages
/// and need memory to release them would wait for each other.
const SMALL: usize = 1 << 20;

/// When a body is complete, an allocation of this many times its size must be possible. The copies
/// made from it (its text, the changed document, the request) are allocated where a failure ends
/// the program.
const COPIES: usize = 3;

/// The size limit of an answer with `documents` documents, in bytes.
pub(super) fn largest(documents: usize, include: Include) -> usize {
    match include {
        _ if documents > 1 => LARGEST_PAGE,
        Include::Attachments => LARGEST_WITH_ATTACHMENTS,
        Include::Revisions | Include::Documents => LARGEST_DOCUMENT,
    }
}

/// The limit on the bytes that all answers of a run hold at the same time. Clones share the budget.
#[derive(Clone, Debug)]
pub struct AnswerBudget(Arc<BudgetState>);

#[derive(Debug)]
struct BudgetState {
    bytes: usize,
    held: AtomicUsize,
}

impl AnswerBudget {
    /// Creates a budget of `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(BudgetState {
            bytes,
            held: AtomicUsize::new(0),
        }))
    }

    /// The bytes held now.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Reserves `bytes` for an answer whose size then is `own`. Returns false if the budget is
    /// spent.
    fn reserve(&self, bytes: usize, own: usize) -> bool {
        // Reserve first and release if it was too much: answers that grow at the same time must see
        // each other.
        let held = self.0.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = held <= self.0.bytes || own <= SMALL;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    fn release(&self, bytes: usize) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Default for AnswerBudget {
    fn default() -> Self {
        Self::new(ANSWERS)
    }
}

/// A body while it arrives. It counts in the budget until the last of its [`Bytes`] is dropped.
pub(super) struct Body {
    bytes: Vec<u8>,
    largest: usize,
    budget: AnswerBudget,
    operation: Operation,
    access: Access,
}

impl Body {
    /// An empty body. `largest`: the size limit in bytes. `operation`, `access`: those of the request, for errors.
    pub(super) fn new(
        largest: usize,
        operation: Operation,
        access: Access,
        budget: &AnswerBudget,
    ) -> Self {
        Self {
            bytes: Vec::new(),
            largest,
            budget: budget.clone(),
            operation,
            access,
        }
    }

    /// Checks the announced length.
    pub(super) fn expect(&self, length: Option<u64>) -> Result<(), Error> {
        let fits = |length| usize::try_from(length).is_ok_and(|length| length <= self.largest);
        if length.is_none_or(fits) {
            return Ok(());
        }
        Err(self.too_large())
    }

    /// Appends a chunk.
    pub(super) fn append(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let length = self.bytes.len().saturating_add(chunk.len());
        if length > self.largest {
            return Err(self.too_large());
        }
        if length > self.bytes.capacity() {
            // Double the capacity as a vector does, but never above the size limit.
            let wanted = self
                .bytes
                .capacity()
                .saturating_mul(2)
                .clamp(length, self.largest);
            self.bytes
                .try_reserve_exact(wanted - self.bytes.len())
                .map_err(|_| self.no_memory(length))?;
        }
        if !self.budget.reserve(chunk.len(), length) {
            let mib = self.budget.0.bytes >> 20;
            let line = format!("the answers that this run holds would take more than {mib} MiB");
            return Err(Error::new(Kind::OutOfMemory, self.operation, line));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Returns the complete body.
    pub(super) fn finish(mut self) -> Result<Bytes, Error> {
        let length = self.bytes.len();
        if length > SMALL {
            let mut room: Vec<u8> = Vec::new();
            room.try_reserve_exact(length.saturating_mul(COPIES))
                .map_err(|_| self.no_memory(length))?;
            // Without this the compiler may remove the allocation.
            black_box(&room);
        }
        // A page can be held until the documents to compare it with are read.
        self.bytes.shrink_to_fit();
        Ok(Bytes::from_owner(self))
    }

    fn too_large(&self) -> Error {
        let mib = self.largest.div_ceil(1 << 20);
        let line = format!("the answer is larger than {mib} MiB");
        let kind = match self.access {
            Access::Read => Kind::TooLarge,
            // `TooLarge` would make the caller send the write again in pieces, but the server may
            // have acted on this one.
            Access::Write => Kind::BadAnswer,
        };
        Error::new(kind, self.operation, line)
    }

    fn no_memory(&self, bytes: usize) -> Error {
        let line = format!("not enough memory for an answer of {bytes} bytes");
        Error::new(Kind::OutOfMemory, self.operation, line)
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.budget.release(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PIECE: [u8; 1 << 16] = [b' '; 1 << 16];

    fn body(largest: usize, budget: &AnswerBudget) -> Body {
        Body::new(largest, Operation::OPEN_DOCS, Access::Read, budget)
    }

    fn filled(bytes: usize, budget: &AnswerBudget) -> Result<Body, Error> {
        let mut body = body(usize::MAX, budget);
        for _ in 0..bytes / PIECE.len() {
            body.append(&PIECE)?;
        }
        Ok(body)
    }

    #[test]
    fn body_over_size_limit_is_refused_without_larger_allocation() {
        let budget = AnswerBudget::default();
        let mut body = body(PIECE.len() * 3, &budget);
        for _ in 0..3 {
            body.append(&PIECE).unwrap();
        }
        assert_eq!(body.append(b"!").unwrap_err().kind(), Kind::TooLarge);
        assert!(body.bytes.capacity() <= PIECE.len() * 3);
    }

    #[test]
    fn budget_counts_bodies_until_their_last_bytes_are_dropped() {
        let budget = AnswerBudget::new(4 * SMALL);
        let first = filled(3 * SMALL, &budget).unwrap().finish().unwrap();
        let part = first.slice(0..10);
        drop(first);
        assert_eq!(budget.held(), 3 * SMALL);
        let refused = filled(2 * SMALL, &budget).err().unwrap();
        assert_eq!(refused.kind(), Kind::OutOfMemory);
        assert!(refused.is_temporary());
        assert_eq!(budget.held(), 3 * SMALL, "a refused body holds nothing");
        drop(part);
        assert_eq!(budget.held(), 0);
        assert!(filled(2 * SMALL, &budget).is_ok());
    }

    #[test]
    fn small_body_is_accepted_when_budget_is_spent() {
        let budget = AnswerBudget::new(2 * SMALL);
        let _held = filled(2 * SMALL, &budget).unwrap();
        assert!(filled(SMALL, &budget).is_ok());
        assert!(filled(SMALL + PIECE.len(), &budget).is_err());
    }

    #[test]
    fn failed_allocation_is_an_error() {
        let mut body = body(usize::MAX, &AnswerBudget::new(usize::MAX));
        body.append(b"[").unwrap();
        let impossible = isize::MAX as usize;
        let failed = body
            .bytes
            .try_reserve_exact(impossible)
            .map_err(|_| body.no_memory(impossible));
        assert_eq!(failed.unwrap_err().kind(), Kind::OutOfMemory);
    }
}
