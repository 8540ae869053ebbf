//! What clients call and need not wait for.

use super::{Answer, App, Request, view};
use crate::access;
use crate::auth::User;
use crate::failure::Failure;
use crate::json::Json;
use crate::store::{Database, StoreError};
use std::ops::Bound;

fn only_post(request: &Request) -> Result<(), Failure> {
    if request.method() == "POST" {
        Ok(())
    } else {
        Err(Failure::methods("POST"))
    }
}

pub(super) fn ensure_full_commit(request: &Request, db: &Database) -> Result<Answer, Failure> {
    only_post(request)?;
    request.must_declare_json()?;
    let body = Json::object([
        ("ok", Json::Bool(true)),
        ("instance_start_time", Json::String(db.created.to_string())),
    ]);
    Ok(Answer::json(201, &body))
}

/// Drops the bodies of old revisions at once; the views of a design document need nothing.
pub(super) fn compact(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<Answer, Failure> {
    only_post(request)?;
    access::must_be_db_admin(db, user)?;
    request.must_declare_json()?;
    if request.path.len() > 2 {
        let id = format!("_design/{}", request.part(2));
        let live = app
            .store
            .reader()?
            .look(db.number, &id, |doc| !doc.deleted)?;
        return match live {
            Some(true) => Ok(Answer::ok(202)),
            _ => Err(Failure::missing()),
        };
    }
    app.store
        .write::<_, Failure>(|writer| Ok(writer.compact(db.number)?))?;
    Ok(Answer::ok(202))
}

/// Drops the indexes whose views no design document has any more.
pub(super) fn view_cleanup(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<Answer, Failure> {
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
    Ok(Answer::ok(202))
}

pub(super) fn revs_limit(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<Answer, Failure> {
    match request.method() {
        "GET" => Ok(Answer::json(200, &Json::int(db.revs_limit))),
        "PUT" => {
            access::must_be_db_admin(db, user)?;
            let limit = request.json()?.as_u64().filter(|limit| *limit > 0);
            let limit = limit
                .ok_or_else(|| Failure::bad_request("`revs_limit` must be a positive integer"))?;
            app.store.write::<_, Failure>(|writer| {
                let mut db = writer
                    .database(&db.name)?
                    .ok_or_else(Failure::no_database)?;
                db.revs_limit = limit;
                Ok(writer.put_database(&db)?)
            })?;
            Ok(Answer::ok(200))
        }
        _ => Err(Failure::methods("PUT,GET")),
    }
}

pub(super) fn purged_infos_limit(request: &Request) -> Result<Answer, Failure> {
    match request.method() {
        "GET" => Ok(Answer::json(200, &Json::int(1000))),
        "PUT" => Ok(Answer::ok(200)),
        _ => Err(Failure::methods("PUT,GET")),
    }
}

pub(super) fn shards(request: &Request, db: &Database) -> Result<Answer, Failure> {
    if request.method() != "GET" {
        return Err(Failure::methods("GET"));
    }
    let width = (1u64 << 32) / db.shards.max(1);
    let shards = (0..db.shards).map(|shard| {
        let range = format!("{:08x}-{:08x}", shard * width, (shard + 1) * width - 1);
        let nodes = Json::Array(vec![Json::str("nonode@nohost")]);
        (range, nodes)
    });
    let shards = Json::Object(shards.collect());
    Ok(Answer::json(200, &Json::object([("shards", shards)])))
}
