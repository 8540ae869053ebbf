//! Operations beyond those of the CouchDB client, as failure reports name them.

use couchdb::Operation;

/// Reading or writing the system configuration.
pub const SYSTEM_CONFIG: Operation =
    Operation::new("system_config", "use the system configuration", "in");

/// Telling the host of changes, or asking it for something.
pub const HOST: Operation = Operation::new("host", "ask Kazoo", "about");

/// Writing down what is done, or reading it.
pub const JOURNAL: Operation = Operation::new("journal", "use the journal", "for");

/// Reading the arguments of a command.
pub const ARGUMENTS: Operation = Operation::new("arguments", "use the arguments", "of");
