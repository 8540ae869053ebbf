//! The host of the library, implemented by the calling process.

use crate::caller::{Caller, CallerGone};
use crate::printer::LineSender;
use crate::request::{Connection, HostKind, StartRequest};
use crate::term::Term;
use async_trait::async_trait;
use kazoo_numbers::connection::{default_paths, server_of_config_ini};
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::{ChangedRow, Host, Migrated, SystemFeatures, Unannounced};
use kazoo_numbers::kazoo::{AccountId, DatabaseName};
use kazoo_numbers::{Error, Kind, operation};
use serde_json::Value;
use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use tracing::{Instrument, debug_span};

/// Creates the host of a job.
pub(crate) fn of(
    start: &StartRequest,
    caller: &Arc<Caller>,
    lines: Option<LineSender>,
) -> Arc<dyn Host> {
    let server = match &start.connection {
        Connection::Url(url) => Some(given(url)),
        Connection::ConfigIni(path) => Some(configured(path.as_deref())),
        Connection::Host => None,
    };
    match start.host {
        HostKind::Standalone => Arc::new(StandaloneHost {
            server: server
                .unwrap_or_else(|| Err(refused("no address of CouchDB was given".to_owned()))),
        }),
        HostKind::Kazoo => Arc::new(Kazoo {
            caller: Arc::clone(caller),
            lines,
            given: server,
            servers: Mutex::default(),
            carriers: start.settings.carrier_modules.clone(),
        }),
    }
}

/// The address from the calling process: from the environment, else from its application.
fn given(url: &str) -> Result<ServerUrl, Error> {
    let source = match env::var("COUCHDB_URL") {
        Ok(environment) if environment == url => "COUCHDB_URL",
        _ => "couchdb_url in the application environment",
    };
    Ok(ServerUrl::parse(url)?.from(source))
}

fn configured(path: Option<&str>) -> Result<ServerUrl, Error> {
    let paths = match path {
        Some(path) => vec![PathBuf::from(path)],
        None => default_paths(env::var_os("KAZOO_CONFIG").map(PathBuf::from)),
    };
    server_of_config_ini(&paths)
}

/// A host with one server and no Kazoo to notify. An error in the configuration is reported only by
/// a command that needs the server.
struct StandaloneHost {
    server: Result<ServerUrl, Error>,
}

#[async_trait]
impl Host for StandaloneHost {
    async fn server(&self, _: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        self.server.clone()
    }
}

/// Kazoo, through the calling process.
struct Kazoo {
    caller: Arc<Caller>,
    /// The output for warnings. None if the output of the command is fixed; then they are logged.
    lines: Option<LineSender>,
    given: Option<Result<ServerUrl, Error>>,
    /// The servers that were looked up. Storage plans do not change during a run, and each lookup
    /// is a round trip.
    servers: Mutex<HashMap<Option<DatabaseName>, ServerUrl>>,
    carriers: Option<Vec<String>>,
}

impl Kazoo {
    async fn call(&self, request: Term) -> Result<Term, Error> {
        let span = debug_span!("kazoo", request = name(&request));
        let answer = self
            .caller
            .call(request)
            .instrument(span)
            .await
            .map_err(|CallerGone| Error::cancelled(operation::HOST))?;
        match answer.as_tagged() {
            Some(("error", [line])) => Err(kazoo_refused(
                line.as_text()
                    .unwrap_or_else(|| "Kazoo returned an error".to_owned()),
            )),
            _ => Ok(answer),
        }
    }

    /// Makes a call about a database. The failure report holds only the kind of an error, so
    /// Kazoo's reason is printed as a warning.
    async fn call_about(&self, database: &DatabaseName, request: Term) -> Result<Term, Error> {
        let answer = self
            .call(request)
            .await
            .map_err(|error| error.in_database(database));
        if let Err(error) = &answer
            && error.kind() != Kind::Cancelled
        {
            let line = format!("warning: {error}");
            // Errors are ignored.
            let _ = match &self.lines {
                Some(lines) => lines.put(line).await,
                None => self.caller.log(vec![line]).await,
            };
        }
        answer
    }
}

#[async_trait]
impl Host for Kazoo {
    async fn server(&self, database: Option<&DatabaseName>) -> Result<ServerUrl, Error> {
        if let Some(server) = &self.given {
            return server.clone();
        }
        let mut servers = self.servers.lock().await;
        if let Some(known) = servers.get(&database.cloned()) {
            return Ok(known.clone());
        }
        let name =
            database.map_or_else(|| Term::atom("undefined"), |name| Term::text(name.plain()));
        let request = Term::tagged("server", [name]);
        let answer = match database {
            Some(database) => self.call_about(database, request).await?,
            None => self.call(request).await?,
        };
        let url = match answer.as_tagged() {
            Some(("ok", [url])) => {
                ServerUrl::parse(&url.as_text().unwrap_or_default())?.from("Kazoo's configuration")
            }
            _ => return Err(refused("Kazoo returned no server".to_owned())),
        };
        servers.insert(database.cloned(), url.clone());
        Ok(url)
    }

    async fn databases(&self, prefix: &str) -> Result<Option<Vec<DatabaseName>>, Error> {
        if self.given.is_some() {
            return Ok(None);
        }
        let answer = self
            .call(Term::tagged("databases", [Term::text(prefix)]))
            .await?;
        let names = match answer.as_tagged() {
            Some(("ok", [names])) => texts(names),
            _ => None,
        };
        let names = names.ok_or_else(|| refused("Kazoo did not list the databases".to_owned()))?;
        // Invalid names are left out, and Kazoo may ignore the prefix.
        Ok(Some(
            names
                .iter()
                .filter(|name| name.starts_with(prefix))
                .filter_map(|name| DatabaseName::new(name))
                .collect(),
        ))
    }

