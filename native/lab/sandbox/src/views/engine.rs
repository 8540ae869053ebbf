//! JavaScript: QuickJS, the engine of CouchDB.
//!
//! Each task gets a new engine. That takes one millisecond and isolates the functions of databases
//! from each other.

use crate::json::{self, Json};
use rquickjs::{CatchResultExt as _, CaughtError, Context, Ctx, FromJs, Function, Object, Runtime};
use std::time::{Duration, Instant};

const PRELUDE: &str = include_str!("prelude.js");

/// The time limit of one call: CouchDB's `os_process_timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);
const MEMORY: usize = 256 << 20;
const STACK: usize = 512 << 10;

/// The engine or a function failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsError(pub(crate) String);

impl From<rquickjs::Error> for JsError {
    fn from(error: rquickjs::Error) -> Self {
        JsError(error.to_string())
    }
}

/// The key and value pairs that each map function emitted for one document.
pub(crate) type Emitted = Vec<Vec<(Json, Json)>>;

pub(crate) struct Engine {
    runtime: Runtime,
    context: Context,
}

impl Engine {
    pub(crate) fn new() -> Result<Self, JsError> {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(MEMORY);
        runtime.set_max_stack_size(STACK);
        let context = Context::full(&runtime)?;
        let engine = Self { runtime, context };
        engine.run(|ctx| ctx.eval::<(), _>(PRELUDE))?;
        Ok(engine)
    }

    fn run<T>(
        &self,
        work: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<T>,
    ) -> Result<T, JsError> {
        let until = Instant::now() + TIMEOUT;
        self.runtime
            .set_interrupt_handler(Some(Box::new(move || Instant::now() > until)));
        self.context.with(|ctx| {
            work(&ctx)
                .catch(&ctx)
                .map_err(|caught| JsError(shown(&caught)))
        })
    }

    fn call<T: for<'js> FromJs<'js>>(
        &self,
        name: &str,
        (first, second): (&str, &str),
    ) -> Result<T, JsError> {
        self.run(|ctx| {
            let sandbox: Object = ctx.globals().get("sandbox")?;
            let function: Function = sandbox.get(name)?;
            function.call((first, second))
        })
    }

    /// Sets the design document for `require`.
    pub(crate) fn set_library(&self, design: &Json) -> Result<(), JsError> {
        self.call("library", (&design.to_text(), ""))
    }

    /// Compiles a function and stores it under a name.
    pub(crate) fn define(&self, name: &str, source: &str) -> Result<(), JsError> {
        let source = source.trim().trim_end_matches(';');
        self.call("define", (name, source))
    }

    /// Runs the map functions `m0`, `m1`, … on a document.
    pub(crate) fn map(&self, functions: usize, document: &str) -> Result<Emitted, JsError> {
        let text: String = self.call("map", (&functions.to_string(), document))?;
        let rows = read(&text)?;
        let rows = rows.as_array().unwrap_or_default().iter().map(|rows| {
            let rows = rows.as_array().unwrap_or_default().iter();
            rows.filter_map(|row| match row.as_array() {
                Some([key, value]) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect()
        });
        Ok(rows.collect())
    }

    /// Calls a function and returns its result.
    pub(crate) fn result(&self, name: &str, arguments: &Json) -> Result<Json, JsError> {
        let text: String = self.call("call", (name, &arguments.to_text()))?;
        read(&text)
    }

    /// Calls a validation function and returns the value that it throws, or null.
    pub(crate) fn refusal(&self, name: &str, arguments: &Json) -> Result<Json, JsError> {
        let text: String = self.call("refusal", (name, &arguments.to_text()))?;
        read(&text)
    }
}

fn read(text: &str) -> Result<Json, JsError> {
    json::parse(text.as_bytes()).map_err(|error| JsError(error.to_string()))
}

fn shown(caught: &CaughtError<'_>) -> String {
    match caught {
        CaughtError::Exception(exception) => {
            let object = exception.as_object();
            let name: String = object.get("name").unwrap_or_else(|_| "Error".to_owned());
            format!("{name}: {}", exception.message().unwrap_or_default())
        }
        CaughtError::Value(value) => format!("{value:?}"),
        CaughtError::Error(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(function: &str, document: &str) -> Result<String, JsError> {
        let engine = Engine::new()?;
        engine.define("m0", function)?;
        let rows = engine.map(1, document)?;
        let rows = rows[0]
            .iter()
            .map(|(key, value)| Json::Array(vec![key.clone(), value.clone()]));
        Ok(Json::Array(rows.collect()).to_text())
    }

    #[test]
    fn emitted_rows_are_converted_to_json() {
        let rows = mapped(
            "function (doc) { emit(); emit(NaN, [undefined]); emit(doc.n, 1e21); };",
            r#"{"n":12345678901234567890}"#,
        );
        assert_eq!(
            rows.unwrap(),
            "[[null,null],[null,[null]],[12345678901234567000,1e+21]]"
        );
    }

    #[test]
    fn failed_map_function_emits_nothing() {
        let rows = mapped("function (doc) { emit(1); throw 'no'; }", "{}");
        assert_eq!(rows.unwrap(), "[]");
    }

    #[test]
    fn source_that_is_not_a_function_is_refused() {
        for source in [
            "function (doc) { emit(",
            "1 + 1",
            "not a function",
            "for each (x in y) {}",
        ] {
            assert!(mapped(source, "{}").is_err(), "{source}");
        }
    }

    #[test]
    fn documents_are_read_only() {
        let rows = mapped(
            "function (doc) { doc.a.b = 2; emit(doc.a.b); }",
            r#"{"a":{"b":1}}"#,
        );
        assert_eq!(rows.unwrap(), "[[1,null]]");
    }

    #[test]
    fn endless_recursion_fails() {
        let rows = mapped("function f(doc) { f(doc); }", "{}");
        assert_eq!(rows.unwrap(), "[]");
    }
}
