//! The document `number_manager` of the database `system_config`: converters and allowed features
//! (docs/specification.md#normalising, #features, #system-config-section).

use super::Converters;
use document::{Document, Object, elements, string};

/// The document's id.
pub const DOCUMENT: &str = "number_manager";

/// The ten features that `reset_allowed_features_to_defaults_on_system_config` writes outside Kazoo.
pub const DEFAULT_FEATURES_ALLOWED: [&str; 10] = [
    "carrier_name",
    "cnam",
    "e911",
    "failover",
    "force_outbound",
    "inbound_cnam",
    "outbound_cnam",
    "port",
    "prepend",
    "ringback",
];

/// The document, with the name of the section that has priority.
pub struct SystemConfig<'a> {
    sections: Vec<Object<'a>>,
}

impl<'a> SystemConfig<'a> {
    /// Reads the section of the node first, then `default`.
    pub fn new(document: &'a Document, section: &str) -> Self {
        let sections = [section, "default"]
            .iter()
            .filter_map(|name| document.get(name))
            .filter_map(|text| Object::parse(text).ok())
            .collect();
        Self { sections }
    }

    fn find<T>(&self, read: impl Fn(&Object<'a>) -> Option<T>) -> Option<T> {
        self.sections.iter().find_map(read)
    }

    /// The converters. Absent ones have Kazoo's defaults.
    pub fn converters(&self) -> Converters {
        let defaults = Converters::default();
        Converters {
            e164: self
                .find(|section| converters(section.get("e164_converters")?))
                .unwrap_or(defaults.e164),
            reconcile: self
                .find(|section| section.string("reconcile_regex").map(Into::into))
                .unwrap_or(defaults.reconcile),
        }
    }

    /// The JSON of `max_delete`, the limit of deletions of a run. `null` counts as absent.
    pub fn max_delete(&self) -> Option<&'a str> {
        self.find(|section| section.get("max_delete").filter(|json| *json != "null"))
    }

    /// The strings of `features.allow`.
    pub fn features_allowed(&self) -> Option<Vec<String>> {
        self.find(|section| {
            let features = Object::parse(section.get("features")?).ok()?;
            let allowed = elements(features.get("allow")?)?;
            Some(
                allowed
                    .into_iter()
                    .filter_map(string)
                    .map(Into::into)
                    .collect(),
            )
        })
    }
}

fn converters(json: &str) -> Option<Vec<(String, String, String)>> {
    let object = Object::parse(json).ok()?;
    let all = object
        .fields()
        // Kazoo stores settings of the converters in the same object. Those are not objects.
        .filter_map(|(regex, value)| {
            let converter = Object::parse(value).ok()?;
            let part = |name| converter.string(name).unwrap_or_default().into_owned();
            Some((regex.to_owned(), part("prefix"), part("suffix")))
        })
        .collect();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_of_the_node_has_priority() {
        let text = r#"{"default":{"reconcile_regex":"^d$","features":{"allow":["cnam"]}},
            "kazoo@here":{"e164_converters":{"^(\\d{3})$":{"prefix":"+999","suffix":"0"}}}}"#;
        let document = Document::new("number_manager", text.to_owned()).unwrap();
        let config = SystemConfig::new(&document, "kazoo@here");
        let converters = config.converters();
        assert_eq!(converters.reconcile, "^d$");
        assert_eq!(
            converters.e164,
            [("^(\\d{3})$".to_owned(), "+999".to_owned(), "0".to_owned())]
        );
        assert_eq!(config.features_allowed().unwrap(), ["cnam"]);
    }
}
