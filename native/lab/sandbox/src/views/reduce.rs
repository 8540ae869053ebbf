//! Reductions: built-in ones and JavaScript.

use super::design::{Design, Reducer};
use super::engine::{Engine, JsError};
use super::index::Row;
use crate::collate::collation_key;
use crate::json::{self, Json, Number};
use std::collections::HashSet;

/// The most rows for one call of a JavaScript reduce. Its results are reduced again.
const CHUNK: usize = 500;

const REDUCE: &str = "reduce";

/// A prepared reduction.
pub(crate) struct Reduction<'a> {
    reducer: &'a Reducer,
    engine: Option<Engine>,
}

impl<'a> Reduction<'a> {
    pub(crate) fn new(design: &Design, reducer: &'a Reducer) -> Result<Self, JsError> {
        let engine = match reducer {
            Reducer::JavaScript(source) => {
                let engine = Engine::new()?;
                engine.set_library(&design.document)?;
                engine.define(REDUCE, source)?;
                Some(engine)
            }
            _ => None,
        };
        Ok(Self { reducer, engine })
    }

    /// Reduces rows; there is at least one.
    pub(crate) fn reduce(&self, rows: &[&Row]) -> Result<Json, JsError> {
        if let Some(engine) = &self.engine {
            return in_javascript(engine, rows);
        }
        let values = rows.iter().map(|row| read(&row.value));
        Ok(match self.reducer {
            Reducer::Count => Json::int(rows.len() as u64),
            Reducer::CountDistinct => {
                let keys = rows.iter().map(|row| collation_key(&read(&row.key)));
                Json::int(keys.collect::<HashSet<_>>().len() as u64)
            }
            Reducer::Stats => stats(values).unwrap_or_else(|value| {
                error(
                    "The _stats function requires that map values be numbers.",
                    value,
                )
            }),
            Reducer::Sum | Reducer::JavaScript(_) => sum(values).unwrap_or_else(|value| {
                error(
                    "The _sum function requires that map values be numbers, arrays of numbers, or \
                     objects.",
                    value,
                )
            }),
        })
    }
}

fn read(text: &str) -> Json {
    json::parse(text.as_bytes()).unwrap_or(Json::Null)
}

fn error(reason: &str, value: Json) -> Json {
    Json::object([
        ("error", Json::str("builtin_reduce_error")),
        ("reason", Json::str(reason)),
        ("caused_by", value),
    ])
}

fn in_javascript(engine: &Engine, rows: &[&Row]) -> Result<Json, JsError> {
    let mut results = Vec::with_capacity(rows.len() / CHUNK + 1);
    for chunk in rows.chunks(CHUNK) {
        let keys = chunk
            .iter()
            .map(|row| Json::Array(vec![read(&row.key), Json::str(&*row.id)]));
        let values = chunk.iter().map(|row| read(&row.value));
        let arguments = vec![
            Json::Array(keys.collect()),
            Json::Array(values.collect()),
            Json::Bool(false),
        ];
        results.push(engine.result(REDUCE, &Json::Array(arguments))?);
    }
    while results.len() > 1 {
        let mut next = Vec::with_capacity(results.len() / CHUNK + 1);
        for chunk in results.chunks(CHUNK) {
            let arguments = vec![Json::Null, Json::Array(chunk.to_vec()), Json::Bool(true)];
            next.push(engine.result(REDUCE, &Json::Array(arguments))?);
        }
        results = next;
    }
    Ok(results.pop().unwrap_or(Json::Null))
}

/// A number for sums. Sums of integers are integers.
#[derive(Debug, Clone, Copy)]
enum Num {
    Int(i128),
    Double(f64),
}

impl Num {
    fn new(number: &Number) -> Self {
        match number.as_str().parse() {
            Ok(int) if number.is_int() => Num::Int(int),
            _ => Num::Double(number.to_f64()),
        }
    }

    fn double(self) -> f64 {
        match self {
            Num::Int(int) => int as f64,
            Num::Double(double) => double,
        }
    }

    fn add(self, other: Num) -> Num {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) if a.checked_add(b).is_some() => Num::Int(a + b),
            _ => Num::Double(self.double() + other.double()),
        }
    }

    fn square(self) -> Num {
        match self {
            Num::Int(a) if a.checked_mul(a).is_some() => Num::Int(a * a),
            _ => Num::Double(self.double() * self.double()),
        }
    }

    fn json(self) -> Json {
        match self {
            Num::Int(int) => Json::int(int),
            Num::Double(double) => Json::Number(Number::from_double(double)),
        }
    }
}

