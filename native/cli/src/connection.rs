//! The server for a command.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kazoo_numbers::Error;
use kazoo_numbers::connection::{default_paths, server_of_config_ini};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::Host;
use kazoo_numbers::kazoo::DatabaseName;
use kazoo_numbers_cli::address;

/// The given server, else that of Kazoo's configuration, as a host without Kazoo.
pub(crate) fn host(couchdb: Option<&str>) -> Arc<dyn Host> {
    Arc::new(StandaloneServer {
        server: server(couchdb),
    })
}

fn server(couchdb: Option<&str>) -> Result<ServerUrl, Error> {
    match address::given(couchdb) {
        Some((url, source)) => Ok(ServerUrl::parse(&url)
            .map_err(|error| error.hint(format!("check {source}: it must have the form http://user:password@127.0.0.1:5984; percent-encode special characters of the password")))?
            .from(source)),
        None => {
            let config = env::var_os("KAZOO_CONFIG").filter(|path| !path.is_empty());
            server_of_config_ini(&default_paths(config.map(PathBuf::from)))
        }
    }
}

/// A host with one server and no Kazoo to notify. An error in the configuration is reported only by
/// a command that needs the server.
struct StandaloneServer {
    server: Result<ServerUrl, Error>,
}

#[async_trait]
impl Host for StandaloneServer {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        self.server.clone()
    }
}
