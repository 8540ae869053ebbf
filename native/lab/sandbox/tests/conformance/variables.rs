//! Placeholders: values for requests, bound by answers.

use crate::json::Value;
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{\{(\w+)(?::([^{}]*))?\}\}").unwrap());

/// The variables of one run of a scenario.
#[derive(Clone)]
pub(crate) struct Variables {
    fixed: HashMap<&'static str, String>,
    bound: HashMap<(String, String), Value>,
}

/// `{{kind:name}}`, if it is the whole text.
pub(crate) fn whole(text: &str) -> Option<(&str, Option<&str>)> {
    let found = PLACEHOLDER.captures(text)?;
    (found.get(0)?.as_str() == text).then(|| {
        (
            found.get(1).unwrap().as_str(),
            found.get(2).map(|name| name.as_str()),
        )
    })
}

fn generation(name: &str) -> &str {
    name.rsplit('#').next().unwrap()
}

fn pattern(kind: &str, name: &str) -> Option<String> {
    match kind {
        "rev" => Some(format!(
            "{}-[0-9a-f]{{32}}",
            regex::escape(generation(name))
        )),
        "hash" | "uuid" => Some("[0-9a-f]{32}".into()),
        _ => None,
    }
}

impl Variables {
    pub(crate) fn new(fixed: HashMap<&'static str, String>) -> Self {
        Self {
            fixed,
            bound: HashMap::new(),
        }
    }

    fn key(kind: &str, name: &str) -> (String, String) {
        let kind = if kind == "hash" { "rev" } else { kind };
        (kind.into(), name.into())
    }

    fn lookup(&self, kind: &str, name: Option<&str>) -> Option<Value> {
        let Some(name) = name else {
            return self.fixed.get(kind).map(|text| Value::Text(text.clone()));
        };
        let value = self.bound.get(&Self::key(kind, name))?.clone();
        if kind != "hash" {
            return Some(value);
        }
        let hash = value.text()?.split_once('-')?.1.to_owned();
        Some(Value::Text(hash))
    }

    pub(crate) fn bind(&mut self, kind: &str, name: &str, value: Value) {
        let value = match (kind, value) {
            ("hash", Value::Text(hash)) => Value::Text(format!("{}-{hash}", generation(name))),
            (_, value) => value,
        };
        self.bound.insert(Self::key(kind, name), value);
    }

    /// Replaces the placeholders in a request.
    pub(crate) fn fill(&self, text: &str, escape: fn(&str) -> String) -> Result<String, String> {
        let mut out = String::new();
        let mut last = 0;
        for found in PLACEHOLDER.captures_iter(text) {
            let place = found.get(0).unwrap();
            out.push_str(&text[last..place.start()]);
            last = place.end();
            let (kind, name) = (&found[1], found.get(2).map(|name| name.as_str()));
            if kind == "pad" {
                out.push_str(&"x".repeat(name.unwrap().parse().unwrap()));
                continue;
            }
            match self.lookup(kind, name) {
                Some(Value::Text(value) | Value::Number(value)) => out.push_str(&escape(&value)),
                _ => return Err(format!("{} was never bound", place.as_str())),
            }
        }
        out.push_str(&text[last..]);
        Ok(out)
    }

    pub(crate) fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Text(text) => match whole(text) {
                // It may be a number.
                Some(("opaque", name)) => self
                    .lookup("opaque", name)
                    .ok_or_else(|| format!("{text} was never bound"))?,
                _ => Value::Text(self.fill(text, str::to_owned)?),
            },
            Value::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.fill_value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        Ok((self.fill(name, str::to_owned)?, self.fill_value(value)?))
                    })
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Whether a text matches the expected one. Binds variables at their first occurrence.
    pub(crate) fn matches(&mut self, expected: &str, actual: &str) -> bool {
        if !expected.contains("{{") {
            return expected == actual;
        }
        let mut regex = String::from("^(?s:");
        let mut groups: Vec<(String, String)> = Vec::new();
        let mut last = 0;
        for found in PLACEHOLDER.captures_iter(expected) {
            let place = found.get(0).unwrap();
            regex.push_str(&regex::escape(&expected[last..place.start()]));
            last = place.end();
            let (kind, name) = (&found[1], found.get(2).map(|name| name.as_str()));
            match (
                self.lookup(kind, name),
                name.and_then(|name| pattern(kind, name)),
            ) {
                (Some(Value::Text(value) | Value::Number(value)), _) => {
                    regex.push_str(&regex::escape(&value));
                }
                (_, Some(pattern)) => {
                    regex.push_str(&format!("({pattern})"));
                    groups.push((kind.into(), name.unwrap().into()));
                }
                _ => regex.push_str(&regex::escape(place.as_str())),
            }
        }
        regex.push_str(&regex::escape(&expected[last..]));
        regex.push_str(")$");
        let Some(found) = Regex::new(&regex).unwrap().captures(actual) else {
            return false;
        };
        // A name that occurs twice in a text must have the same value.
        for (index, (kind, name)) in groups.iter().enumerate() {
            let text = Value::Text(found[index + 1].to_owned());
            match self.lookup(kind, Some(name)) {
                Some(bound) if bound != text => return false,
                _ => self.bind(kind, name, text),
            }
        }
        true
    }
}
