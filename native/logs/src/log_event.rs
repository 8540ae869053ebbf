//! Makes the event for Erlang from an event of `tracing` and the spans around it.

use tracing::{Event, Level};

use crate::event::LogEvent;
use crate::fields::Fields;
use crate::open_span::OpenSpan;

pub(crate) fn log_event(event: &Event<'_>, span: &OpenSpan) -> LogEvent {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let mut made = LogEvent {
        level: level(*event.metadata().level()),
        target: event.metadata().target(),
        line: String::new(),
        run: None,
        function: None,
        database: fields.get("database").map(str::to_owned),
    };
    let mut around = Vec::new();
    let mut next = Some(span);
    while let Some(span) = next {
        let fields = span.fields();
        match span.name {
            "session" => {}
            "run" => {
                made.run = fields.get("id").map(str::to_owned);
                made.function = fields.get("function").map(str::to_owned);
            }
            name => {
                if made.database.is_none() {
                    made.database = fields.get("database").map(str::to_owned);
                }
                around.push(format!("{name}{{{fields}}}"));
            }
        }
        next = span.parent.as_deref();
    }
    around.reverse();
    if !around.is_empty() {
        made.line = format!("{}: ", around.join(":"));
    }
    made.line += &fields.message;
    let values = fields.to_string();
    if !values.is_empty() {
        made.line.push(' ');
        made.line += &values;
    }
    made
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
