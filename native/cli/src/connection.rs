//! The server that a command works on.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kazoo_numbers::Error;
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Host;
use kazoo_numbers::kazoo::{DatabaseName, default_paths, server_of_config_ini};
use kazoo_numbers_cli::address;

/// The server that was given, else that of Kazoo's configuration, as a host without a Kazoo.
pub(crate) fn host(couchdb: Option<&str>) -> Arc<dyn Host> {
    Arc::new(Alone {
        server: server(couchdb),
    })
}

fn server(couchdb: Option<&str>) -> Result<ServerUrl, Error> {
    match address::given(couchdb) {
        Some((url, source)) => Ok(ServerUrl::parse(&url)
            .map_err(|error| error.hint(format!("check {source}: it must be like http://user:password@127.0.0.1:5984, special characters of the password percent-encoded")))?
            .from(source)),
        None => {
            let config = env::var_os("KAZOO_CONFIG").filter(|path| !path.is_empty());
            server_of_config_ini(&default_paths(config.map(PathBuf::from)))
        }
    }
}

/// One server, and nobody to tell. A command that needs no database does not miss it.
struct Alone {
    server: Result<ServerUrl, Error>,
}

#[async_trait]
impl Host for Alone {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        self.server.clone()
    }
}
