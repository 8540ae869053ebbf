//! Maintenance endpoints, which finish immediately.

use super::{App, HttpAnswer, Request, view};
use crate::access;
use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;
use crate::store::{Database, StoreError};
use std::ops::Bound;

fn only_post(request: &Request) -> Result<(), RequestError> {
    if request.method() == "POST" {
        Ok(())
    } else {
        Err(RequestError::methods("POST"))
    }
}

pub(super) fn ensure_full_commit(
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    only_post(request)?;
    request.must_declare_json()?;
    let body = Json::object([
        ("ok", Json::Bool(true)),
        ("instance_start_time", Json::String(db.created.to_string())),
    ]);
    Ok(HttpAnswer::json(201, &body))
}

/// Removes the bodies of old revisions. Compacting views needs no action.
pub(super) fn compact(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    only_post(request)?;
    access::must_be_db_admin(db, user)?;
    request.must_declare_json()?;
    if request.path.len() > 2 {
        let id = format!("_design/{}", request.part(2));
        let live = app
            .store
            .reader()?
            .inspect(db.number, &id, |doc| !doc.deleted)?;
        return match live {
            Some(true) => Ok(HttpAnswer::ok(202)),
            _ => Err(RequestError::missing()),
        };
    }
    app.store
        .write::<_, RequestError>(|writer| Ok(writer.compact(db.number)?))?;
    Ok(HttpAnswer::ok(202))
}

/// Drops indexes whose views are in no design document.
pub(super) fn view_cleanup(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    only_post(request)?;
    access::must_be_db_admin(db, user)?;
    let reader = app.store.reader()?;
    let designs = (Bound::Included("_design/"), Bound::Excluded("_design0"));
    let mut signatures = Vec::new();
    for row in reader.docs(db.number, designs)? {
        let row = row.map_err(StoreError::from)?;
        if !row.view()?.deleted {
            signatures.push(view::design(&reader, db, row.id())?.signature);
        }
    }
    app.indexes.clean(db.number, &signatures);
    Ok(HttpAnswer::ok(202))
}

pub(super) fn revs_limit(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    match request.method() {
        "GET" => Ok(HttpAnswer::json(200, &Json::int(db.revs_limit))),
        "PUT" => {
            access::must_be_db_admin(db, user)?;
            let limit = request.json()?.as_u64().filter(|limit| *limit > 0);
            let limit = limit.ok_or_else(|| {
                RequestError::bad_request("`revs_limit` must be a positive integer")
            })?;
            app.store.write::<_, RequestError>(|writer| {
                let mut db = writer
                    .database(&db.name)?
                    .ok_or_else(RequestError::no_database)?;
                db.revs_limit = limit;
                Ok(writer.put_database(&db)?)
            })?;
            Ok(HttpAnswer::ok(200))
        }
        _ => Err(RequestError::methods("PUT,GET")),
    }
}

pub(super) fn purged_infos_limit(request: &Request) -> Result<HttpAnswer, RequestError> {
    match request.method() {
        "GET" => Ok(HttpAnswer::json(200, &Json::int(1000))),
        "PUT" => Ok(HttpAnswer::ok(200)),
        _ => Err(RequestError::methods("PUT,GET")),
    }
}

pub(super) fn shards(request: &Request, db: &Database) -> Result<HttpAnswer, RequestError> {
    if request.method() != "GET" {
        return Err(RequestError::methods("GET"));
    }
    let width = (1u64 << 32) / db.shards.max(1);
    let shards = (0..db.shards).map(|shard| {
        let range = format!("{:08x}-{:08x}", shard * width, (shard + 1) * width - 1);
        let nodes = Json::Array(vec![Json::str("nonode@nohost")]);
        (range, nodes)
    });
    let shards = Json::Object(shards.collect());
    Ok(HttpAnswer::json(200, &Json::object([("shards", shards)])))
}
