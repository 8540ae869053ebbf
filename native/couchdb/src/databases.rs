//! Lists, creates and deletes databases, and checks whether one exists.

use std::borrow::Cow;
use std::fmt;

use reqwest::{Method, StatusCode};
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::answer::{is_not_found, reason, unexpected};
use super::body::{LARGEST_LIST, LARGEST_STATUS};
use super::error::{Error, Operation};
use super::kind::Kind;
use super::pages::in_query;
use super::request::{Request, Response};
use super::server::Server;
use document::DatabaseName;
use document::Object;

/// The most databases in a list. A name takes about 100 bytes in memory.
const MOST_DATABASES: usize = 1_000_000;

impl Server {
    /// Lists the databases whose plain names start with `prefix`, sorted by name. Names that
    /// CouchDB would refuse are left out.
    pub async fn databases(&self, prefix: &str) -> Result<Vec<DatabaseName>, Error> {
        let end = format!("{prefix}\u{fff0}");
        let quoted = |text: &str| in_query(&document::quoted(text));
        let query = format!("startkey={}&endkey={}", quoted(prefix), quoted(&end));
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let mut databases = self
            .send_repeatedly(request, |response| {
                // Old versions ignore the range.
                listed(&response, |name| name.starts_with(prefix))
            })
            .await?;
        databases.sort();
        databases.dedup();
        Ok(databases)
    }

    /// Whether `_all_dbs` lists this database.
    pub async fn is_listed(&self, database: &DatabaseName) -> Result<bool, Error> {
        let name = in_query(&document::quoted(database.plain()));
        let query = format!("startkey={name}&endkey={name}");
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let response = self.send(&request).await?;
        let found = listed(&response, |name| name == database.plain())?;
        Ok(!found.is_empty())
    }

    /// Whether `GET /db` finds this database.
    pub async fn exists(&self, database: &DatabaseName) -> Result<bool, Error> {
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, "")
            .of(database)
            .at_most(LARGEST_STATUS);
        self.send_repeatedly(request, |response| {
            if is_not_found(&response) {
                return Ok(false);
            }
            if response.status.is_success() && has_field(&response, "db_name") {
                return Ok(true);
            }
            let error = unexpected(Operation::OPEN_DOCS, &response, "a database", None);
            Err(error.in_database(database))
        })
        .await
    }

    /// Creates a database. Succeeds if it exists already.
    pub async fn create_database(&self, database: &DatabaseName) -> Result<(), Error> {
        let request = Request::write(Operation::CREATE_DATABASE, Method::PUT, "")
            .of(database)
            .at_most(LARGEST_STATUS);
        self.send_repeatedly(request, |response| match response.status {
            status if status.is_success() && has_field(&response, "ok") => Ok(()),
            StatusCode::PRECONDITION_FAILED => Ok(()),
            // The body is not CouchDB's. A second attempt either creates the database or reports
            // that it exists.
            status if status.is_success() => Err(unexpected(
                Operation::CREATE_DATABASE,
                &response,
                "a new database",
                None,
            )
            .in_database(database)),
            _ => Err(refused(Operation::CREATE_DATABASE, &response).in_database(database)),
        })
        .await
    }

    /// Deletes a database with its documents. Succeeds if it does not exist.
    ///
    /// # Errors
    /// No answer, or any status other than success and CouchDB's own 404.
    pub async fn delete_database(&self, database: &DatabaseName) -> Result<(), Error> {
        let request = Request::write(Operation::DELETE_DATABASE, Method::DELETE, "").of(database);
        self.send_repeatedly(request, |response| {
            if is_not_found(&response) || response.status.is_success() {
                return Ok(());
            }
            Err(refused(Operation::DELETE_DATABASE, &response).in_database(database))
        })
        .await
    }
}

/// The wanted databases in an answer of `_all_dbs`. Names are filtered one at a time: a list of all
/// names would take several times the size of the answer.
fn listed(
    response: &Response,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<DatabaseName>, Error> {
    let wrong = |error: Option<&serde_json::Error>| {
        unexpected(Operation::LIST_DATABASES, response, "_all_dbs", error)
    };
    if !response.status.is_success() {
        return Err(wrong(None));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(&response.body);
    let databases = deserializer
        .deserialize_seq(Names(is_wanted))
        .and_then(|names| deserializer.end().map(|()| names))
        .map_err(|error| wrong(Some(&error)))?;
    if databases.len() > MOST_DATABASES {
        let line = format!("the server lists more than {MOST_DATABASES} databases");
        return Err(Error::new(Kind::TooLarge, Operation::LIST_DATABASES, line));
    }
    Ok(databases)
}

/// Reads at most one name more than [`MOST_DATABASES`].
struct Names<F>(F);

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Names<F> {
    type Value = Vec<DatabaseName>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of databases")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut databases = Vec::new();
        while let Some(Text(name)) = seq.next_element()? {
            if databases.len() <= MOST_DATABASES
                && (self.0)(&name)
                && let Some(database) = DatabaseName::new(&name)
            {
                databases.push(database);
            }
        }
        Ok(databases)
    }
}

/// A string that borrows where possible. Serde's own `Cow` always copies.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A permanent refusal.
fn refused(operation: Operation, response: &Response) -> Error {
    let (_, line) = reason(response.status, &response.body);
    Error::new(Kind::BadRequest, operation, line)
}

/// Whether an answer is a JSON object with this field. An HTML page is not.
fn has_field(response: &Response, name: &str) -> bool {
    std::str::from_utf8(&response.body)
        .ok()
        .and_then(|text| Object::parse(text).ok())
        .is_some_and(|object| object.get(name).is_some())
}
