//! Which carrier modules numbers are on, and moving them to another.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Map, Value};
use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, Source},
    features, names, numbers,
    work::Work,
};

/// The targets that a conversion takes; `knm_bandwidth` stands for its successor.
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
pub(crate) fn usage(work: &mut Work, databases: &[String]) {
    let mut lines = Vec::new();
    let mut totals = BTreeMap::new();
    for database in databases {
        let mut counts = BTreeMap::new();
        let documents = work.cluster.databases.get(database);
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
    work.output = Some(lines);
}

fn module_name(document: &Document) -> String {
    match document.get("pvt_module_name") {
        None => "null".to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(other) => other.to_string(),
    }
}

/// The name under which a target is stored; `None` when it is no carrier module.
pub(crate) fn stored_target(target: &str) -> Option<&str> {
    match target {
        "knm_bandwidth" => Some("knm_bandwidth2"),
        _ => MODULES.contains(&target).then_some(target),
    }
}

/// Converts all documents of these databases that are on the carrier `source`.
pub(crate) fn convert(work: &mut Work, databases: &[String], source: &str, target: &str) {
    let mut lines = Vec::new();
    for database in databases {
        lines.push(format!(
            "attempt to convert numbers with carrier module {source} to {target} in database {}",
            names::encoded(database)
        ));
        let mut conversion = Conversion::default();
        for (number, document) in work.filed_numbers(database) {
            if document.get("pvt_module_name").and_then(Value::as_str) == Some(source) {
                conversion.convert(work, database, &number, &document, target);
            }
        }
        lines.extend(conversion.lines(target));
    }
    work.output = Some(lines);
}

/// Converts one number.
pub(crate) fn convert_number(work: &mut Work, given: &str, target: &str) {
    let mut conversion = Conversion::default();
    let number = work.normalised(given);
    if work.is_reconcilable(&number) {
        let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
        match numbers::live_number(&work.cluster, &database, &number) {
            Some(document) => conversion.convert(work, &database, &number, &document, target),
            None => conversion.fail(work, &database, "not_found", &number),
        }
    } else {
        let database = format!("numbers/{}", names::first_five(given));
        conversion.fail(work, &database, "not_reconcilable", given);
    }
    work.output = Some(conversion.lines(target));
}

#[derive(Default)]
struct Conversion {
    converted: BTreeSet<String>,
    failed: BTreeMap<String, String>,
}

impl Conversion {
    fn convert(
        &mut self,
        work: &mut Work,
        database: &str,
        number: &str,
        document: &Document,
        target: &str,
    ) {
        let wanted = converted(document, target, &work.now);
        if wanted == *document {
            work.unchanged();
        } else {
            work.write(database, number, wanted.clone());
        }
        let source = numbers::assigned_database(&wanted).map(|account| Source {
            database: database.to_owned(),
            number: number.to_owned(),
            account,
        });
        if let Some(source) = source
            && !copies::is_outranked(work, &source)
        {
            let account = source.account;
            if !work.exists(&account) {
                self.fail(work, &account, "db_not_found", number);
                return;
            }
            match work.document(&account, number) {
                Some(existing) if numbers::are_equal(&existing, &wanted) => work.unchanged(),
                Some(existing) if !numbers::is_number(&existing) => {
                    self.fail(work, &account, "conflict", number);
                    return;
                }
                Some(_) if work.is_disputed(&account, number, &wanted) => {
                    self.fail(work, &account, "conflicted", number);
                    return;
                }
                _ => work.write(&account, number, wanted),
            }
        }
        self.converted.insert(number.to_owned());
    }

    fn fail(&mut self, work: &mut Work, database: &str, reason: &str, number: &str) {
        work.fail(database, reason, number);
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

/// The document on its new carrier; equal to the old one when nothing has to change.
fn converted(document: &Document, target: &str, now: &Value) -> Document {
    let mut wanted = document.clone();
    wanted.insert("pvt_module_name".to_owned(), Value::from(target));
    let is_local = target == "knm_local" || target == "knm_mdn";
    let features = match document.get("pvt_features") {
        Some(Value::Object(features)) => Some(features.clone()),
        Some(Value::Array(list)) => Some(features::of_list(list, document)),
        // What is neither has no features.
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
