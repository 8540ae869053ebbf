//! Every command of the table that writes, with arguments for random clusters in which it has
//! something to do. Whoever adds a command to the table has it tested.

use exact_json::{Value, json};
use kazoo_numbers::command::{Effect, Parameter, Spec, extras, table};
use kazoo_numbers::plan::KNOWN_FEATURES;
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::{self as model, Argument, Call, arbitrary};
use proptest::prelude::*;
use proptest::sample::select;

use crate::command::clusters;

/// The functions that write and need no Kazoo; `undo` is not among them, since it needs a run.
pub fn writing() -> impl Iterator<Item = &'static Spec> {
    table()
        .iter()
        .chain(extras())
        .filter(|spec| spec.effect != Effect::Reads && !spec.needs_kazoo)
        .filter(|spec| spec.name != "undo")
}

/// A name for one of them, since names have several arities.
pub fn signature(spec: &Spec) -> String {
    format!("{}/{}", spec.name, spec.parameters.len())
}

/// Clusters and arguments for one function. Where the reference model knows the function, it
/// changes something.
pub fn work(spec: &'static Spec) -> BoxedStrategy<(Cluster, Call)> {
    let arity = spec.parameters.len();
    let modelled = model::FUNCTIONS.contains(&(spec.name, arity));
    clusters()
        .prop_flat_map(move |cluster| {
            let cluster = prepared(cluster, spec.name);
            let call = if modelled {
                arbitrary::call_of(spec.name, arity, &cluster)
            } else {
                beyond_the_model(spec, &cluster)
            };
            (Just(cluster), call)
        })
        .prop_filter("has something to do", move |(cluster, given)| {
            if !modelled {
                return true;
            }
            let counts = model::run(cluster, given, model::Now::marker()).counts;
            counts.created + counts.updated + counts.deleted > 0
        })
        .boxed()
}

/// A cluster with what a function is about, here and there, and with attachments.
fn prepared(mut cluster: Cluster, function: &str) -> Cluster {
    let state = function.strip_prefix("purge_");
    let listed = match function {
        "remove_allowed_feature_on_number" => Some("pvt_features_allowed"),
        "remove_denied_feature_on_number" => Some("pvt_features_denied"),
        _ => None,
    };
    for (name, database) in &mut cluster.databases {
        let numbers = database
            .documents
            .values_mut()
            .filter(|document| document.get("pvt_type") == Some(&Value::from("number")));
        for (index, document) in numbers.enumerate() {
            if let Some(state) = state
                && name.starts_with("numbers/")
                && index % 2 == 0
            {
                document.insert("pvt_state".into(), state.into());
            }
            if function == "migrate_unassigned_numbers" && name.starts_with("numbers/") {
                document.remove("pvt_assigned_to");
                document.insert("pvt_features_denied".into(), json!(["port"]));
            }
            if let Some(list) = listed {
                document.insert(list.into(), KNOWN_FEATURES.to_vec().into());
            }
            if index % 5 == 1 && !document.contains_key("_attachments") {
                let text = json!({"content_type": "text/plain", "data": "bm90ZQ=="});
                document.insert("_attachments".into(), json!({"note.txt": text}));
            }
        }
    }
    if function.starts_with("add_allowed_feature_on_system_config")
        || function == "ensure_adminonly_features_are_reachable"
    {
        // Where nothing is configured every feature is allowed already.
        let config = cluster.databases.entry("system_config".into()).or_default();
        let manager = json!({"_id": "number_manager", "default": {"features": {"allow": []}}});
        if let Some(manager) = manager.as_object() {
            config
                .documents
                .insert("number_manager".into(), manager.clone());
        }
    }
    cluster
}

fn beyond_the_model(spec: &Spec, cluster: &Cluster) -> BoxedStrategy<Call> {
    let name = spec.name;
    let arguments: Vec<BoxedStrategy<Argument>> = spec
        .parameters
        .iter()
        .map(|parameter| argument(*parameter, cluster))
        .collect();
    arguments
        .prop_map(move |arguments| Call::new(name, arguments))
        .boxed()
}

fn argument(parameter: Parameter, cluster: &Cluster) -> BoxedStrategy<Argument> {
    let databases: Vec<String> = cluster
        .number_databases()
        .map(str::to_owned)
        .chain(["numbers/+1999".to_owned()])
        .collect();
    let numbers: Vec<String> = cluster
        .number_databases()
        .flat_map(|name| &cluster.databases[name].documents)
        .filter(|(id, document)| {
            id.starts_with('+') && document.get("pvt_type") == Some(&Value::from("number"))
        })
        .map(|(id, _)| id.clone())
        .chain(["+14155550199".to_owned()])
        .collect();
    let all = match parameter {
        Parameter::Feature => KNOWN_FEATURES.map(str::to_owned).to_vec(),
        Parameter::Database | Parameter::Prefix => databases,
        Parameter::Number => numbers,
        // Half of them databases, of which there are few.
        Parameter::DatabaseOrNumber => {
            let either = prop_oneof![select(databases), select(numbers)];
            return either.prop_map(Argument::Text).boxed();
        }
        other => panic!("arguments of the kind {other:?} are missing here"),
    };
    select(all).prop_map(Argument::Text).boxed()
}

/// How many times as many cases a function needs as others, until it finds something to do.
pub fn rarity(spec: &Spec) -> u64 {
    // Unassigned numbers that something uses are few, and of them those of one database or the number itself fewer.
    if spec.name == "migrate_unassigned_numbers" {
        4
    } else {
        1
    }
}
