//! Write permissions: administrators write design documents, and `validate_doc_update` functions
//! check all other documents.

use crate::document::DocumentEdit;
use crate::json::{self, Json};
use crate::render;
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::store::{Body, Database, StoreError, Writer};
use crate::views::design;
use crate::views::engine::Engine;
use std::ops::Bound;

/// The user on whose behalf a request writes.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) name: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) db_admin: bool,
}

impl Author {
    pub(crate) fn may_design(&self, edit: &DocumentEdit) -> Result<(), RequestError> {
        if !self.db_admin {
            return Err(RequestError::forbidden("You are not a db or server admin."));
        }
        if edit.deleted {
            return Ok(());
        }
        design::check(&fields(&edit.fields)?)
    }

    fn context(&self, db: &Database) -> Json {
        Json::object([
            ("db", Json::str(db.name.as_str())),
            ("name", self.name.as_ref().map_or(Json::Null, Json::str)),
            (
                "roles",
                Json::Array(self.roles.iter().map(Json::str).collect()),
            ),
        ])
    }
}

fn fields(text: &str) -> Result<Json, StoreError> {
    json::parse(format!("{{{text}}}").as_bytes()).map_err(|_| StoreError::Damaged)
}

/// The `validate_doc_update` functions of one database.
pub(crate) struct Validators {
    engine: Option<Engine>,
    functions: Vec<String>,
}

impl Validators {
    /// Loads the functions of all design documents.
    pub(crate) fn load(writer: &Writer<'_>, db: &Database) -> Result<Self, RequestError> {
        let designs = (Bound::Included("_design/"), Bound::Excluded("_design0"));
        let mut validators = Self {
            engine: None,
            functions: Vec::new(),
        };
        for (id, text) in writer.live_fields(db.number, designs)? {
            if !text.contains("\"validate_doc_update\"") {
                continue;
            }
            let document = fields(&text)?;
            if let Some(source) = document.get("validate_doc_update").and_then(Json::as_str) {
                let engine = match validators.engine.take() {
                    Some(engine) => engine,
                    None => Engine::new()?,
                };
                engine.define(&id, source)?;
                validators.functions.push(id);
                validators.engine = Some(engine);
            }
        }
        Ok(validators)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// Runs each function on a document that will replace `old`.
    pub(crate) fn validate(
        &self,
        id: &str,
        edit: &DocumentEdit,
        old: Option<(&Body, &Rev)>,
        author: &Author,
        db: &Database,
    ) -> Result<(), RequestError> {
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        let mut new = String::new();
        let rev = edit.rev.as_ref().map(Rev::to_string).unwrap_or_default();
        render::write_plain(&mut new, id, &rev, edit.deleted, &edit.fields, "");
        let old = match old {
            Some((body, rev)) => {
                let mut text = String::new();
                let rev = rev.to_string();
                render::write_plain(&mut text, id, &rev, false, &body.fields, &body.stubs);
                parsed(&text)?
            }
            None => Json::Null,
        };
        let mut new = parsed(&new)?;
        if let (None, Json::Object(members)) = (&edit.rev, &mut new) {
            members.retain(|(name, _)| name != "_rev");
        }
        let context = author.context(db);
        let arguments = Json::Array(vec![new, old, context, db.security.clone()]);
        for function in &self.functions {
            refused(&engine.refusal(function, &arguments)?)?;
        }
        Ok(())
    }
}

fn parsed(text: &str) -> Result<Json, StoreError> {
    json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)
}

/// `{forbidden: …}` and `{unauthorized: …}` are refusals. Any other thrown value is a refusal as
/// well.
fn refused(thrown: &Json) -> Result<(), RequestError> {
    if *thrown == Json::Null {
        return Ok(());
    }
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_text(), str::to_owned)
    };
    let object = thrown.get("thrown").unwrap_or(thrown);
    if let Some(reason) = object.get("forbidden") {
        return Err(RequestError::forbidden(text(reason)));
    }
    if let Some(reason) = object.get("unauthorized") {
        return Err(RequestError::unauthorized(text(reason)));
    }
    let reason = object.get("reason").unwrap_or(object);
    Err(RequestError::forbidden(text(reason)))
}
