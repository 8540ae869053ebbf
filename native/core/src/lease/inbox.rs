//! The requests that a run has read. This module reads and writes nothing; `control` does what it says.
//! `interleavings` checks it against every order of events.

use std::time::SystemTime;

use super::holders::Holders;
use super::request::ControlRequest;

/// The requests that an entry lists as taken.
const LISTED: usize = 8;

/// The requests that a run has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inbox {
    /// The ids in the content that was read last. A request that is gone from the document cannot come back: the write of a
    /// requester carries the revision that it read.
    known: Vec<String>,
    /// The last ones that the run took, with the moment.
    taken: Vec<(ControlRequest, SystemTime)>,
}

impl Inbox {
    /// The document was read: the requests to the run that it has not read before, in their order. A request is obeyed when it is
    /// read, because the answer to the write that removes it can be lost.
    pub(super) fn read(
        &mut self,
        holders: &Holders,
        run: &str,
        now: SystemTime,
    ) -> Vec<ControlRequest> {
        let all: Vec<&ControlRequest> = holders.requests_to(run).collect();
        let new: Vec<ControlRequest> = all
            .iter()
            .filter(|request| !self.known.contains(&request.id))
            .map(|request| (*request).clone())
            .collect();
        self.known = all.iter().map(|request| request.id.clone()).collect();
        self.taken
            .extend(new.iter().map(|request| (request.clone(), now)));
        let more = self.taken.len().saturating_sub(LISTED);
        self.taken.drain(..more);
        new
    }

    /// The last ones that the run took, the newest last.
    pub(super) fn taken(&self) -> &[(ControlRequest, SystemTime)] {
        &self.taken
    }

    /// For the state of a checker.
    #[cfg(test)]
    pub(super) fn known(&self) -> &[String] {
        &self.known
    }
}
