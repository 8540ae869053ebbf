//! The applications that use a number according to the account's own documents (docs/specification.md#app-usage).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Normaliser;
use document::{Document, Object, SortedIdMap, elements, string};

const CALLFLOW: u8 = 1;
const TRUNKSTORE: u8 = 2;

/// An application that uses numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum App {
    /// A callflow.
    Callflow,
    /// A trunkstore document.
    Trunkstore,
}

impl App {
    fn flag(self) -> u8 {
        match self {
            Self::Callflow => CALLFLOW,
            Self::Trunkstore => TRUNKSTORE,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Callflow => "callflow",
            Self::Trunkstore => "trunkstore",
        }
    }
}

/// The usage of one number according to one account's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// No document names the number.
    None,
    /// Callflows name the number.
    Callflow,
    /// Trunkstore documents name the number.
    Trunkstore,
    /// Both name the number, so the usage is ambiguous.
    Both,
}

impl Usage {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Callflow => "callflow",
            Self::Trunkstore => "trunkstore",
            Self::Both => "both",
        }
    }
}

/// A document that uses a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NumberUse {
    /// `callflow` or `trunkstore`.
    pub application: &'static str,
    /// The id of the document.
    pub id: String,
}

/// The numbers in an account's callflows and trunkstore documents.
#[derive(Clone, Debug, Default)]
pub struct AppUsage {
    /// The number whose documents are recorded.
    watched: Option<Box<str>>,
    /// The documents that use it, in the order in which they were added.
    uses: Vec<NumberUse>,
    /// While documents are added.
    numbers: HashMap<Box<str>, u8>,
    /// After the last document.
    packed: SortedIdMap<u8>,
}

impl AppUsage {
    /// An empty usage that records the documents that use `number`. `None`: it records none.
    pub fn watching(number: Option<&str>) -> Self {
        Self {
            watched: number.map(Into::into),
            ..Self::default()
        }
    }

    /// The documents that use the watched number.
    pub fn uses(&self) -> &[NumberUse] {
        &self.uses
    }

    /// The usage of a number document's id.
    pub fn of(&self, number: &str) -> Usage {
        let packed = self.packed.find(number).map(|(_, apps)| apps);
        let apps = packed.or_else(|| self.numbers.get(number).copied());
        match apps.unwrap_or_default() {
            0 => Usage::None,
            CALLFLOW => Usage::Callflow,
            TRUNKSTORE => Usage::Trunkstore,
            _ => Usage::Both,
        }
    }

    /// The numbers that a document names, as written; none for a document of another kind, or a soft-deleted one.
    pub fn named_in(document: &Document) -> Vec<(Box<str>, App)> {
        let mut named = Vec::new();
        if document.get("pvt_deleted") == Some("true") {
            return named;
        }
        match document.get("pvt_type") {
            Some("\"callflow\"") => {
                let numbers = document.get("numbers").and_then(elements);
                let numbers = numbers.into_iter().flatten().filter_map(string);
                named.extend(numbers.map(|number| (number.into(), App::Callflow)));
            }
            Some("\"sys_info\"") => {
                for server in document.get("servers").map(values).unwrap_or_default() {
                    let Ok(server) = Object::parse(server) else {
                        continue;
                    };
                    if server.get("enabled").is_some_and(equals_false) {
                        continue;
                    }
                    if let Some(Ok(dids)) = server.get("DIDs").map(Object::parse) {
                        let numbers = dids.fields().map(|(number, _)| number);
                        named.extend(numbers.map(|number| (number.into(), App::Trunkstore)));
                    }
                }
            }
            _ => {}
        }
        named
    }

    /// Adds one document of the account; ignores documents that name no numbers.
    pub fn add(&mut self, document: &Document, normaliser: &Normaliser) {
        self.add_named(document.id(), &Self::named_in(document), normaliser);
    }

    /// Adds the numbers that the document `id` names. A number counts as written and as normalised, because people use both forms.
    pub fn add_named(&mut self, id: &str, named: &[(Box<str>, App)], normaliser: &Normaliser) {
        for (number, app) in named {
            self.note(id, number, *app, normaliser);
        }
    }

    /// Compacts the result after the last document.
    pub fn packed(self) -> Self {
        let mut packed = SortedIdMap::default();
        for (number, apps) in &self.numbers {
            packed.push(number, *apps);
        }
        Self {
            numbers: HashMap::new(),
            packed: packed.sorted(),
            ..self
        }
    }

    /// Records that the document `id` uses a number.
    fn note(&mut self, id: &str, number: &str, app: App, normaliser: &Normaliser) {
        *self.numbers.entry(number.into()).or_default() |= app.flag();
        let normalised = normaliser.normalise(number);
        if let Some(watched) = &self.watched
            && [number, normalised.as_str()].contains(&&**watched)
        {
            let used = NumberUse {
                application: app.name(),
                id: id.to_owned(),
            };
            // A document can name a number twice.
            if self.uses.last() != Some(&used) {
                self.uses.push(used);
            }
        }
        if normalised != number {
            *self.numbers.entry(normalised.into()).or_default() |= app.flag();
        }
    }
}

