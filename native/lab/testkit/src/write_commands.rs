//! Every command that writes, with random clusters in which the command changes something. A
//! command that is added to the table is tested without further work.

use std::cell::Cell;

use exact_json::{Value, json};
use kazoo_numbers::command::{CommandSpec, Effect, Parameter, commands};
use kazoo_numbers::plan::KNOWN_FEATURES;
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_model::{self as model, Argument, Call, arbitrary};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestCaseError, TestError};

use crate::cases;
use crate::command::clusters;

/// The most rounds of cases for a command that finds nothing to change.
const MOST_ROUNDS: u32 = 20;

/// Commands that write number documents and do not need Kazoo. `undo` and the commands about runs
/// in progress are excluded because they need another run.
pub fn write_commands() -> impl Iterator<Item = &'static CommandSpec> {
    commands()
        .filter(|spec| spec.effect != Effect::Reads && !spec.needs_kazoo)
        .filter(|spec| !matches!(spec.name, "undo" | "unlock" | "apply"))
        .filter(|spec| !spec.parameters.contains(&Parameter::RunInProgress))
}

/// A command's name with its arity, since a name can have several arities.
fn signature(spec: &CommandSpec) -> String {
    format!("{}/{}", spec.name, spec.parameters.len())
}

/// Random clusters and arguments for one command. If the reference model knows the command, it
/// changes something.
pub fn cases_for(spec: &'static CommandSpec) -> BoxedStrategy<(Cluster, Call)> {
    let arity = spec.parameters.len();
    let key = (spec.name, arity);
    let modelled = model::FUNCTIONS.contains(&key) || model::OTHER_FUNCTIONS.contains(&key);
    clusters()
        .prop_flat_map(move |cluster| {
            let cluster = prepared(cluster, spec.name);
            let call = if modelled {
                arbitrary::call_of(spec.name, arity, &cluster)
            } else {
                call_without_model(spec, &cluster)
            };
            (Just(cluster), call)
        })
        .prop_filter("changes something", move |(cluster, given)| {
            if !modelled {
                return true;
            }
            let counts = model::run(cluster, given, model::Now::marker()).counts;
            counts.created + counts.updated + counts.deleted > 0
        })
        .boxed()
}

/// A cluster with documents that the command changes, and with attachments.
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
            if function == "remove_former_copies" && name.starts_with("numbers/") && index % 2 == 0
            {
                document.remove("pvt_assigned_to");
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
        // Without a configuration every feature is allowed already.
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

fn call_without_model(spec: &CommandSpec, cluster: &Cluster) -> BoxedStrategy<Call> {
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
        // Select databases half of the time, because there are few of them.
        Parameter::DatabaseOrNumber => {
            let either = prop_oneof![select(databases), select(numbers)];
            return either.prop_map(Argument::Text).boxed();
        }
        Parameter::Parts => {
            let accounts = cluster.account_databases().map(str::to_owned);
            let all: Vec<String> = databases.into_iter().chain(accounts).collect();
            let one = prop_oneof![select(all), select(numbers)];
            let some = prop::collection::vec(one, 1..4);
            return some.prop_map(Argument::List).boxed();
        }
        other => panic!("no strategy for arguments of the kind {other:?}"),
    };
    select(all).prop_map(Argument::Text).boxed()
}

/// Checks `count` random cases of one command, and then further cases until `is_enough`: with few
/// cases a command can find nothing to change. `stream` keeps the cases of two tests apart.
///
/// # Panics
///
/// A case failed, or after many cases it is still not enough.
pub fn check_cases(
    spec: &'static CommandSpec,
    stream: &str,
    count: u64,
    check: impl Fn(&Cluster, &Call) -> Result<(), TestCaseError>,
    is_enough: impl Fn() -> bool,
) {
    let seed = cases::seed();
    let name = signature(spec);
    for round in 0..MOST_ROUNDS {
        let stream = format!("{stream} {name} {round}");
        let mut runner = cases::named_runner(count, seed, &stream);
        let outcome = runner.run(&cases_for(spec), |(cluster, given)| check(&cluster, &given));
        match outcome {
            Ok(()) if is_enough() => return,
            Ok(()) => {}
            Err(TestError::Fail(reason, (_, given))) => panic!("seed {seed}: {given}\n{reason}"),
            Err(other) => panic!("{name}, seed {seed}: {other}"),
        }
    }
    panic!("{name} changed or deleted nothing in any case, seed {seed}");
}

/// Checks `count` random cases of each of these commands, and then further cases until the check of one says that it saw what it is for.
///
/// # Panics
///
/// As [`check_cases`].
pub fn check_each(
    specs: impl Iterator<Item = &'static CommandSpec>,
    stream: &str,
    count: u64,
    check: impl Fn(&Cluster, &Call) -> Result<bool, TestCaseError>,
) {
    for spec in specs {
        let is_enough = Cell::new(false);
        let check = |cluster: &Cluster, given: &Call| {
            let one = check(cluster, given)?;
            is_enough.set(is_enough.get() || one);
            Ok(())
        };
        check_cases(spec, stream, count, check, || is_enough.get());
    }
}
