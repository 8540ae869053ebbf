//! Normalising a number as Kazoo's converters do (contract section 3).

use fancy_regex::Regex;

use crate::operation;
use couchdb::{Error, Kind};

const RECONCILE_REGEX: &str = r"^(\+?1)?\d{10}$|^\+[2-9]\d{7,}$|^011\d*$|^00\d*$";

/// One converter: what it matches, and what goes before and after its last capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converters {
    /// `(regex, prefix, suffix)`, tried in this order.
    pub e164: Vec<(String, String, String)>,
    /// Which numbers are reconcilable.
    pub reconcile: String,
}

impl Default for Converters {
    fn default() -> Self {
        let converter = |regex: &str, prefix: &str| (regex.into(), prefix.into(), String::new());
        Self {
            e164: vec![
                converter(r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "+1"),
                converter(r"^011(\d{5,})$|^00(\d{5,})$", "+"),
                converter(r"^[2-9]\d{7,}$", "+"),
            ],
            reconcile: RECONCILE_REGEX.into(),
        }
    }
}

/// Compiled converters.
#[derive(Debug)]
pub struct Normaliser {
    converters: Vec<(Regex, String, String)>,
    reconcile: Regex,
}

impl Normaliser {
    /// Compiles the converters; an expression that is none is an error that names it.
    pub fn new(converters: &Converters) -> Result<Self, Error> {
        let compile = |text: &str| {
            // In Erlang's `re` a digit is one of ten; here it would be any that Unicode knows.
            Regex::new(&text.replace(r"\d", "[0-9]")).map_err(|error| {
                Error::new(
                    Kind::Config,
                    operation::SYSTEM_CONFIG,
                    format!("number_manager holds the expression {text:?}: {error}"),
                )
            })
        };
        Ok(Self {
            converters: converters
                .e164
                .iter()
                .map(|(regex, prefix, suffix)| {
                    Ok((compile(regex)?, prefix.clone(), suffix.clone()))
                })
                .collect::<Result<_, Error>>()?,
            reconcile: compile(&converters.reconcile)?,
        })
    }

    /// The number in E.164 form, or as it was where no converter knows it.
    pub fn normalise(&self, number: &str) -> String {
        if number.len() > 1 && number.starts_with('+') {
            return number.to_owned();
        }
        for (regex, prefix, suffix) in &self.converters {
            // A pattern that gives up on an input (too much backtracking) knows nothing of it.
            if let Ok(Some(captures)) = regex.captures(number) {
                let last = captures.iter().flatten().last();
                if let Some(last) = last {
                    return format!("{prefix}{}{suffix}", last.as_str());
                }
            }
        }
        number.to_owned()
    }

    /// Whether Kazoo would take this (normalised) number for one.
    pub fn is_reconcilable(&self, number: &str) -> bool {
        self.reconcile.is_match(number).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Normaliser {
        Normaliser::new(&Converters::default()).unwrap()
    }

    #[test]
    fn the_default_converters() {
        for (given, expected) in [
            ("4155550100", "+14155550100"),
            ("14155550100", "+14155550100"),
            ("+14155550100", "+14155550100"),
            ("011442071838750", "+442071838750"),
            ("00442071838750", "+442071838750"),
            ("442071838750", "+442071838750"),
            ("+anything", "+anything"),
            ("911", "911"),
            ("1155550100", "1155550100"),
        ] {
            assert_eq!(defaults().normalise(given), expected, "{given}");
        }
    }

    #[test]
    fn the_default_reconcile_regex() {
        for (number, expected) in [
            ("+14155550100", true),
            ("4155550100", true),
            ("+442071838750", true),
            ("911", false),
            ("+1415555", false),
            ("hello", false),
        ] {
            assert_eq!(defaults().is_reconcilable(number), expected, "{number}");
        }
    }

    #[test]
    fn an_expression_that_is_none_is_named() {
        let converters = Converters {
            reconcile: "(".into(),
            ..Converters::default()
        };
        let error = Normaliser::new(&converters).unwrap_err().to_string();
        assert!(error.contains("\"(\""), "{error}");
    }
}
