//! Where Kazoo's own configuration says that CouchDB is.

mod config_ini;
mod ini;

pub use config_ini::{couchdb_url_of, default_paths, server_of_config_ini};
