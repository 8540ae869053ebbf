//! Creates, describes, lists and deletes databases, and their `_security`.

use super::options::RowOptions;
use super::{App, HttpAnswer, Request, documents, request};
use crate::access;
use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;
use crate::store::{Database, Reader, StoreError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest file name minus the suffix that CouchDB appends.
const MAX_NAME: usize = 238;
/// The system databases.
pub(crate) const SYSTEM: [&str; 3] = ["_users", "_replicator", "_global_changes"];

pub(super) fn database(
    app: &App,
    request: &Request,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let name = request.part(0);
    match request.method() {
        "PUT" => create(app, request, user, name),
        "DELETE" => delete(app, request, user, name),
        method => {
            let db = app.database(name)?;
            access::must_be_member(&db, user)?;
            match method {
                "GET" => Ok(HttpAnswer::json(200, &info(&app.store.reader()?, &db)?)),
                "POST" => documents::post(app, request, &db, user),
                _ => Err(RequestError::methods("DELETE,GET,HEAD,POST")),
            }
        }
    }
}

fn create(
    app: &App,
    request: &Request,
    user: &User,
    name: &str,
) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    check_name(name)?;
    let shards = match request.query("q") {
        None => 1,
        Some(text) => text.parse().ok().filter(|q| *q > 0).ok_or_else(|| {
            RequestError::bad_request("The `q` value should be a positive integer.")
        })?,
    };
    app.store.write::<_, RequestError>(|writer| {
        if writer.database(name)?.is_some() {
            return Err(RequestError::new(
                412,
                "file_exists",
                "The database could not be created, the file already exists.",
            ));
        }
        writer.create_database(name, now(), shards)?;
        Ok(())
    })?;
    let location = format!("{}/{}", request.base(), request::escape(name));
    Ok(HttpAnswer::ok(201).with("location", location))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|time| time.as_secs())
        .unwrap_or_default()
}

fn check_name(name: &str) -> Result<(), RequestError> {
    let mut characters = name.chars();
    let legal = characters.next().is_some_and(|c| c.is_ascii_lowercase())
        && characters
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_$()+-/".contains(c));
    if !legal && !SYSTEM.contains(&name) {
        return Err(RequestError::new(
            400,
            "illegal_database_name",
            format!(
                "Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the \
                 characters _, $, (, ), +, -, and / are allowed. Must begin with a letter."
            ),
        ));
    }
    if name.split('/').any(|part| part.len() > MAX_NAME) {
        return Err(RequestError::new(
            400,
            "database_name_too_long",
            format!("At least one path segment of `{name}` is too long."),
        ));
    }
    Ok(())
}

fn delete(
    app: &App,
    request: &Request,
    user: &User,
    name: &str,
) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    if request.query("rev").is_some() {
        return Err(RequestError::bad_request(
            "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a \
             document instead?",
        ));
    }
    let number = app.store.write::<_, RequestError>(|writer| {
        let db = writer
            .database(name)?
            .ok_or_else(RequestError::no_database)?;
        writer.delete_database(&db)?;
        Ok(db.number)
    })?;
    app.indexes.forget_database(number);
    Ok(HttpAnswer::ok(200))
}

/// A sequence of a database. As in CouchDB, its text names the database, not only the number.
pub(super) fn sequence(db: u64, seq: u64) -> Json {
    Json::String(format!("{seq}-sandbox{db}"))
}

/// The number of a sequence in this database. CouchDB starts again at 0 after a sequence of another database. `None`: not a sequence.
pub(super) fn number_in_sequence(db: u64, text: &str) -> Option<u64> {
    let (number, of) = match text.split_once('-') {
        Some((number, of)) => (number, Some(of)),
        None => (text, None),
    };
    let number = number.parse().ok()?;
    let is_of_another = of.is_some_and(|of| of != format!("sandbox{db}"));
    Some(if is_of_another { 0 } else { number })
}

fn info(reader: &Reader, db: &Database) -> Result<Json, StoreError> {
    let counters = reader.counters(db.number)?;
    let sizes = Json::object([
        ("file", Json::int(0)),
        ("external", Json::int(0)),
        ("active", Json::int(0)),
    ]);
    let cluster = Json::object([
        ("q", Json::int(db.shards)),
        ("n", Json::int(1)),
        ("w", Json::int(1)),
        ("r", Json::int(1)),
    ]);
    Ok(Json::object([
        ("instance_start_time", Json::String(db.created.to_string())),
        ("db_name", Json::str(db.name.as_str())),
        ("purge_seq", sequence(db.number, counters.purge_seq)),
        ("update_seq", sequence(db.number, counters.update_seq)),
        ("sizes", sizes),
        ("props", Json::object([])),
        ("doc_del_count", Json::int(counters.deleted)),
        ("doc_count", Json::int(counters.documents)),
        ("disk_format_version", Json::int(8)),
        ("compact_running", Json::Bool(false)),
        ("cluster", cluster),
    ]))
}

