//! Endpoints for replicators (`_revs_diff`, `_missing_revs`), and `_purge`.

use super::{App, HttpAnswer, Request};
use crate::access;
use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::revtree::RevTree;
use crate::store::Database;

type RequestedRevs = Vec<(String, Vec<Rev>)>;

fn revs_by_id(request: &Request) -> Result<RequestedRevs, RequestError> {
    if request.method() != "POST" {
        return Err(RequestError::methods("POST"));
    }
    let body = request.json_object()?;
    let mut wanted = Vec::new();
    for (id, revs) in body.as_object().unwrap_or_default() {
        let revs = revs
            .as_array()
            .ok_or_else(|| RequestError::bad_request("Invalid list of revisions"))?
            .iter()
            .map(|rev| Ok(Rev::parse(rev.as_str().unwrap_or_default())?))
            .collect::<Result<_, RequestError>>()?;
        wanted.push((id.clone(), revs));
    }
    Ok(wanted)
}

fn texts(revs: &[Rev]) -> Json {
    Json::Array(
        revs.iter()
            .map(|rev| Json::String(rev.to_string()))
            .collect(),
    )
}

/// The missing revisions of each document that misses some, with its tree.
fn missing(
    app: &App,
    db: &Database,
    wanted: RequestedRevs,
) -> Result<Vec<(String, Vec<Rev>, RevTree)>, RequestError> {
    let reader = app.store.reader()?;
    let mut lacking = Vec::new();
    for (id, mut revs) in wanted {
        let tree = match reader.doc(db.number, &id)? {
            Some(record) => record.tree,
            None => RevTree::default(),
        };
        revs.retain(|rev| tree.find(rev).is_none());
        if !revs.is_empty() {
            lacking.push((id, revs, tree));
        }
    }
    Ok(lacking)
}

pub(super) fn revs_diff(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    let wanted = revs_by_id(request)?;
    let rows = missing(app, db, wanted)?
        .into_iter()
        .map(|(id, revs, tree)| {
            let newest = revs.iter().map(|rev| rev.generation).max().unwrap_or(0);
            let ancestors: Vec<Rev> = tree
                .leaves()
                .into_iter()
                .filter(|leaf| leaf.rev.generation < newest)
                .map(|leaf| leaf.rev.clone())
                .collect();
            let mut row = vec![("missing".to_owned(), texts(&revs))];
            if !ancestors.is_empty() {
                row.push(("possible_ancestors".to_owned(), texts(&ancestors)));
            }
            (id, Json::Object(row))
        });
    Ok(HttpAnswer::json(200, &Json::Object(rows.collect())))
}

pub(super) fn missing_revs(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    let wanted = revs_by_id(request)?;
    let rows = missing(app, db, wanted)?
        .into_iter()
        .map(|(id, revs, _)| (id, texts(&revs)));
    let rows = Json::Object(rows.collect());
    Ok(HttpAnswer::json(
        200,
        &Json::object([("missing_revs", rows)]),
    ))
}

pub(super) fn purge(
    app: &App,
    request: &Request,
    db: &Database,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    let wanted = revs_by_id(request)?;
    access::must_be_db_admin(db, user)?;
    let purged = app.store.write::<_, RequestError>(|writer| {
        let mut purged = Vec::with_capacity(wanted.len());
        for (id, revs) in &wanted {
            let gone = writer.purge(db.number, id, revs)?;
            purged.push((id.clone(), texts(&gone)));
        }
        Ok(purged)
    })?;
    let body = Json::object([("purge_seq", Json::Null), ("purged", Json::Object(purged))]);
    Ok(HttpAnswer::json(201, &body))
}
