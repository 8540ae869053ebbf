//! The schema of JSON output, docs/events.schema.json.

use std::path::Path;

use serde_json::Value;

use crate::support::ProgramRun;

/// Validates lines of JSON output.
pub struct Schema {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    pub fn new() -> Self {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/");
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        for name in ["events.schema.json", "report.schema.json"] {
            let path = format!("{docs}{name}");
            let text = std::fs::read_to_string(Path::new(&path)).unwrap();
            let schema = serde_json::from_str(&text).unwrap();
            compiler.add_resource(&path, schema).unwrap();
        }
        let path = format!("{docs}events.schema.json");
        let index = compiler.compile(&path, &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// Checks a line, and returns the event.
    pub fn event(&self, line: &str) -> Value {
        let event: Value = serde_json::from_str(line).unwrap();
        let error = self.schemas.validate(&event, self.index).err();
        assert!(error.is_none(), "{line}: {}", error.unwrap());
        event
    }

    /// Checks each line, and returns the names of the events.
    pub fn check(&self, ran: &ProgramRun) -> Vec<String> {
        let mut names = Vec::new();
        for line in ran.out.lines() {
            let event = self.event(line);
            names.push(event["event"].as_str().unwrap().to_owned());
        }
        assert_eq!(names.last().map(String::as_str), Some("result"));
        names
    }
}
