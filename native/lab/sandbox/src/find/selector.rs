//! Selectors: conditions on documents.

use super::project::lookup;
use crate::collate::collation_key;
use crate::json::Json;
use crate::request_error::RequestError;
use regex::Regex;
use std::cmp::Ordering;

/// A condition on a value.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    /// A condition on a nested field.
    Field(String, Box<Selector>),
    And(Vec<Selector>),
    Or(Vec<Selector>),
    Nor(Vec<Selector>),
    Not(Box<Selector>),
    Compare(Comparison, Json),
    In(Vec<Json>),
    NotIn(Vec<Json>),
    Exists(bool),
    Type(String),
    Size(u64),
    All(Vec<Json>),
    Modulo(i64, i64),
    Matches(Regex),
    BeginsWith(String),
    ElementMatches(Box<Selector>),
    AllElementsMatch(Box<Selector>),
    KeyMatches(Box<Selector>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Greater,
}

fn bad_argument(operator: &str, argument: &Json) -> RequestError {
    RequestError::new(
        400,
        "bad_arg",
        format!(
            "Bad argument for operator {operator}: {}",
            argument.to_text()
        ),
    )
}

impl Selector {
    pub(crate) fn parse(selector: &Json) -> Result<Self, RequestError> {
        if selector.as_object().is_none() {
            return Err(RequestError::new(
                400,
                "invalid_selector_json",
                format!(
                    "Selector must be a JSON object, not: {}",
                    selector.to_text()
                ),
            ));
        }
        Self::condition(selector)
    }

    /// Parses an object of conditions, or a value that must be equal.
    fn condition(value: &Json) -> Result<Self, RequestError> {
        let Some(members) = value.as_object() else {
            return Ok(Selector::Compare(Comparison::Equal, value.clone()));
        };
        let mut all = Vec::with_capacity(members.len());
        for (name, argument) in members {
            all.push(if name.starts_with('$') {
                Self::operator(name, argument)?
            } else {
                Selector::Field(name.clone(), Box::new(Self::condition(argument)?))
            });
        }
        Ok(match all.pop() {
            Some(only) if all.is_empty() => only,
            Some(last) => {
                all.push(last);
                Selector::And(all)
            }
            None => Selector::And(all),
        })
    }

    fn operator(name: &str, argument: &Json) -> Result<Self, RequestError> {
        let bad = || bad_argument(name, argument);
        let list = || argument.as_array().ok_or_else(bad);
        let conditions = || {
            list()?
                .iter()
                .map(Self::condition)
                .collect::<Result<Vec<_>, _>>()
        };
        let compare = |comparison| Ok(Selector::Compare(comparison, argument.clone()));
        let inner = || {
            argument.as_object().ok_or_else(bad)?;
            Self::condition(argument).map(Box::new)
        };
        match name {
            "$lt" => compare(Comparison::Less),
            "$lte" => compare(Comparison::AtMost),
            "$eq" => compare(Comparison::Equal),
            "$ne" => compare(Comparison::NotEqual),
            "$gte" => compare(Comparison::AtLeast),
            "$gt" => compare(Comparison::Greater),
            "$and" => Ok(Selector::And(conditions()?)),
            "$or" => Ok(Selector::Or(conditions()?)),
            "$nor" => Ok(Selector::Nor(conditions()?)),
            "$not" => Ok(Selector::Not(Box::new(Self::condition(argument)?))),
            "$in" => Ok(Selector::In(list()?.to_vec())),
            "$nin" => Ok(Selector::NotIn(list()?.to_vec())),
            "$all" => Ok(Selector::All(list()?.to_vec())),
            "$exists" => match argument {
                Json::Bool(exists) => Ok(Selector::Exists(*exists)),
                _ => Err(bad()),
            },
            "$type" => {
                let kind = argument.as_str().ok_or_else(bad)?;
                Ok(Selector::Type(kind.to_owned()))
            }
            "$size" => Ok(Selector::Size(argument.as_u64().ok_or_else(bad)?)),
            "$mod" => match list()? {
                [divisor, remainder] => {
                    let divisor = integer(divisor).filter(|d| *d != 0).ok_or_else(bad)?;
                    Ok(Selector::Modulo(
                        divisor,
                        integer(remainder).ok_or_else(bad)?,
                    ))
                }
                _ => Err(bad()),
            },
            "$regex" => {
                let pattern = argument.as_str().ok_or_else(bad)?;
                Regex::new(pattern)
                    .map(Selector::Matches)
                    .map_err(|_| bad())
            }
            "$beginsWith" => {
                let start = argument.as_str().ok_or_else(bad)?;
                Ok(Selector::BeginsWith(start.to_owned()))
            }
            "$elemMatch" => Ok(Selector::ElementMatches(inner()?)),
            "$allMatch" => Ok(Selector::AllElementsMatch(inner()?)),
            "$keyMapMatch" => Ok(Selector::KeyMatches(inner()?)),
            _ => Err(RequestError::new(
                400,
                "invalid_operator",
                format!("Invalid operator: {name}"),
            )),
        }
    }

    pub(crate) fn matches(&self, document: &Json) -> bool {
        self.holds(Some(document))
    }

