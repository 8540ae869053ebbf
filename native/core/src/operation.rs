//! Operations beyond those of the CouchDB client, as failure reports name them.

use couchdb::Operation;

/// Reading or writing the system configuration.
pub const SYSTEM_CONFIG: Operation = Operation::named("system_config");

/// Telling the host of changes, or asking it for something.
pub const HOST: Operation = Operation::named("host");

/// Writing down what is done, or reading it.
pub const JOURNAL: Operation = Operation::named("journal");

/// Reading the arguments of a command.
pub const ARGUMENTS: Operation = Operation::named("arguments");
