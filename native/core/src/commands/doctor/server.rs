//! The connection, the server behind it, and its user.

use std::sync::Arc;

use super::{Examination, impatient};
use crate::report::CheckState;
use couchdb::{DatabaseName, Error, Kind, Server, ServerUrl, UserContext};

/// CouchDB's role for administrators.
const ADMIN: &str = "_admin";

/// Checks the connection, the server and the user. Returns the server if commands can use it.
pub(super) async fn examine(
    examination: &mut Examination<'_>,
) -> Result<Option<Arc<Server>>, Error> {
    let url = match examination.run.cluster.url().await {
        Ok(url) => url,
        Err(error) => {
            let remedy = "set COUCHDB_URL, or name Kazoo's configuration file with KAZOO_CONFIG";
            let state = CheckState::Failed;
            examination
                .error("connection", state, error, Some(remedy))
                .await?;
            return Ok(None);
        }
    };
    connection(examination, &url).await;
    let http = impatient(&examination.run.settings.http);
    let cancel = examination.run.cancel.clone();
    let server = match Server::new(url.clone(), http, Arc::default(), cancel) {
        Ok(server) => Arc::new(server),
        Err(error) => {
            let state = CheckState::Failed;
            examination.error("server", state, error, None).await?;
            return Ok(None);
        }
    };
    match server.product().await {
        Ok(product) => {
            let vendor = product.vendor.map(|vendor| format!(" ({vendor})"));
            let finding = format!("CouchDB {}{}", product.version, vendor.unwrap_or_default());
            examination.good("server", finding).await;
        }
        // The next check says more about the user.
        Err(error) if error.kind() == Kind::Unauthorized => {}
        Err(error) => {
            let state = CheckState::Failed;
            let remedy = "check the address and the port, and whether CouchDB runs";
            examination
                .error("server", state, error, Some(remedy))
                .await?;
            return Ok(None);
        }
    }
    let usable = match server.user().await {
        Ok(user) => rights(examination, &server, &user).await?,
        Err(error) => {
            let state = CheckState::Failed;
            examination.error("user", state, error, None).await?;
            false
        }
    };
    Ok(usable.then_some(server))
}

async fn connection(examination: &mut Examination<'_>, url: &ServerUrl) {
    let source = url.source().map_or_else(
        || "as Kazoo is configured".to_owned(),
        |source| format!("from {source}"),
    );
    let finding = format!("{url}, {source}");
    if url.is_https() || url.is_loopback() || url.authorization().is_none() {
        examination.good("connection", finding).await;
    } else {
        let finding = format!("{finding}; the password crosses the network unencrypted");
        let remedy = "use https://, or a network that only the cluster uses";
        examination.warn("connection", finding, remedy).await;
    }
}

/// Checks what the user may do. Returns whether commands can work.
async fn rights(
    examination: &mut Examination<'_>,
    server: &Server,
    user: &UserContext,
) -> Result<bool, Error> {
    let name = user.name.as_deref().unwrap_or("nobody");
    if user.roles.contains(ADMIN) {
        let finding = match &user.name {
            Some(name) => format!("{name}, an administrator"),
            None => "nobody, and everybody is an administrator".to_owned(),
        };
        examination.good("user", finding).await;
        return Ok(true);
    }
    let databases = match server.databases("").await {
        Ok(databases) => databases,
        Err(error) if is_refused(&error) => {
            let finding = format!("{name} may not list the databases");
            let remedy = "use an administrator of CouchDB, or let this user list databases (admin_only_all_dbs = false)";
            let remedy = Some(remedy);
            examination
                .add("user", CheckState::Failed, finding, remedy)
                .await;
            return Ok(false);
        }
        Err(error) => {
            let state = CheckState::Failed;
            examination.error("user", state, error, None).await?;
            return Ok(false);
        }
    };
    let ours: Vec<_> = databases.into_iter().filter(is_ours).collect();
    let mut refused = Vec::new();
    for database in &ours {
        match server.exists(database).await {
            Ok(_) => {}
            Err(error) if is_refused(&error) => refused.push(database.encoded()),
            Err(error) => {
                let state = CheckState::Failed;
                examination.error("user", state, error, None).await?;
                return Ok(false);
            }
        }
    }
    match refused.first() {
        None => {
            let finding = format!(
                "{name}, no administrator: reads and writes numbers, and creates no number database"
            );
            let remedy = "if a command must create number databases, use an administrator";
            examination.warn("user", finding, remedy).await;
            Ok(true)
        }
        Some(first) => {
            let finding = format!(
                "{name} may not read {} of {} databases of numbers and accounts: {first} …",
                refused.len(),
                ours.len()
            );
            let remedy =
                "make the user a member of these databases (_security), or use an administrator";
            let remedy = Some(remedy);
            examination
                .add("user", CheckState::Failed, finding, remedy)
                .await;
            Ok(false)
        }
    }
}

fn is_refused(error: &Error) -> bool {
    matches!(error.kind(), Kind::Forbidden | Kind::Unauthorized)
}

/// Whether commands use the database.
fn is_ours(database: &DatabaseName) -> bool {
    let name = database.plain();
    name.starts_with("numbers/") || name.starts_with("account/")
}
