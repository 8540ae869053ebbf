//! Operations in failure reports that are not requests of the CouchDB client.

use couchdb::Operation;

/// Read or write the system config.
pub const SYSTEM_CONFIG: Operation =
    Operation::new("system_config", "use the system configuration", "in");

/// Notify the host of changes, or ask it for a decision.
pub const HOST: Operation = Operation::new("host", "ask Kazoo", "about");

/// Write or read a journal.
pub const JOURNAL: Operation = Operation::new("journal", "use the journal", "for");

/// Write or read a plan.
pub const PLAN: Operation = Operation::new("plan", "use the plan", "for");

/// Stop a run that would change too much.
pub const BRAKE: Operation = Operation::new("brake", "stop", "at");
/// Read the accepted findings of an audit.
pub const ACCEPTED: Operation = Operation::new("accepted", "use the accepted findings", "in");

/// Parse the arguments of a command.
pub const ARGUMENTS: Operation = Operation::new("arguments", "use the arguments", "of");
