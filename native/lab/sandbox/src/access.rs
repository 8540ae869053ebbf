//! `_security`: members and administrators of a database.

use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;
use crate::store::Database;
use crate::validation::Author;

fn lists<'a>(group: &'a Json, kind: &str) -> &'a [Json] {
    group.get(kind).and_then(Json::as_array).unwrap_or_default()
}

fn names(group: &Json, user: &User) -> bool {
    let has = |kind, text: &str| {
        lists(group, kind)
            .iter()
            .any(|entry| entry.as_str() == Some(text))
    };
    user.name.as_deref().is_some_and(|name| has("names", name))
        || user.roles.iter().any(|role| has("roles", role))
}

pub(crate) fn is_db_admin(db: &Database, user: &User) -> bool {
    user.is_admin()
        || db
            .security
            .get("admins")
            .is_some_and(|group| names(group, user))
}

/// Requires a member of the database. Without a list of members everybody is one.
pub(crate) fn must_be_member(db: &Database, user: &User) -> Result<(), RequestError> {
    let open = db
        .security
        .get("members")
        .is_none_or(|group| lists(group, "names").is_empty() && lists(group, "roles").is_empty());
    let named = db
        .security
        .get("members")
        .is_some_and(|group| names(group, user));
    if open || named || is_db_admin(db, user) {
        return Ok(());
    }
    Err(if user.name.is_some() {
        RequestError::forbidden("You are not allowed to access this db.")
    } else {
        RequestError::unauthorized("You are not authorized to access this db.")
    })
}

pub(crate) fn must_be_db_admin(db: &Database, user: &User) -> Result<(), RequestError> {
    if is_db_admin(db, user) {
        Ok(())
    } else {
        Err(RequestError::unauthorized(
            "You are not a server or db admin.",
        ))
    }
}

pub(crate) fn author(db: &Database, user: &User) -> Author {
    Author {
        name: user.name.clone(),
        roles: user.roles.clone(),
        db_admin: is_db_admin(db, user),
    }
}
