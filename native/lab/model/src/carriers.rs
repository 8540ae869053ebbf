//! Carrier modules: usage and conversion.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Map, Value};
use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, CopySource},
    features, names, numbers,
    run_state::RunState,
};

/// The valid targets of a conversion. `knm_bandwidth` is stored as its successor.
const MODULES: [&str; 26] = [
    "knm_bandwidth2",
    "knm_bandwidth",
    "knm_inum",
    "knm_local",
    "knm_inventory",
    "knm_managed",
    "knm_mdn",
    "knm_other",
    "knm_reserved",
    "knm_reserved_reseller",
    "knm_simwood",
    "knm_telnyx",
    "knm_vitelity",
    "knm_voip_innovations",
    "knm_voxbone",
    "knm_didww",
    "knm_flowroute",
    "knm_inteliquent",
    "knm_it_vocal",
    "knm_level3",
    "knm_o1",
    "knm_peerless",
    "knm_thinq",
    "knm_verizon",
    "knm_windstream",
    "knm_ziron",
];

/// Counts the carrier modules of all documents in these number databases.
pub(crate) fn usage(run: &mut RunState, databases: &[String]) {
    let mut lines = Vec::new();
    let mut totals = BTreeMap::new();
    for database in databases {
        let mut counts = BTreeMap::new();
        let documents = run.cluster.databases.get(database);
        for (id, document) in documents.iter().flat_map(|found| &found.documents) {
            if !id.starts_with("_design/") {
                let module = module_name(document);
                *counts.entry(module.clone()).or_insert(0_u64) += 1;
                *totals.entry(module).or_insert(0_u64) += 1;
            }
        }
        lines.push(format!("{}:", names::encoded(database)));
        lines.extend(
            counts
                .iter()
                .map(|(module, count)| format!("{module}: {count}")),
        );
    }
    lines.push("Totals:".to_owned());
    lines.extend(
        totals
            .iter()
            .map(|(module, count)| format!("{module}: {count}")),
    );
    run.output = Some(lines);
}

fn module_name(document: &Document) -> String {
    match document.get("pvt_module_name") {
        None => "null".to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
    }
}

/// The stored name of a target. `None` if it is not a carrier module.
pub(crate) fn stored_target(target: &str) -> Option<&str> {
    match target {
        "knm_bandwidth" => Some("knm_bandwidth2"),
        _ => MODULES.contains(&target).then_some(target),
    }
}

/// Converts all documents in these databases with the carrier `source`.
pub(crate) fn convert(run: &mut RunState, databases: &[String], source: &str, target: &str) {
    let mut lines = Vec::new();
    for database in databases {
        lines.push(format!(
            "attempt to convert numbers with carrier module {source} to {target} in database {}",
            names::encoded(database)
        ));
        let mut conversion = Conversion::default();
        for (number, document) in run.filed_numbers(database) {
            if document.get("pvt_module_name").and_then(Value::as_str) == Some(source) {
                conversion.convert(run, database, &number, &document, target);
            }
        }
        lines.extend(conversion.lines(target));
    }
    run.output = Some(lines);
}

pub(crate) fn convert_number(run: &mut RunState, given: &str, target: &str) {
    let mut conversion = Conversion::default();
    let number = run.normalised(given);
    if run.is_reconcilable(&number) {
        let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
        match numbers::live_number(&run.cluster, &database, &number) {
            Some(document) => conversion.convert(run, &database, &number, &document, target),
            None => conversion.fail(run, &database, "not_found", &number),
        }
    } else {
        let database = format!("numbers/{}", names::first_five(given));
        conversion.fail(run, &database, "not_reconcilable", given);
    }
    run.output = Some(conversion.lines(target));
}

#[derive(Default)]
struct Conversion {
    converted: BTreeSet<String>,
    failed: BTreeMap<String, String>,
}

impl Conversion {
    fn convert(
        &mut self,
        run: &mut RunState,
        database: &str,
        number: &str,
        document: &Document,
        target: &str,
    ) {
        let wanted = converted(document, target, &run.now);
        if wanted == *document {
            run.unchanged();
        } else {
            run.write(database, number, wanted.clone());
        }
        let source = numbers::assigned_database(&wanted).map(|account| CopySource {
            database: database.to_owned(),
            number: number.to_owned(),
            account,
        });
        if let Some(source) = source
            && !copies::is_outranked(run, &source)
        {
            let account = source.account;
            if !run.exists(&account) {
                self.fail(run, &account, "db_not_found", number);
                return;
            }
            match run.document(&account, number) {
                Some(existing) if numbers::are_equal(&existing, &wanted) => run.unchanged(),
                Some(existing) if !numbers::is_number(&existing) => {
                    self.fail(run, &account, "conflict", number);
                    return;
                }
                Some(_) if run.is_disputed(&account, number, &wanted) => {
                    self.fail(run, &account, "conflicted", number);
                    return;
                }
                _ => run.write(&account, number, wanted),
            }
        }
        self.converted.insert(number.to_owned());
    }

    fn fail(&mut self, run: &mut RunState, database: &str, reason: &str, number: &str) {
        run.fail(database, reason, number);
        self.failed.insert(number.to_owned(), reason.to_owned());
    }

    fn lines(self, target: &str) -> Vec<String> {
        let mut lines = vec![format!(
            "updated carrier module to {target} for {}:",
            self.converted.len()
        )];
        lines.extend(self.converted);
        lines.push(format!(
            "updating carrier module failed for {}:",
            self.failed.len()
        ));
        lines.extend(
            self.failed
                .iter()
                .map(|(number, reason)| format!("{number}: {reason}")),
        );
        lines
    }
}

/// The document with its new carrier. It equals the old one if nothing changes.
fn converted(document: &Document, target: &str, now: &Value) -> Document {
    let mut wanted = document.clone();
    wanted.insert("pvt_module_name".to_owned(), Value::from(target));
    let is_local = target == "knm_local" || target == "knm_mdn";
    let features = match document.get("pvt_features") {
        Some(Value::Object(features)) => Some(features.clone()),
        Some(Value::Array(list)) => Some(features::of_list(list, document)),
        // Any other value means no features.
        _ => is_local.then(Map::new),
    };
    if let Some(mut features) = features {
        if is_local {
            let empty = || Value::Object(Map::new());
            features.entry("local").or_insert_with(empty);
        } else {
            features.shift_remove("local");
        }
        if features.is_empty() {
            wanted.shift_remove("pvt_features");
        } else {
            wanted.insert("pvt_features".to_owned(), Value::Object(features));
        }
    }
    if wanted != *document {
        wanted.insert("pvt_modified".to_owned(), now.clone());
    }
    wanted
}
