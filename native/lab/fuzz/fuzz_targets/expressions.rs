//! The system configuration's document with its expressions, and a number in the first line. An
//! invalid expression is reported and stops nothing, and one with endless backtracking is aborted.
#![no_main]

use document::Document;
use kazoo_numbers::kazoo::{Normaliser, SystemConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (number, document) = text.split_once('\n').unwrap_or(("4155550100", text));
    let Ok(document) = Document::new("number_manager", document.to_owned()) else {
        return;
    };
    let config = SystemConfig::new(&document, "kazoo_apps@127.0.0.1");
    let _ = config.features_allowed();
    let normaliser = Normaliser::new(&config.converters());
    if let Some(line) = normaliser.unusable() {
        assert!(!line.contains('\n'), "{line:?}");
    }
    let _ = normaliser.is_reconcilable(&normaliser.normalise(number));
});