    /// Evaluates the condition. For a missing field only a condition on its absence can be true.
    fn holds(&self, value: Option<&Json>) -> bool {
        match self {
            Selector::And(all) => return all.iter().all(|selector| selector.holds(value)),
            Selector::Or(any) => return any.iter().any(|selector| selector.holds(value)),
            Selector::Nor(none) => {
                return none.iter().all(|selector| {
                    selector.is_about_absence_or(value, |selector| !selector.holds(value))
                });
            }
            Selector::Not(not) => {
                return not.is_about_absence_or(value, |not| !not.holds(value));
            }
            Selector::Exists(exists) => return value.is_some() == *exists,
            Selector::Field(path, inner) => {
                let found = value.and_then(|value| lookup(value, path));
                return inner.holds(found);
            }
            _ => {}
        }
        value.is_some_and(|value| self.holds_of(value))
    }

    /// A negation is false for a missing field, like any other condition.
    fn is_about_absence_or(
        &self,
        value: Option<&Json>,
        otherwise: impl FnOnce(&Selector) -> bool,
    ) -> bool {
        if let Selector::Field(path, inner) = self
            && !matches!(**inner, Selector::Exists(_))
            && value.and_then(|value| lookup(value, path)).is_none()
        {
            return false;
        }
        otherwise(self)
    }

    fn holds_of(&self, value: &Json) -> bool {
        match self {
            Selector::Compare(comparison, other) => comparison.holds(order(value, other)),
            Selector::In(any) => any.iter().any(|other| is_or_has(value, other)),
            Selector::NotIn(none) => !none.iter().any(|other| is_or_has(value, other)),
            Selector::Type(kind) => type_name(value) == kind,
            Selector::Size(size) => value
                .as_array()
                .is_some_and(|items| items.len() as u64 == *size),
            Selector::All(wanted) => value.as_array().is_some_and(|items| {
                let has = |other| items.iter().any(|item| order(item, other).is_eq());
                wanted.iter().all(has)
            }),
            Selector::Modulo(divisor, remainder) => {
                integer(value).is_some_and(|number| number % divisor == *remainder)
            }
            Selector::Matches(regex) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Selector::BeginsWith(start) => {
                value.as_str().is_some_and(|text| text.starts_with(start))
            }
            Selector::ElementMatches(inner) => value
                .as_array()
                .is_some_and(|items| items.iter().any(|item| inner.matches(item))),
            Selector::AllElementsMatch(inner) => value.as_array().is_some_and(|items| {
                !items.is_empty() && items.iter().all(|item| inner.matches(item))
            }),
            Selector::KeyMatches(inner) => value.as_object().is_some_and(|fields| {
                let matches = |(name, _): &(String, Json)| inner.matches(&Json::str(name.as_str()));
                fields.iter().any(matches)
            }),
            _ => self.holds(Some(value)),
        }
    }

    /// Whether every match requires this field, so that an index on it can be used.
    pub(crate) fn demands(&self, field: &str) -> bool {
        match self {
            Selector::Field(path, inner) => {
                path == field && !matches!(**inner, Selector::Exists(false))
            }
            Selector::And(all) => all.iter().any(|selector| selector.demands(field)),
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::AtLeast => order.is_ge(),
            Comparison::Greater => order.is_gt(),
        }
    }
}

/// The collation order of views.
fn order(a: &Json, b: &Json) -> Ordering {
    collation_key(a).cmp(&collation_key(b))
}

/// `$in` also checks the elements of arrays.
fn is_or_has(value: &Json, other: &Json) -> bool {
    order(value, other).is_eq()
        || value
            .as_array()
            .is_some_and(|items| items.iter().any(|item| order(item, other).is_eq()))
}

fn integer(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[track_caller]
    fn matches(selector: &str, document: &str) -> bool {
        let selector = Selector::parse(&json::parse(selector.as_bytes()).unwrap()).unwrap();
        selector.matches(&json::parse(document.as_bytes()).unwrap())
    }

    #[test]
    fn missing_field_matches_no_condition() {
        assert!(!matches(r#"{"a":{"$ne":1}}"#, "{}"));
        assert!(!matches(r#"{"$not":{"a":1}}"#, "{}"));
        assert!(!matches(r#"{"a":{"$nin":[1]}}"#, "{}"));
        assert!(matches(r#"{"a":{"$exists":false}}"#, "{}"));
        assert!(matches(r#"{"$not":{"a":{"$exists":true}}}"#, "{}"));
    }

    #[test]
    fn fields_are_selected_by_path_or_nesting() {
        for selector in [
            r#"{"a.b":1}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":{"$lt":2}}}"#,
        ] {
            assert!(matches(selector, r#"{"a":{"b":1,"c":2}}"#), "{selector}");
        }
    }

    #[test]
    fn values_are_compared_in_view_order() {
        assert!(matches(r#"{"a":{"$gt":5}}"#, r#"{"a":"x"}"#));
        assert!(matches(r#"{"a":{"$gt":null}}"#, r#"{"a":false}"#));
        assert!(matches(r#"{"a":1.0}"#, r#"{"a":1}"#));
    }
}