/// Whether a value equals `false` by JavaScript's `==`, which Kazoo's view uses (docs/specification.md#trunkstore-enabled):
/// `false`, 0, and strings and arrays that convert to 0, empty ones included. `null` is not equal.
fn equals_false(json: &str) -> bool {
    match json.as_bytes().first() {
        Some(b'{' | b't' | b'n') | None => false,
        Some(b'f') => true,
        Some(b'"') => string(json).is_some_and(|text| is_zero(text.trim())),
        Some(b'[') => match elements(json).unwrap_or_default().as_slice() {
            [] => true,
            // An array converts to the text of its elements. `false` and `true` in it do not convert to numbers.
            [one] => *one == "null" || (*one != "false" && equals_false(one)),
            _ => false,
        },
        Some(_) => is_zero(json),
    }
}

fn is_zero(text: &str) -> bool {
    text.is_empty() || text.parse::<f64>().is_ok_and(|number| number == 0.0)
}

/// The values of an array or an object; empty for any other value.
fn values(json: &str) -> Vec<&str> {
    if let Some(elements) = elements(json) {
        return elements;
    }
    Object::parse(json)
        .map(|object| object.fields().map(|(_, value)| value).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Converters;
    use super::*;

    fn usage(documents: &[&str]) -> AppUsage {
        let normaliser = Normaliser::new(&Converters::default());
        let mut usage = AppUsage::default();
        for document in documents {
            usage.add(
                &Document::new("", (*document).to_owned()).unwrap(),
                &normaliser,
            );
        }
        usage
    }

    #[test]
    fn usage_reads_callflows_and_servers_and_skips_odd_types() {
        let usage = usage(&[
            r#"{"pvt_type":"callflow","numbers":["+14155550100","4155550101",7,null,"*97"]}"#,
            r#"{"pvt_type":"callflow","numbers":"+14155550199"}"#,
            r#"{"pvt_type":"callflow","pvt_deleted":true,"numbers":["+14155550198"]}"#,
            r#"{"pvt_type":"sys_info","servers":[{"DIDs":{"+14155550102":{}}},{"enabled":false,"DIDs":{"+14155550103":{}}},7]}"#,
            r#"{"pvt_type":"sys_info","servers":{"a":{"enabled":true,"DIDs":{"+14155550104":{},"+14155550100":{}}}}}"#,
            r#"{"pvt_type":"sys_info","servers":[{"DIDs":["+14155550105"]}]}"#,
        ]);
        assert_eq!(usage.of("+14155550100"), Usage::Both);
        assert_eq!(usage.of("+14155550101"), Usage::Callflow);
        assert_eq!(usage.of("+14155550102"), Usage::Trunkstore);
        assert_eq!(usage.of("+14155550104"), Usage::Trunkstore);
        for none in ["3", "5", "8", "9"] {
            assert_eq!(usage.of(&format!("+1415555010{none}")), Usage::None);
        }
        assert_eq!(usage.of("+14155550199"), Usage::None);
    }

    #[test]
    fn documents_of_watched_number_are_recorded_in_both_forms() {
        let normaliser = Normaliser::new(&Converters::default());
        let mut usage = AppUsage::watching(Some("+14155550100"));
        for (id, text) in [
            (
                "a",
                r#"{"pvt_type":"callflow","numbers":["4155550100","+14155550100"]}"#,
            ),
            ("b", r#"{"pvt_type":"callflow","numbers":["+14155550101"]}"#),
            (
                "c",
                r#"{"pvt_type":"sys_info","servers":[{"DIDs":{"+14155550100":{}}}]}"#,
            ),
        ] {
            usage.add(&Document::new(id, text.to_owned()).unwrap(), &normaliser);
        }
        let packed = usage.packed();
        assert_eq!(packed.of("+14155550100"), Usage::Both);
        let uses: Vec<_> = packed
            .uses()
            .iter()
            .map(|used| (used.application, used.id.as_str()))
            .collect();
        assert_eq!(uses, [("callflow", "a"), ("trunkstore", "c")]);
    }

    #[test]
    fn server_is_disabled_by_values_equal_to_false_in_javascript() {
        for disabled in [
            "false", "0", "-0.0", r#""""#, r#"" ""#, r#""0""#, "[]", "[0]", "[null]",
        ] {
            assert!(equals_false(disabled), "{disabled}");
        }
        for enabled in [
            "true",
            "1",
            "null",
            r#""false""#,
            r#""no""#,
            "{}",
            "[false]",
            "[0,0]",
        ] {
            assert!(!equals_false(enabled), "{enabled}");
        }
    }
}
