//! The promises of the lock. docs/reliability.md has them, and decision record 5 the reasons.
//!
//! They hold for a server with one copy of the document and runs whose timers fire in time: a process that is paused for longer
//! than a lease, or a cluster whose copies disagree, may have two holders until one renews. The safety of the data does not
//! depend on the lock.

use crate::explore::Property;

/// At most one run holds the lock, unless an operator removed an entry with `unlock`.
pub(super) const ONE_HOLDER: Property = Property("at most one run holds the lock");

/// A run removes the entry of another only when that run is dead, or has stopped.
pub(super) const LIVE_ENTRY_STAYS: Property =
    Property("the entry of a run that holds the lock is removed by nobody else");

/// Others may remove an entry when a lease has passed since the document got it as it is. The run stops an eighteenth of a
/// lease before that, in which its last requests end.
pub(super) const STOPS_IN_TIME: Property =
    Property("a run that cannot renew its lock stops before others may take it");

/// A run whose entry was removed stops at its next renewal.
pub(super) const STOPS_WHEN_REMOVED: Property =
    Property("a run whose entry was removed stops at its next renewal");

/// A renewal that fails is tried again for as long as the lease lasts.
pub(super) const STOPS_FOR_A_REASON: Property =
    Property("a run goes on while its lease lasts and it has seen its entry");

/// A request is no sign of life, and ends nobody's lease: the lock of a run that died expires in time, whatever it is asked for.
pub(super) const REQUEST_IS_NO_LEASE: Property =
    Property("a request leaves all entries as they are");

/// A request leaves the document only when its run has read it, or is no longer in it.
pub(super) const REQUEST_IS_READ: Property =
    Property("a request to a run that holds the lock is obeyed or still there");

/// The requests to other runs are left to them, and a request that is read a second time, because the write that removes it was
/// lost, is not obeyed again: another order may have come since.
pub(super) const REQUEST_IS_OBEYED_ONCE: Property =
    Property("a run obeys only the requests to it, each once");

/// `unlock` removes no entry that its run renewed since `unlock` began, and none of a run that reaches the server. `unlock anyway`
/// removes them all.
pub(super) const UNLOCK_SPARES_THE_LIVE: Property =
    Property("unlock removes no entry of a run that renews it");
