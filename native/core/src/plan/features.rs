//! Lists of features on a number and in the system config (docs/specification.md#features).

use document::{Document, elements, quoted, string};

/// All features, in the order in which they are printed.
pub const KNOWN_FEATURES: [&str; 12] = [
    "failover",
    "force_outbound",
    "prepend",
    "ringback",
    "cnam",
    "inbound_cnam",
    "outbound_cnam",
    "e911",
    "port",
    "sms",
    "mms",
    "carrier_name",
];

/// The list with a feature added or removed: sorted, without duplicates.
pub fn edited_list(list: &[String], feature: &str, add: bool) -> Vec<String> {
    let mut edited: Vec<String> = list
        .iter()
        .filter(|known| add || *known != feature)
        .cloned()
        .collect();
    if add {
        edited.push(feature.to_owned());
    }
    edited.sort_unstable();
    edited.dedup();
    edited
}

/// The document with a feature added to or removed from one of its lists. `None` if nothing changes. An empty list is removed.
pub fn edit_features(
    document: &Document,
    field: &str,
    feature: &str,
    add: bool,
) -> Option<Document> {
    let list: Vec<String> = features_of(document, field);
    if list.iter().any(|known| known == feature) == add {
        return None;
    }
    let edited = edited_list(&list, feature, add);
    let json = (!edited.is_empty()).then(|| {
        let texts: Vec<String> = edited.iter().map(|feature| quoted(feature)).collect();
        format!("[{}]", texts.join(","))
    });
    Some(document.edited(&[(field, json.as_deref())]))
}

/// The features that a number document lists.
pub(crate) fn features_of(document: &Document, field: &str) -> Vec<String> {
    document
        .get(field)
        .and_then(elements)
        .into_iter()
        .flatten()
        .filter_map(string)
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_list_is_sorted_without_duplicates() {
        let list = ["port".to_owned(), "cnam".to_owned(), "port".to_owned()];
        assert_eq!(edited_list(&list, "e911", true), ["cnam", "e911", "port"]);
        assert_eq!(edited_list(&list, "port", false), ["cnam"]);
    }

    #[test]
    fn number_is_written_only_if_its_list_changes() {
        let text = r#"{"_id":"+1","pvt_features_allowed":["cnam"]}"#;
        let document = crate::plan::tests::document(text);
        let edit = |feature, add| {
            let edited = edit_features(&document, "pvt_features_allowed", feature, add);
            edited.map(|edited| edited.text().to_owned())
        };
        assert_eq!(edit("cnam", true), None);
        assert_eq!(edit("port", false), None);
        assert_eq!(
            edit("port", true).as_deref(),
            Some(r#"{"_id":"+1","pvt_features_allowed":["cnam","port"]}"#)
        );
        assert_eq!(edit("cnam", false).as_deref(), Some(r#"{"_id":"+1"}"#));
    }
}
