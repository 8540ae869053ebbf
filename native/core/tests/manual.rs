//! The manual and the table of commands say the same.
#![allow(clippy::unwrap_used)]

use kazoo_numbers::command::{Parameter, extras, table};

#[test]
fn every_function_is_in_the_manual_as_the_table_has_it() {
    let manual =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual.md"))
            .unwrap();
    let mut documented = 0;
    for spec in table().iter().chain(extras()) {
        let mut usage = vec![spec.name];
        usage.extend(spec.parameters.iter().map(Parameter::name));
        let needs = if spec.needs_kazoo { "*Kazoo.* " } else { "" };
        let deletes = if spec.deletes() { " **Deletes.**" } else { "" };
        let entry = format!("`{}`\n: {needs}{}{deletes}\n", usage.join(" "), spec.help);
        assert!(manual.contains(&entry), "the manual lacks:\n{entry}");
        documented += 1;
    }
    assert_eq!(
        manual.matches("\n: ").count(),
        documented,
        "and nothing else"
    );
}
