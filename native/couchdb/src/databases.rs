//! Databases as a whole: which there are, whether one is, and making one.

use std::borrow::Cow;
use std::fmt;

use reqwest::{Method, StatusCode};
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::answer::{is_not_found, reason, unexpected};
use super::body::{LARGEST_LIST, LARGEST_STATUS};
use super::error::{Error, Kind, Operation};
use super::pages::in_query;
use super::request::{Request, Response};
use super::server::Server;
use document::DatabaseName;
use document::Object;

/// The most databases that are listed; a name takes some hundred bytes here.
const MOST_DATABASES: usize = 1_000_000;

impl Server {
    /// The databases whose plain names start so, by name. Names that CouchDB itself would
    /// refuse are left out.
    pub async fn databases(&self, prefix: &str) -> Result<Vec<DatabaseName>, Error> {
        let end = format!("{prefix}\u{fff0}");
        let quoted = |text: &str| in_query(&document::quoted(text));
        let query = format!("startkey={}&endkey={}", quoted(prefix), quoted(&end));
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let mut databases = self
            .send_repeatedly(request, |response| {
                // Old servers ignore the range.
                listed(&response, |name| name.starts_with(prefix))
            })
            .await?;
        databases.sort();
        databases.dedup();
        Ok(databases)
    }

    /// Whether the server lists a database of that name.
    pub async fn lists(&self, database: &DatabaseName) -> Result<bool, Error> {
        let name = in_query(&document::quoted(database.plain()));
        let query = format!("startkey={name}&endkey={name}");
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let response = self.send(&request).await?;
        let found = listed(&response, |name| name == database.plain())?;
        Ok(!found.is_empty())
    }

    /// Whether a database exists.
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

    /// Creates a database; one that is there already is as good.
    pub async fn create_database(&self, database: &DatabaseName) -> Result<(), Error> {
        let request = Request::write(Operation::CREATE_DATABASE, Method::PUT, "")
            .of(database)
            .at_most(LARGEST_STATUS);
        self.send_repeatedly(request, |response| match response.status {
            status if status.is_success() && has_field(&response, "ok") => Ok(()),
            StatusCode::PRECONDITION_FAILED => Ok(()),
            // Not CouchDB's words: asked again, it says that it is there, or makes it.
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

    /// Deletes a database with all that it holds; one that is not there is as good.
    ///
    /// # Errors
    /// No answer, or a refusal: any status but success and CouchDB's own 404.
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

/// The databases of an answer of `_all_dbs` that are wanted. Names are looked at one by one: a list of all of them would take
/// several times the answer.
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

/// Reads names; one more than [`MOST_DATABASES`] at most.
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

/// A text that borrows where it can: `Cow` of serde alone always copies.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A refusal that does not go away.
fn refused(operation: Operation, response: &Response) -> Error {
    let (_, line) = reason(response.status, &response.body);
    Error::new(Kind::BadRequest, operation, line)
}

/// Whether an answer is an object with this field: a page for people is none.
fn has_field(response: &Response, name: &str) -> bool {
    std::str::from_utf8(&response.body)
        .ok()
        .and_then(|text| Object::parse(text).ok())
        .is_some_and(|object| object.get(name).is_some())
}
