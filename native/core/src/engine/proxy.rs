//! Detects a proxy in front of CouchDB that decodes database names in paths.

use super::run::Run;
use crate::kazoo::DatabaseName;
use couchdb::{Error, Kind, Server};
use percent_encoding::percent_decode_str;

/// Returns one line if a listed database does not exist when it is read: a proxy in front of CouchDB decodes the escapes in
/// database names. The check runs only after a database was missing.
pub(crate) async fn decodes_names(run: &Run, fatal: Option<&Error>) -> Option<String> {
    if run.cancel.is_cancelled() && fatal.is_none() {
        return None;
    }
    let database = match fatal {
        Some(error) if error.kind() == Kind::DatabaseNotFound => error.database().cloned()?,
        Some(_) => return None,
        None => missing(run)?,
    };
    let server = run.cluster.server(Some(&database)).await.ok()?;
    // If the user may not list databases or the server is down, the check has no result.
    let decodes = proxy_decodes(&server, &database).await.ok().flatten()?;
    Some(format!("{decodes}. {PASS_PATHS_ON}"))
}

/// The remedy for a proxy that decodes names.
pub(crate) const PASS_PATHS_ON: &str = "Have it pass paths on as they are (nginx: proxy_pass without a path; Apache: AllowEncodedSlashes NoDecode and nocanon; Traefik: allow encoded slashes)";

/// One line if a server lists a database and says that it does not exist.
pub(crate) async fn proxy_decodes(
    server: &Server,
    database: &DatabaseName,
) -> Result<Option<String>, Error> {
    if !server.is_listed(database).await? || server.exists(database).await? {
        return Ok(None);
    }
    Ok(Some(format!(
        "{url} lists the database {plain}, and says that {encoded} does not exist: a proxy in front of CouchDB seems to decode %2F or %2B in paths",
        url = server.url(),
        plain = database.plain(),
        encoded = database.encoded(),
    )))
}

/// A database that is missing according to the failure report.
fn missing(run: &Run) -> Option<DatabaseName> {
    let failures = run.reporter.failures();
    failures
        .by_database()
        .iter()
        .find(|(_, failures)| {
            let of_database = failures.last_error == Some(Kind::DatabaseNotFound);
            let of_numbers = || {
                let mut reasons = failures.failed.keys();
                reasons.any(|reason| reason.kind() == Some(Kind::DatabaseNotFound))
            };
            of_database || of_numbers()
        })
        .and_then(|(name, _)| DatabaseName::new(&percent_decode_str(name).decode_utf8().ok()?))
}