pub(super) fn all_dbs(
    app: &App,
    request: &Request,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(RequestError::methods("GET,HEAD"));
    }
    let options = RowOptions::of_query(request)?;
    let names = chosen(app, &options)?;
    Ok(HttpAnswer::json(
        200,
        &Json::Array(names.into_iter().map(Json::String).collect()),
    ))
}

fn chosen(app: &App, options: &RowOptions) -> Result<Vec<String>, RequestError> {
    let mut names = app.store.reader()?.database_names()?;
    if options.descending {
        names.reverse();
    }
    let text = |key: &Option<Json>| key.as_ref().and_then(Json::as_str).map(str::to_owned);
    let (start, end) = (text(&options.start), text(&options.end));
    let before = |a: &str, b: &str| if options.descending { a > b } else { a < b };
    names.retain(|name| {
        start.as_ref().is_none_or(|start| !before(name, start))
            && end
                .as_ref()
                .is_none_or(|end| before(name, end) || (options.inclusive_end && name == end))
    });
    Ok(names
        .into_iter()
        .skip(options.skip())
        .take(options.limit())
        .collect())
}

pub(super) fn dbs_info(
    app: &App,
    request: &Request,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let names = match request.method() {
        "GET" => {
            user.must_be_admin()?;
            chosen(app, &RowOptions::of_query(request)?)?
        }
        "POST" => {
            let body = request.json_object()?;
            let keys = body
                .get("keys")
                .ok_or_else(|| RequestError::bad_request("`keys` member must exist."))?;
            let keys = keys
                .as_array()
                .ok_or_else(|| RequestError::bad_request("`keys` member must be an array."))?;
            keys.iter()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect()
        }
        _ => return Err(RequestError::methods("GET,HEAD,POST")),
    };
    let reader = app.store.reader()?;
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let found = reader
            .database(&name)?
            .filter(|db| access::must_be_member(db, user).is_ok());
        rows.push(match found {
            Some(db) => Json::object([("key", Json::String(name)), ("info", info(&reader, &db)?)]),
            None => Json::object([
                ("key", Json::String(name)),
                ("error", Json::str("not_found")),
            ]),
        });
    }
    Ok(HttpAnswer::json(200, &Json::Array(rows)))
}

/// The database that CouchDB keeps its feed of updates in.
const GLOBAL_CHANGES: &str = "_global_changes";

/// The databases that were created or changed, without delay. A deleted one is left out. The feed is there if its database is.
pub(super) fn db_updates(
    app: &App,
    request: &Request,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(RequestError::methods("GET,HEAD"));
    }
    let reader = app.store.reader()?;
    let feed = reader
        .database(GLOBAL_CHANGES)?
        .ok_or_else(RequestError::no_database)?;
    let last = reader.last_update()?;
    let since = match request.query("since") {
        None => 0,
        Some("now") => last,
        Some(text) => number_in_sequence(feed.number, text).ok_or_else(|| {
            RequestError::bad_request("Malformed sequence supplied in 'since' parameter.")
        })?,
    };
    let rows = reader
        .updated_after(since)?
        .into_iter()
        .map(|(update, name)| {
            Json::object([
                ("db_name", Json::String(name)),
                ("type", Json::str("updated")),
                ("seq", sequence(feed.number, update)),
            ])
        });
    let answer = Json::object([
        ("results", Json::Array(rows.collect())),
        ("last_seq", sequence(feed.number, last)),
    ]);
    Ok(HttpAnswer::json(200, &answer))
}

pub(super) fn security(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    match request.method() {
        "GET" => Ok(HttpAnswer::json(200, &db.security)),
        "PUT" => {
            access::must_be_db_admin(db, user)?;
            let security = request.json()?;
            if security.as_object().is_none() {
                return Err(RequestError::bad_request(
                    "Request body must be a JSON object",
                ));
            }
            app.store.write::<_, RequestError>(|writer| {
                let mut db = writer
                    .database(&db.name)?
                    .ok_or_else(RequestError::no_database)?;
                db.security = security;
                Ok(writer.put_database(&db)?)
            })?;
            Ok(HttpAnswer::ok(200))
        }
        _ => Err(RequestError::methods("PUT,GET")),
    }
}
