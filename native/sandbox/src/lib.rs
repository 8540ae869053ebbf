//! The part of CouchDB's HTTP API that a bulk client needs, to rehearse on.
