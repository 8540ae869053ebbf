//! Where the library runs, by what the calling process says and answers.

use crate::caller::{Caller, Gone};
use crate::printer::Lines;
use crate::request::{Connection, HostKind, Start};
use crate::term::Term;
use async_trait::async_trait;
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::host::{ChangedRow, Host, Migrated, SystemFeatures, Unannounced};
use kazoo_numbers::kazoo::{AccountId, DatabaseName, default_paths, server_of_config_ini};
use kazoo_numbers::{Error, Kind, operation};
use serde_json::Value;
use std::collections::HashMap;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The host of a job.
pub(crate) fn of(start: &Start, caller: &Arc<Caller>, lines: Option<Lines>) -> Arc<dyn Host> {
    let one = match &start.connection {
        Connection::Url(url) => Some(given(url)),
        Connection::ConfigIni(path) => Some(configured(path.as_deref())),
        Connection::Host => None,
    };
    match start.host {
        HostKind::Standalone => Arc::new(Alone {
            server: one.unwrap_or_else(|| Err(refused("nothing says where CouchDB is".to_owned()))),
        }),
        HostKind::Kazoo => Arc::new(Kazoo {
            caller: Arc::clone(caller),
            lines,
            one,
            asked: Mutex::default(),
            carriers: start.settings.carrier_modules.clone(),
        }),
    }
}

/// The address that the calling process was given: by the environment, else by its application.
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

/// Kazoo, through the calling process.
struct Kazoo {
    caller: Arc<Caller>,
    /// Where warnings are printed; None: they are logged, because the command's output has no place for them.
    lines: Option<Lines>,
    one: Option<Result<ServerUrl, Error>>,
    /// Storage plans do not change in mid-run, and each question is a round trip.
    asked: Mutex<HashMap<Option<DatabaseName>, ServerUrl>>,
    carriers: Option<Vec<String>>,
}

impl Kazoo {
    async fn ask(&self, request: Term) -> Result<Term, Error> {
        let answer = self
            .caller
            .call(request)
            .await
            .map_err(|Gone| Error::cancelled(operation::HOST))?;
        match answer.as_tagged() {
            Some(("error", [line])) => Err(said_no(
                line.as_text()
                    .unwrap_or_else(|| "Kazoo answered an error".to_owned()),
            )),
            _ => Ok(answer),
        }
    }

    /// Asks about a database. The failure report has room for the kind of an error alone, so why Kazoo said no is a line.
    async fn ask_about(&self, database: &DatabaseName, request: Term) -> Result<Term, Error> {
        let answer = self
            .ask(request)
            .await
            .map_err(|error| error.in_database(database));
        if let Err(error) = &answer
            && error.kind() != Kind::Cancelled
        {
            let line = format!("warning: {error}");
            // Nobody there to read it: nobody misses it.
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
        if let Some(one) = &self.one {
            return one.clone();
        }
        let mut asked = self.asked.lock().await;
        if let Some(known) = asked.get(&database.cloned()) {
            return Ok(known.clone());
        }
        let name =
            database.map_or_else(|| Term::atom("undefined"), |name| Term::text(name.plain()));
        let request = Term::tagged("server", [name]);
        let answer = match database {
            Some(database) => self.ask_about(database, request).await?,
            None => self.ask(request).await?,
        };
        let url = match answer.as_tagged() {
            Some(("ok", [url])) => {
                ServerUrl::parse(&url.as_text().unwrap_or_default())?.from("Kazoo's configuration")
            }
            _ => return Err(refused("Kazoo names no server".to_owned())),
        };
        asked.insert(database.cloned(), url.clone());
        Ok(url)
    }

    async fn databases(&self, prefix: &str) -> Result<Option<Vec<DatabaseName>>, Error> {
        if self.one.is_some() {
            return Ok(None);
        }
        let answer = self
            .ask(Term::tagged("databases", [Term::text(prefix)]))
            .await?;
        let names = match answer.as_tagged() {
            Some(("ok", [names])) => texts(names),
            _ => None,
        };
        let names = names.ok_or_else(|| refused("Kazoo did not list the databases".to_owned()))?;
        // Names that CouchDB itself would refuse are left out, and a server may ignore the prefix.
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
        let answer = self.ask(request).await?;
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
        self.ask_about(database, request).await.map(|_| true)
    }

    async fn services(&self, account: AccountId) -> Result<bool, Error> {
        self.ask(Term::tagged("services", [Term::text(account.to_string())]))
            .await
            .map(|_| true)
    }

    async fn set_config(&self, path: &[&str], values: &[String]) -> Result<bool, Error> {
        let path = Term::List(path.iter().map(Term::text).collect());
        let values = Term::List(values.iter().map(Term::text).collect());
        self.ask(Term::tagged("config_set", [path, values]))
            .await
            .map(|_| true)
    }

    async fn system_features(&self) -> Result<Option<SystemFeatures>, Error> {
        let answer = self.ask(Term::atom("features")).await?;
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
            .ask(Term::tagged("migrate_unassigned", [documents]))
            .await?;
        let migrated: Option<Vec<Migrated>> = match answer.as_tagged() {
            Some(("ok", [Term::List(migrated)])) => migrated.iter().map(migrated_one).collect(),
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

fn refused(line: String) -> Error {
    Error::new(Kind::Config, operation::HOST, line)
}

/// Kazoo's no to one request: another database may be luckier, so it does not end the run.
fn said_no(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::HOST, line)
}

/// An answer that this version's Erlang side does not give.
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

fn migrated_one(term: &Term) -> Option<Migrated> {
    match (term.as_atom(), term.as_tagged()) {
        (Some("unchanged"), _) => Some(Migrated::Unchanged),
        (_, Some(("document", [text]))) => Some(Migrated::Document(text.as_text()?.into())),
        (_, Some(("failed", [line]))) => Some(Migrated::Failed(line.as_text()?)),
        _ => None,
    }
}

/// A row that landed, as the one who announces it needs it.
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

/// A field as a notice can carry it; one of another kind is no use to whoever gets the notice.
fn plain(json: &str) -> Option<Term> {
    match serde_json::from_str(json).ok()? {
        Value::String(text) => Some(Term::text(text)),
        Value::Bool(value) => Some(Term::boolean(value)),
        Value::Number(number) => number.as_i64().map(Term::Integer),
        _ => None,
    }
}
