use std::collections::BTreeSet;

use super::*;
use crate::command::{Argument, Effect, Parameter, Scope, commands, parse};
use crate::kazoo::{AccountId, DatabaseName};
use crate::plan::Drift;
use crate::report::audit::{AuditScope, remedy};
use crate::report::{Finding, remedy_of_number};

fn arguments(spec: &CommandSpec) -> Vec<Argument> {
    let examples = spec.example_arguments();
    spec.parameters
        .iter()
        .zip(examples)
        .map(|(parameter, example)| {
            let example = example.to_owned();
            if parameter.is_list() {
                Argument::List(vec![example])
            } else {
                Argument::Text(example)
            }
        })
        .collect()
}

#[test]
fn catalog_has_each_of_kazoos_seventy_functions_once() {
    let kazoos: Vec<_> = all()
        .filter(|spec| spec.origin == Origin::Kazoo)
        .map(|spec| (spec.name, spec.parameters.len()))
        .collect();
    let names: BTreeSet<_> = kazoos.iter().collect();
    assert_eq!((names.len(), kazoos.len()), (70, 70));
    let everything: BTreeSet<_> = all()
        .map(|spec| (spec.name, spec.parameters.len()))
        .collect();
    assert_eq!(everything.len(), all().count());
}

#[test]
fn every_row_accepts_its_examples() {
    for spec in commands() {
        let command = parse(spec.name, &arguments(spec));
        assert!(command.is_ok(), "{}: {command:?}", spec.name);
    }
}

#[test]
fn only_commands_that_write_numbers_have_a_scope() {
    for spec in commands().filter(|spec| !spec.needs_kazoo) {
        let writes_no_numbers = spec.name.ends_with("_on_system_config")
            || spec.name == "ensure_adminonly_features_are_reachable"
            || matches!(
                spec.name,
                "unlock" | "cancel" | "pause" | "resume" | "throttle"
            );
        assert_eq!(
            spec.scope.is_some(),
            spec.effect != Effect::Reads && !writes_no_numbers,
            "{}/{}",
            spec.name,
            spec.parameters.len()
        );
    }
}

/// A run for one account or given numbers is shared. A run for databases, lists of them, or everything is exclusive.
#[test]
fn scope_follows_the_parameters() {
    for spec in commands().filter(|spec| spec.scope.is_some()) {
        let is_narrow = spec.parameters.iter().any(|parameter| {
            matches!(
                parameter,
                Parameter::Account | Parameter::Number | Parameter::Numbers
            )
        });
        let expected = if is_narrow {
            Scope::Shared
        } else {
            Scope::Exclusive
        };
        assert_eq!(spec.scope, Some(expected), "{}", spec.name);
    }
    let scope = |argument: &str| {
        let argument = Argument::Text(argument.to_owned());
        parse("migrate_unassigned_numbers", &[argument])
            .unwrap()
            .scope()
    };
    assert_eq!(scope("+14155550100"), Some(Scope::Shared));
    assert_eq!(scope("numbers/+1415"), Some(Scope::Exclusive));
}

/// An audit names only commands whose rows list that drift in `repairs`.
#[test]
fn audit_remedies_match_the_catalog() {
    let scopes = [
        AuditScope::All,
        AuditScope::Account("4b87ccf02d8846f06c3b1f0e04e76bfd".into()),
        AuditScope::NumberDatabases("numbers%2F%2B1415".into()),
        AuditScope::NumberDatabases("numbers%2F%2B1".into()),
        AuditScope::Number("+14155550100".into()),
    ];
    let mut named = BTreeSet::new();
    for scope in &scopes {
        for kind in Drift::ALL {
            let Some(command) = remedy::command(kind, scope) else {
                assert!(remedy::hint(kind).is_some(), "{kind:?}");
                continue;
            };
            named.insert(named_for(kind, &command));
        }
    }
    named.extend(named_for_a_number());
    for spec in all().filter(|spec| !spec.repairs.is_empty()) {
        let key = (spec.name, spec.parameters.len());
        assert!(
            named.contains(&key),
            "{key:?} is named by no audit and no show"
        );
    }
}

/// The function and arity of a command line that is named for this drift. Its row must parse the line and repair the drift.
fn named_for(kind: Drift, command: &str) -> (&'static str, usize) {
    let mut words = command.split(' ');
    let function = words.next().unwrap();
    let arguments: Vec<Argument> = words.map(|word| Argument::Text(word.into())).collect();
    assert!(parse(function, &arguments).is_ok(), "{command}");
    let spec = find(function, arguments.len()).unwrap();
    assert!(spec.repairs.contains(&kind), "{command}: {kind:?}");
    (spec.name, spec.parameters.len())
}

/// The commands that `show` names for one number. Their rows list the drift in `repairs`, too.
fn named_for_a_number() -> BTreeSet<(&'static str, usize)> {
    let account = AccountId::parse("4b87ccf02d8846f06c3b1f0e04e76bfd").unwrap();
    let database = DatabaseName::new("numbers/+1415").unwrap();
    let mut named = BTreeSet::new();
    for kind in Drift::ALL {
        let finding = Finding {
            kind,
            database: database.clone(),
            number: "+14155550100".to_owned(),
            account: Some(account),
            number_database: Some(database.clone()),
            fields: Vec::new(),
            assigned_to: None,
        };
        for is_reconcilable in [true, false] {
            let Some(command) = remedy_of_number(&finding, is_reconcilable) else {
                assert!(remedy::hint(kind).is_some(), "{kind:?}");
                continue;
            };
            named.insert(named_for(kind, &command));
        }
    }
    named
}