    async fn changed(
        &self,
        database: &DatabaseName,
        rows: Vec<ChangedRow>,
    ) -> Result<Unannounced, Error> {
        let rows = Term::List(rows.iter().map(row).collect());
        let request = Term::tagged("changed", [Term::text(database.plain()), rows]);
        let answer = self.call(request).await?;
        match (answer.as_atom(), answer.as_tagged()) {
            (Some("ok"), _) => Ok(Unannounced::default()),
            (_, Some(("unannounced", [ids, reason]))) => Ok(Unannounced {
                ids: texts(ids).unwrap_or_default(),
                reason: reason.as_text().unwrap_or_default(),
            }),
            _ => Err(unexpected("changed")),
        }
    }

    async fn create_database(&self, database: &DatabaseName) -> Result<bool, Error> {
        let request = Term::tagged("db_create", [Term::text(database.plain())]);
        self.call_about(database, request).await.map(|_| true)
    }

    async fn services(&self, account: AccountId) -> Result<bool, Error> {
        self.call(Term::tagged("services", [Term::text(account.to_string())]))
            .await
            .map(|_| true)
    }

    async fn set_config(&self, path: &[&str], values: &[String]) -> Result<bool, Error> {
        let path = Term::List(path.iter().map(Term::text).collect());
        let values = Term::List(values.iter().map(Term::text).collect());
        self.call(Term::tagged("config_set", [path, values]))
            .await
            .map(|_| true)
    }

    async fn system_features(&self) -> Result<Option<SystemFeatures>, Error> {
        let answer = self.call(Term::atom("features")).await?;
        match answer.as_tagged() {
            Some(("features", [allowed, defaults])) => match (texts(allowed), texts(defaults)) {
                (Some(allowed), Some(defaults)) => Ok(Some(SystemFeatures { allowed, defaults })),
                _ => Err(unexpected("features")),
            },
            _ => Err(unexpected("features")),
        }
    }

    async fn migrate_unassigned(&self, documents: &[&str]) -> Result<Option<Vec<Migrated>>, Error> {
        let documents = Term::List(documents.iter().map(Term::text).collect());
        let answer = self
            .call(Term::tagged("migrate_unassigned", [documents]))
            .await?;
        let migrated: Option<Vec<Migrated>> = match answer.as_tagged() {
            Some(("ok", [Term::List(migrated)])) => {
                migrated.iter().map(migrated_document).collect()
            }
            _ => None,
        };
        migrated
            .map(Some)
            .ok_or_else(|| unexpected("migrate_unassigned"))
    }

    fn carriers(&self) -> Option<Vec<String>> {
        self.carriers.clone()
    }
}

/// The name of a request, for the log.
fn name(request: &Term) -> &str {
    let tag = request.as_tagged().map(|(tag, _)| tag);
    tag.or_else(|| request.as_atom()).unwrap_or_default()
}

fn refused(line: String) -> Error {
    Error::new(Kind::Config, operation::HOST, line)
}

/// Kazoo refused one request. It may accept others, so the run continues.
fn kazoo_refused(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::HOST, line)
}

/// An answer that the Erlang side of this version does not give.
fn unexpected(request: &str) -> Error {
    Error::new(
        Kind::BadAnswer,
        operation::HOST,
        format!("an unexpected answer to {request}"),
    )
}

fn texts(term: &Term) -> Option<Vec<String>> {
    term.as_list()?.iter().map(Term::as_text).collect()
}

fn migrated_document(term: &Term) -> Option<Migrated> {
    match (term.as_atom(), term.as_tagged()) {
        (Some("unchanged"), _) => Some(Migrated::Unchanged),
        (_, Some(("document", [text]))) => Some(Migrated::Document(text.as_text()?.into())),
        (_, Some(("failed", [line]))) => Some(Migrated::Failed(line.as_text()?)),
        _ => None,
    }
}

/// A written row for the announcement.
fn row(changed: &ChangedRow) -> Term {
    let mut pairs = vec![
        (Term::atom("id"), Term::text(&changed.id)),
        (Term::atom("rev"), Term::text(changed.rev.to_string())),
        (Term::atom("deleted"), Term::boolean(changed.deleted)),
    ];
    if let Some(rev) = &changed.old_rev {
        pairs.push((Term::atom("old_rev"), Term::text(rev.to_string())));
    }
    for (name, json) in &changed.fields {
        if let (Some(key), Some(value)) = (key(name), plain(json)) {
            pairs.push((Term::atom(key), value));
        }
    }
    Term::Map(pairs)
}

fn key(field: &str) -> Option<&'static str> {
    match field {
        "pvt_type" => Some("type"),
        "pvt_account_id" => Some("account_id"),
        "pvt_created" => Some("created"),
        "pvt_modified" => Some("modified"),
        "pvt_deleted" => Some("soft_deleted"),
        _ => None,
    }
}

/// The value of a field for a notice. None for a kind that receivers do not use.
fn plain(json: &str) -> Option<Term> {
    match serde_json::from_str(json).ok()? {
        Value::String(text) => Some(Term::text(text)),
        Value::Bool(value) => Some(Term::boolean(value)),
        Value::Number(number) => number.as_i64().map(Term::Integer),
        _ => None,
    }
}
