//! Compares an answer with the recorded one.

use crate::json::Value;
use crate::variables::{Variables, whole};

type Path = Vec<String>;

pub(crate) struct Comparison<'v> {
    variables: &'v mut Variables,
    ignore: Vec<Path>,
    unordered: Vec<Path>,
    pub(crate) mismatches: Vec<String>,
}

fn pointers(list: Option<&Value>) -> Vec<Path> {
    let list = list.map(Value::list).unwrap_or_default();
    list.iter()
        .map(|pointer| {
            let parts = pointer.text().unwrap().split('/').skip(1);
            parts
                .map(|part| part.replace("~1", "/").replace("~0", "~"))
                .collect()
        })
        .collect()
}

fn listed(path: &[String], pointers: &[Path]) -> bool {
    pointers.iter().any(|pointer| {
        pointer.len() == path.len()
            && pointer
                .iter()
                .zip(path)
                .all(|(part, name)| part == "*" || part == name)
    })
}

fn below(path: &[String], part: impl Into<String>) -> Path {
    let mut path = path.to_vec();
    path.push(part.into());
    path
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or("nothing".into(), Value::write);
    if text.chars().count() <= 160 {
        return text;
    }
    text.chars().take(157).chain("...".chars()).collect()
}

impl<'v> Comparison<'v> {
    pub(crate) fn new(variables: &'v mut Variables, step: &Value) -> Self {
        Self {
            variables,
            ignore: pointers(step.get("ignore")),
            unordered: pointers(step.get("unordered")),
            mismatches: Vec::new(),
        }
    }

    pub(crate) fn ignores_all(&self) -> bool {
        listed(&[], &self.ignore)
    }

    pub(crate) fn note(
        &mut self,
        path: &[String],
        expected: Option<&Value>,
        actual: Option<&Value>,
    ) {
        let place: String = path.iter().map(|part| format!("/{part}")).collect();
        let place = if place.is_empty() { "body" } else { &place };
        let (expected, actual) = (shown(expected), shown(actual));
        self.mismatches
            .push(format!("{place}: expected {expected}, got {actual}"));
    }

    pub(crate) fn compare(&mut self, expected: &Value, actual: &Value, path: &[String]) {
        if listed(path, &self.ignore) {
            return;
        }
        match (expected, actual) {
            (Value::Text(pattern), _) if whole(pattern).is_some_and(|(kind, _)| kind == "any") => {}
            (Value::Text(pattern), _) if whole(pattern).is_some_and(|(k, _)| k == "opaque") => {
                match actual {
                    Value::Text(text) if text.is_empty() => {}
                    Value::Text(_) | Value::Number(_) => {
                        if let Some((_, Some(name))) = whole(pattern) {
                            self.variables.bind("opaque", name, actual.clone());
                        }
                        return;
                    }
                    _ => {}
                }
                self.note(path, Some(expected), Some(actual));
            }
            (Value::Text(pattern), Value::Text(text)) => {
                if !self.variables.matches(pattern, text) {
                    self.note(path, Some(expected), Some(actual));
                }
            }
            (Value::Object(left), Value::Object(right)) => self.objects(left, right, path),
            (Value::List(left), Value::List(right)) if listed(path, &self.unordered) => {
                self.unordered(left, right, path);
            }
            (Value::List(left), Value::List(right)) => {
                for index in 0..left.len().max(right.len()) {
                    let here = below(path, index.to_string());
                    match (left.get(index), right.get(index)) {
                        (Some(left), Some(right)) => self.compare(left, right, &here),
                        (left, right) if !listed(&here, &self.ignore) => {
                            self.note(&here, left, right);
                        }
                        _ => {}
                    }
                }
            }
            _ if expected == actual => {}
            _ => self.note(path, Some(expected), Some(actual)),
        }
    }

    fn objects(&mut self, left: &[(String, Value)], right: &[(String, Value)], path: &[String]) {
        let mut seen = Vec::new();
        for (key, value) in left {
            let found = right
                .iter()
                .find(|(name, _)| name == key || self.variables.matches(key, name));
            let here = below(path, key);
            match found {
                Some((name, actual)) => {
                    seen.push(name);
                    self.compare(value, actual, &here);
                }
                None if listed(&here, &self.ignore) => {}
                None => self.note(&here, Some(value), None),
            }
        }
        for (name, value) in right {
            let here = below(path, name);
            if !seen.contains(&name) && !listed(&here, &self.ignore) {
                self.note(&here, None, Some(value));
            }
        }
    }

    fn unordered(&mut self, left: &[Value], right: &[Value], path: &[String]) {
        let mut left_over: Vec<&Value> = right.iter().collect();
        for (index, expected) in left.iter().enumerate() {
            let here = below(path, index.to_string());
            let fits = left_over.iter().position(|actual| {
                let mut variables = self.variables.clone();
                let mut trial = Comparison {
                    variables: &mut variables,
                    ignore: self.ignore.clone(),
                    unordered: self.unordered.clone(),
                    mismatches: Vec::new(),
                };
                trial.compare(expected, actual, &here);
                let fits = trial.mismatches.is_empty();
                if fits {
                    *self.variables = variables;
                }
                fits
            });
            match fits {
                Some(position) => drop(left_over.remove(position)),
                None => self.note(&here, Some(expected), None),
            }
        }
        for actual in left_over {
            self.note(&below(path, "-"), None, Some(actual));
        }
    }
}