/// The sum, or the first value that cannot be added.
fn sum(values: impl Iterator<Item = Json>) -> Result<Json, Json> {
    values.into_iter().try_fold(Json::int(0), |total, value| {
        add(total, value.clone()).ok_or(value)
    })
}

/// Adds numbers, arrays by position and objects by field.
fn add(a: Json, b: Json) -> Option<Json> {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => Some(Num::new(&a).add(Num::new(&b)).json()),
        (Json::Array(a), Json::Array(b)) => add_arrays(a, b),
        (a @ Json::Number(_), Json::Array(b)) => add_arrays(vec![a], b),
        (Json::Array(a), b @ Json::Number(_)) => add_arrays(a, vec![b]),
        (Json::Object(a), Json::Object(b)) => add_objects(a, b),
        // The initial zero of every sum.
        (Json::Number(zero), Json::Object(b)) if zero.as_str() == "0" => add_objects(Vec::new(), b),
        _ => None,
    }
}

fn add_arrays(a: Vec<Json>, b: Vec<Json>) -> Option<Json> {
    let length = a.len().max(b.len());
    let pad = |items: Vec<Json>| {
        items
            .into_iter()
            .chain(std::iter::repeat(Json::int(0)))
            .take(length)
    };
    pad(a)
        .zip(pad(b))
        .map(|(a, b)| match (&a, &b) {
            (Json::Number(_), Json::Number(_)) => add(a, b),
            _ => None,
        })
        .collect::<Option<_>>()
        .map(Json::Array)
}

fn add_objects(mut a: Vec<(String, Json)>, b: Vec<(String, Json)>) -> Option<Json> {
    for (name, value) in b {
        match a.iter_mut().find(|(other, _)| *other == name) {
            Some((_, total)) => *total = add(std::mem::replace(total, Json::Null), value)?,
            None => a.push((name, add(Json::int(0), value)?)),
        }
    }
    Some(Json::Object(a))
}

/// Sum, count, minimum, maximum and sum of squares, or the first value that is not a number.
fn stats(values: impl Iterator<Item = Json>) -> Result<Json, Json> {
    let mut count = 0u64;
    let (mut total, mut squares) = (Num::Int(0), Num::Int(0));
    let mut extremes: Option<(Num, Num)> = None;
    for value in values {
        let Json::Number(number) = &value else {
            return Err(value);
        };
        let number = Num::new(number);
        count += 1;
        total = total.add(number);
        squares = squares.add(number.square());
        let (min, max) = extremes.unwrap_or((number, number));
        let smaller = number.double() < min.double();
        let greater = number.double() > max.double();
        extremes = Some((
            if smaller { number } else { min },
            if greater { number } else { max },
        ));
    }
    let (min, max) = extremes.unwrap_or((Num::Int(0), Num::Int(0)));
    Ok(Json::object([
        ("sum", total.json()),
        ("count", Json::int(count)),
        ("min", min.json()),
        ("max", max.json()),
        ("sumsqr", squares.json()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summed(values: &[&str]) -> Result<String, String> {
        sum(values.iter().map(|value| read(value)))
            .map(|total| total.to_text())
            .map_err(|value| value.to_text())
    }

    #[test]
    fn sum_of_integers_is_integer() {
        assert_eq!(summed(&["1", "2"]), Ok("3".to_owned()));
        assert_eq!(summed(&["1", "0.5", "0.5"]), Ok("2.0".to_owned()));
    }

    #[test]
    fn arrays_and_objects_are_summed_by_element() {
        assert_eq!(summed(&["[1]", "[2,1]", "3"]), Ok("[6,1]".to_owned()));
        assert_eq!(
            summed(&["{\"x\":1}", "{\"y\":{\"z\":2}}", "{\"x\":2}"]),
            Ok("{\"x\":3,\"y\":{\"z\":2}}".to_owned())
        );
    }

    #[test]
    fn value_that_cannot_be_summed_is_named() {
        assert_eq!(summed(&["1", "\"x\""]), Err("\"x\"".to_owned()));
        assert_eq!(summed(&["{\"a\":1}", "1"]), Err("1".to_owned()));
    }
}
