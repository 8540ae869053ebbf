//! Endpoints of the server itself.

use super::{App, HttpAnswer, Request};
use crate::auth::User;
use crate::json::Json;
use crate::random_id::random_id;
use crate::request_error::RequestError;

const VERSION: &str = "3.4.3";
const MAX_UUIDS: u64 = 1000;

pub(super) fn welcome(app: &App, request: &Request) -> Result<HttpAnswer, RequestError> {
    if request.method() != "GET" {
        return Err(RequestError::methods("GET,HEAD"));
    }
    let features = ["access-ready", "reshard", "pluggable-storage-engines"];
    Ok(HttpAnswer::json(
        200,
        &Json::object([
            ("couchdb", Json::str("Welcome")),
            ("version", Json::str(VERSION)),
            ("git_sha", Json::str("sandbox")),
            ("uuid", Json::str(app.uuid.as_str())),
            ("features", Json::Array(features.map(Json::str).to_vec())),
            (
                "vendor",
                Json::object([("name", Json::str("kazoo-numbers sandbox"))]),
            ),
        ]),
    ))
}

pub(super) fn up(request: &Request) -> Result<HttpAnswer, RequestError> {
    if request.method() != "GET" {
        return Err(RequestError::methods("GET,HEAD"));
    }
    let body = Json::object([("status", Json::str("ok")), ("seeds", Json::object([]))]);
    Ok(HttpAnswer::json(200, &body))
}

pub(super) fn uuids(request: &Request) -> Result<HttpAnswer, RequestError> {
    if request.method() != "GET" {
        return Err(RequestError::methods("GET"));
    }
    let count: u64 = match request.query("count") {
        Some(text) => text
            .parse()
            .map_err(|_| RequestError::bad_request("count must be a positive integer"))?,
        None => 1,
    };
    if count > MAX_UUIDS {
        return Err(RequestError::bad_request("count parameter too large"));
    }
    let uuids = (0..count).map(|_| Json::String(random_id())).collect();
    Ok(HttpAnswer::json(
        200,
        &Json::object([("uuids", Json::Array(uuids))]),
    ))
}

pub(super) fn active_tasks(request: &Request, user: &User) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(RequestError::methods("GET"));
    }
    // No operation of this server is long enough to be a task.
    Ok(HttpAnswer::json(200, &Json::Array(Vec::new())))
}

pub(super) fn membership(request: &Request, user: &User) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(RequestError::methods("GET"));
    }
    let nodes = || Json::Array(vec![Json::str("nonode@nohost")]);
    Ok(HttpAnswer::json(
        200,
        &Json::object([("all_nodes", nodes()), ("cluster_nodes", nodes())]),
    ))
}
