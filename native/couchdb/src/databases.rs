//! Databases as a whole: which there are, whether one is, and making one.

use reqwest::{Method, StatusCode};

use super::answer::{is_not_found, parsed, reason, unexpected};
use super::document::Object;
use super::error::{Error, Kind, Operation};
use super::name::DatabaseName;
use super::pages::in_query;
use super::request::{Request, Response};
use super::server::Server;

const LARGEST_LIST: usize = 256 << 20;

impl Server {
    /// The databases whose plain names start so, by name. Names that CouchDB itself would
    /// refuse are left out.
    pub async fn databases(&self, prefix: &str) -> Result<Vec<DatabaseName>, Error> {
        let end = format!("{prefix}\u{fff0}");
        let quoted = |text: &str| in_query(&super::document::quoted(text));
        let query = format!("startkey={}&endkey={}", quoted(prefix), quoted(&end));
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let names: Vec<String> = self
            .send_repeatedly(request, |response| {
                let (operation, what) = (Operation::LIST_DATABASES, "_all_dbs");
                if !response.status.is_success() {
                    return Err(unexpected(operation, &response, what, None));
                }
                parsed(operation, &response, what)
            })
            .await?;
        // Old servers ignore the range.
        let mut databases: Vec<DatabaseName> = names
            .iter()
            .filter(|name| name.starts_with(prefix))
            .filter_map(|name| DatabaseName::new(name))
            .collect();
        databases.sort();
        databases.dedup();
        Ok(databases)
    }

    /// Whether the server lists a database of that name.
    pub async fn lists(&self, database: &DatabaseName) -> Result<bool, Error> {
        let name = in_query(&super::document::quoted(database.plain()));
        let query = format!("startkey={name}&endkey={name}");
        let request = Request::read(Operation::LIST_DATABASES, Method::GET, "/_all_dbs")
            .query(&query)
            .at_most(LARGEST_LIST);
        let response = self.send(&request).await?;
        let names: Vec<String> = parsed(Operation::LIST_DATABASES, &response, "_all_dbs")?;
        Ok(names.iter().any(|name| name == database.plain()))
    }

    /// Whether a database exists.
    pub async fn exists(&self, database: &DatabaseName) -> Result<bool, Error> {
        let request = Request::read(Operation::OPEN_DOCS, Method::GET, "")
            .of(database)
            .at_most(LARGEST_LIST);
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
            .at_most(LARGEST_LIST);
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
