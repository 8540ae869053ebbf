//! Converts an operator's input to an E.164 number.

use exact_json::Value;
use kazoo_numbers_generator::Cluster;
use regex::bytes::{Regex, RegexBuilder};

const RECONCILABLE: &str = r"^(\+?1)?\d{10}$|^\+[2-9]\d{7,}$|^011\d*$|^00\d*$";

const CONVERTERS: [(&str, &str, &str); 3] = [
    (r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "+1", ""),
    (r"^011(\d{5,})$|^00(\d{5,})$", "+", ""),
    (r"^[2-9]\d{7,}$", "+", ""),
];

struct Converter {
    pattern: Regex,
    prefix: String,
    suffix: String,
}

/// The number converters of a cluster, and its pattern for valid numbers.
pub(crate) struct Numbering {
    converters: Vec<Converter>,
    reconcilable: Option<Regex>,
}

impl Numbering {
    /// Reads `system_config/number_manager`, section `default`, with Kazoo's defaults.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let section = cluster
            .databases
            .get("system_config")
            .and_then(|database| database.documents.get("number_manager"))
            .and_then(|document| document.get("default"));
        let converters = match section.and_then(|section| section.get("e164_converters")) {
            Some(Value::Object(configured)) => configured
                .iter()
                .filter_map(|(pattern, settings)| {
                    converter(pattern, text(settings, "prefix"), text(settings, "suffix"))
                })
                .collect(),
            _ => CONVERTERS
                .iter()
                .filter_map(|(pattern, prefix, suffix)| converter(pattern, prefix, suffix))
                .collect(),
        };
        let reconcilable = section
            .and_then(|section| section.get("reconcile_regex"))
            .and_then(Value::as_str)
            .and_then(regex)
            .or_else(|| regex(RECONCILABLE));
        Self {
            converters,
            reconcilable,
        }
    }

    /// The number in E.164, or the input if no converter matches.
    pub(crate) fn normalised(&self, number: &str) -> String {
        if number.starts_with('+') {
            return number.to_owned();
        }
        for converter in &self.converters {
            if let Some(captures) = converter.pattern.captures(number.as_bytes()) {
                // The whole match is capture 0, which is the last one if the pattern has no group.
                let last = captures.iter().flatten().last();
                let last = last.map_or(&[][..], |capture| capture.as_bytes());
                let last = String::from_utf8_lossy(last);
                return format!("{}{last}{}", converter.prefix, converter.suffix);
            }
        }
        number.to_owned()
    }

    /// Whether number databases may hold this normalised number.
    pub(crate) fn is_reconcilable(&self, number: &str) -> bool {
        self.reconcilable
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(number.as_bytes()))
    }
}

fn converter(pattern: &str, prefix: &str, suffix: &str) -> Option<Converter> {
    Some(Converter {
        pattern: regex(pattern)?,
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    })
}

/// Erlang's `re` without the option `unicode`: matches bytes, and `\d` means ten digits.
fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

fn text<'a>(settings: &'a Value, key: &str) -> &'a str {
    settings.get(key).and_then(Value::as_str).unwrap_or("")
}
