//! The reference model: a whole cluster and a command in, a whole cluster out.
