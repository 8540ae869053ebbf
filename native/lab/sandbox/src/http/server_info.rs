//! Endpoints of the server itself.

use super::{Answer, App, Request};
use crate::auth::User;
use crate::failure::Failure;
use crate::hex;
use crate::json::Json;

const VERSION: &str = "3.4.3";
const MAX_UUIDS: u64 = 1000;

pub(super) fn welcome(app: &App, request: &Request) -> Result<Answer, Failure> {
    if request.method() != "GET" {
        return Err(Failure::methods("GET,HEAD"));
    }
    let features = ["access-ready", "reshard", "pluggable-storage-engines"];
    Ok(Answer::json(
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

pub(super) fn up(request: &Request) -> Result<Answer, Failure> {
    if request.method() != "GET" {
        return Err(Failure::methods("GET,HEAD"));
    }
    let body = Json::object([("status", Json::str("ok")), ("seeds", Json::object([]))]);
    Ok(Answer::json(200, &body))
}

pub(super) fn uuids(request: &Request) -> Result<Answer, Failure> {
    if request.method() != "GET" {
        return Err(Failure::methods("GET"));
    }
    let count: u64 = match request.query("count") {
        Some(text) => text
            .parse()
            .map_err(|_| Failure::bad_request("count must be a positive integer"))?,
        None => 1,
    };
    if count > MAX_UUIDS {
        return Err(Failure::bad_request("count parameter too large"));
    }
    let uuids = (0..count).map(|_| Json::String(hex::uuid())).collect();
    Ok(Answer::json(
        200,
        &Json::object([("uuids", Json::Array(uuids))]),
    ))
}

pub(super) fn active_tasks(request: &Request, user: &User) -> Result<Answer, Failure> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(Failure::methods("GET"));
    }
    // Nothing here takes long enough to be called a task.
    Ok(Answer::json(200, &Json::Array(Vec::new())))
}

pub(super) fn membership(request: &Request, user: &User) -> Result<Answer, Failure> {
    user.must_be_admin()?;
    if request.method() != "GET" {
        return Err(Failure::methods("GET"));
    }
    let nodes = || Json::Array(vec![Json::str("nonode@nohost")]);
    Ok(Answer::json(
        200,
        &Json::object([("all_nodes", nodes()), ("cluster_nodes", nodes())]),
    ))
}
