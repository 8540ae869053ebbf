//! The result of a command, as the Erlang term that `sup` prints and as JSON.

use kazoo_numbers::report::sanitise;
use kazoo_numbers::run::Returned;
use serde_json::{Value, json};

/// The last line of `sup`. None where `sup` prints no term.
pub(crate) fn term(returned: &Returned) -> Option<String> {
    match returned {
        Returned::Ok => Some("ok".to_owned()),
        Returned::NoReturn | Returned::Code(_) => None,
        Returned::Value(Ok(text)) => Some(format!("{{ok,{}}}", binary(text))),
        Returned::Value(Err(text)) => Some(format!("{{error,{}}}", binary(text))),
        Returned::App(Some(app)) => Some(binary(app)),
        Returned::App(None) => Some("undefined".to_owned()),
    }
}

/// The result as JSON.
pub(crate) fn value(returned: &Returned) -> Value {
    match returned {
        Returned::Ok => json!("ok"),
        Returned::NoReturn => json!("no_return"),
        Returned::Code(code) => json!({"no_return": code}),
        Returned::Value(Ok(text)) => json!({"ok": text}),
        Returned::Value(Err(text)) => json!({"error": text}),
        Returned::App(app) => json!({"app": app}),
    }
}

fn binary(text: &str) -> String {
    let mut shown = String::from("<<\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if sanitise::is_unsafe(c) => shown.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown.push_str(if text.is_ascii() { "\">>" } else { "\"/utf8>>" });
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_printed_as_erlang_does() {
        for (returned, shown) in [
            (Returned::Ok, Some("ok")),
            (Returned::NoReturn, None),
            (Returned::Code(2), None),
            (
                Returned::Value(Ok("+14155550100".into())),
                Some("{ok,<<\"+14155550100\">>}"),
            ),
            (
                Returned::Value(Err("a \"b\" \\ é".into())),
                Some("{error,<<\"a \\\"b\\\" \\\\ é\"/utf8>>}"),
            ),
            (Returned::App(Some("callflow")), Some("<<\"callflow\">>")),
            (Returned::App(None), Some("undefined")),
        ] {
            assert_eq!(term(&returned).as_deref(), shown);
        }
    }
}
