//! Design documents: validation, and the parts that define an index.

use super::engine::Engine;
use crate::json::Json;
use crate::request_error::RequestError;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

const JAVASCRIPT: &str = "javascript";

/// The most cached names of functions that compile.
const MAX_CACHED: usize = 1000;

/// A reduce function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reducer {
    Sum,
    Count,
    Stats,
    CountDistinct,
    JavaScript(String),
}

impl Reducer {
    fn parse(source: &str) -> Option<Self> {
        let source = source.trim();
        match source {
            "_sum" => Some(Reducer::Sum),
            "_count" => Some(Reducer::Count),
            "_stats" => Some(Reducer::Stats),
            "_approx_count_distinct" => Some(Reducer::CountDistinct),
            _ if source.starts_with('_') => None,
            _ => Some(Reducer::JavaScript(source.to_owned())),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ViewDefinition {
    pub(crate) name: String,
    pub(crate) map: String,
    pub(crate) reduce: Option<Reducer>,
}

/// The views of one design document, which share an index.
#[derive(Debug, Clone)]
pub(crate) struct Design {
    /// Equal for equal views, whatever else the document holds.
    pub(crate) signature: String,
    pub(crate) views: Vec<ViewDefinition>,
    pub(crate) document: Json,
    pub(crate) include_design: bool,
    pub(crate) local_seq: bool,
    pub(crate) is_javascript: bool,
}

impl Design {
    pub(crate) fn new(document: Json) -> Self {
        let option = |name| {
            let options = document.get("options");
            options
                .and_then(|all| all.get(name))
                .is_some_and(Json::is_true)
        };
        let mut views = Vec::new();
        let fields = document.get("views").and_then(Json::as_object);
        for (name, view) in fields.unwrap_or_default() {
            if let Some(map) = view.get("map").and_then(Json::as_str) {
                let reduce = view.get("reduce").and_then(Json::as_str);
                views.push(ViewDefinition {
                    name: name.clone(),
                    map: map.to_owned(),
                    reduce: reduce.and_then(Reducer::parse),
                });
            }
        }
        Self {
            signature: signature(&document),
            views,
            include_design: option("include_design"),
            local_seq: option("local_seq"),
            is_javascript: is_javascript(&document),
            document,
        }
    }

    pub(crate) fn view(&self, name: &str) -> Option<(usize, &ViewDefinition)> {
        self.views
            .iter()
            .enumerate()
            .find(|(_, view)| view.name == name)
    }
}

fn is_javascript(document: &Json) -> bool {
    let language = document.get("language").and_then(Json::as_str);
    language.is_none_or(|language| language == JAVASCRIPT)
}

fn signature(document: &Json) -> String {
    let mut md5 = Md5::new();
    for field in ["language", "options", "views"] {
        md5.update(document.get(field).unwrap_or(&Json::Null).to_text());
        md5.update([0]);
    }
    HEXLOWER.encode(&md5.finalize())
}

fn invalid(reason: String) -> RequestError {
    RequestError::new(400, "invalid_design_doc", reason)
}

/// Refuses an invalid design document as CouchDB does.
pub(crate) fn check(document: &Json) -> Result<(), RequestError> {
    let of_type = |name: &str, value: Option<&Json>, is: fn(&Json) -> bool, kind: &str| match value
    {
        Some(value) if !is(value) => Err(invalid(format!("`{name}` field must have {kind} type"))),
        _ => Ok(()),
    };
    let is_object = |value: &Json| value.as_object().is_some();
    let is_string = |value: &Json| value.as_str().is_some();
    for name in ["language", "validate_doc_update"] {
        of_type(name, document.get(name), is_string, "string")?;
    }
    for name in ["views", "options", "filters", "lists", "shows", "updates"] {
        of_type(name, document.get(name), is_object, "object")?;
    }
    if !is_javascript(document) {
        return Ok(());
    }
    let views = document.get("views").and_then(Json::as_object);
    let views = views.unwrap_or_default();
    for (name, view) in views {
        of_type(&format!("views.{name}"), Some(view), is_object, "object")?;
        if name == "lib" {
            continue;
        }
        let (map, reduce) = (view.get("map"), view.get("reduce"));
        of_type(&format!("views.{name}.map"), map, is_string, "string")?;
        of_type(&format!("views.{name}.reduce"), reduce, is_string, "string")?;
        if map.is_none() {
            return Err(invalid(format!("View `{name}` must contain map function")));
        }
    }
    check_functions(document, views)
}

/// The cache of functions that compile. The same few design documents are written to every
/// database, and starting an engine takes longer than writing them.
fn compiled() -> MutexGuard<'static, HashSet<String>> {
    static COMPILED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    COMPILED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_functions(document: &Json, views: &[(String, Json)]) -> Result<(), RequestError> {
    let guard = document.get("validate_doc_update").and_then(Json::as_str);
    if views.is_empty() && guard.is_none() {
        return Ok(());
    }
    let mut engine = None;
    let mut compiles = |kind: &str, name: &str, source: &str| -> Result<(), RequestError> {
        if compiled().contains(source) {
            return Ok(());
        }
        let engine = match &mut engine {
            Some(engine) => engine,
            none => none.insert(
                Engine::new()
                    .map_err(|error| RequestError::new(500, "os_process_error", error.0))?,
            ),
        };
        engine.define("checked", source).map_err(|error| {
            let reason =
                format!("Compilation of the {kind} function in the '{name}' view failed: {error}");
            RequestError::new(400, "compilation_error", reason)
        })?;
        let mut compiled = compiled();
        if compiled.len() < MAX_CACHED {
            compiled.insert(source.to_owned());
        }
        Ok(())
    };
    for (name, view) in views.iter().filter(|(name, _)| name != "lib") {
        if let Some(map) = view.get("map").and_then(Json::as_str) {
            compiles("map", name, map)?;
        }
        if let Some(reduce) = view.get("reduce").and_then(Json::as_str) {
            match Reducer::parse(reduce) {
                None => {
                    return Err(invalid(format!(
                        "`{reduce}` is not a supported reduce function."
                    )));
                }
                Some(Reducer::JavaScript(source)) => compiles("reduce", name, &source)?,
                Some(_) => {}
            }
        }
    }
    Ok(())
}
