//! Parses a name and arguments into a [`Command`].

use super::argument::{Argument, Refusal};
use super::given::Given;
use super::parameter::Parameter;
use super::parsed::Command;
use super::prepared::Prepared;
use super::spec::{CommandSpec, Effect};
use super::{commands, find, help};

/// Parses a command. A refusal is one line with the argument, the expected value and an example.
///
/// # Errors
///
/// The function does not exist, or does not accept these arguments.
pub fn parse(function: &str, arguments: &[Argument]) -> Result<Command, Refusal> {
    let Some(spec) = find(function, arguments.len()) else {
        return Err(unknown(function, arguments.len()));
    };
    let mut given = Given::new(spec.name, spec.parameters, arguments);
    let prepared = (spec.start)(&mut given)?;
    for (parameter, argument) in spec.parameters.iter().zip(arguments) {
        if let (Parameter::Function, Argument::Text(name)) = (parameter, argument) {
            help::check_topic(name)?;
        }
    }
    if let Some((planned, arguments)) = &prepared.plans {
        return plan(spec, planned, arguments);
    }
    let prepared = if given.is_empty_list() {
        Prepared::nothing()
    } else {
        prepared
    };
    Ok(Command::new(spec, prepared))
}

/// A plan of a call.
fn plan(
    spec: &'static CommandSpec,
    function: &str,
    arguments: &[Argument],
) -> Result<Command, Refusal> {
    let planned = parse(function, arguments)?;
    if !planned.spec().can_be_planned() {
        let line = if planned.spec().effect == Effect::Reads {
            "it changes nothing"
        } else {
            "it has no plan"
        };
        return Err(Refusal::new(format!("{}: {function}: {line}", spec.name)));
    }
    Ok(Command::plan_of(spec, planned))
}

fn unknown(function: &str, arity: usize) -> Refusal {
    let mut arities: Vec<usize> = commands()
        .filter(|spec| spec.name == function)
        .flat_map(CommandSpec::arities)
        .collect();
    arities.sort_unstable();
    let line = match arities.as_slice() {
        [] => help::no_such(function),
        arities => {
            let takes: Vec<String> = arities.iter().map(usize::to_string).collect();
            format!(
                "{function} takes {} argument(s), not {arity}",
                takes.join(" or ")
            )
        }
    };
    Refusal::new(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::forms::{database, prefix};
    use crate::kazoo::{AccountId, DatabaseName};
    use crate::selection::{Accounts, AuditTarget, Part, Selection};

    fn text(text: &str) -> Argument {
        Argument::Text(text.into())
    }

    /// The refusal of a call. A conversion checks its target before it refuses other arguments.
    fn refused(function: &str, arguments: &[Argument]) -> String {
        match parse(function, arguments) {
            Err(refusal) => refusal.to_string(),
            Ok(command) => command
                .refusal()
                .unwrap_or_else(|| panic!("{command:?} is not refused"))
                .to_owned(),
        }
    }

    fn given(function: &str, arguments: &'static [Argument]) -> Given<'static> {
        {
            let spec = find(function, arguments.len()).unwrap();
            Given::new(spec.name, spec.parameters, arguments)
        }
    }

    fn leaked(argument: Argument) -> &'static [Argument] {
        Box::leak(Box::new([argument]))
    }

    #[test]
    fn invalid_account_is_refused_in_one_line() {
        assert_eq!(
            refused("copy_single_account_to_number_dbs", &[text("bogus")]),
            "copy_single_account_to_number_dbs: argument 1 is \"bogus\"; expected an account id \
             or account database, for example 4b87ccf02d8846f06c3b1f0e04e76bfd"
        );
    }

    #[test]
    fn number_database_is_accepted_in_every_form() {
        let expected = DatabaseName::new("numbers/+1415").unwrap();
        let selected = Some(Selection::Database(expected.clone()));
        for form in [
            "numbers%2F%2B1415",
            "numbers%2f%2b1415",
            "numbers/+1415",
            "+1415",
        ] {
            assert_eq!(database(form), Some(expected.clone()), "{form}");
            assert_eq!(prefix(form), selected, "{form}");
        }
        assert_eq!(prefix("+141555"), selected);
        assert_eq!(prefix("+14"), Some(Selection::StartingWith("+14".into())));
        assert_eq!(database("+14"), None);
        for whole in ["+14155550100", "4155550100", "+44207183", "14155550100"] {
            assert_eq!(database(whole), None, "{whole}");
            assert_eq!(prefix(whole), None, "{whole}");
        }
        for form in [
            "bogus",
            "numbers/",
            "numbers/../_users",
            "numbers%2F%2e%2e",
            "numbers%252F%252B1415",
            "account/ab/cd/ef0123456789abcdef0123456789",
            "",
        ] {
            assert_eq!(database(form), None, "{form}");
            assert_eq!(prefix(form), None, "{form}");
        }
    }

    #[test]
    fn list_may_be_empty_mixed_or_of_one() {
        let id = "abcdef0123456789abcdef0123456789";
        let function = "copy_accounts_to_number_dbs";
        let empty = parse(function, &[Argument::List(vec![])]).unwrap();
        assert_eq!(empty.scope(), None, "there is nothing to do");
        let accounts = Accounts::List(vec![AccountId::parse(id).unwrap()]);
        let mixed = vec![
            id.to_owned(),
            "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789".to_owned(),
        ];
        for argument in [Argument::List(mixed), text(id)] {
            let read = given(function, leaked(argument)).accounts();
            assert_eq!(read.unwrap(), accounts);
        }
    }

    #[test]
    fn audit_takes_accounts_databases_prefixes_and_numbers() {
        let target = |argument: &str| given("audit", leaked(text(argument))).audit_target().ok();
        let id = "abcdef0123456789abcdef0123456789";
        let one = |part| AuditTarget::Parts(vec![part]);
        let account = one(Part::Account(AccountId::parse(id).unwrap()));
        for form in [id, "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789"] {
            assert_eq!(target(form), Some(account.clone()), "{form}");
        }
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let database = one(Part::Database(database));
        for form in ["+1415", "numbers%2F%2B1415", "numbers/+1415"] {
            assert_eq!(target(form), Some(database.clone()), "{form}");
        }
        let prefix = one(Part::StartingWith("+14".into()));
        assert_eq!(target("+14"), Some(prefix));
        for form in ["+14155550100", "4155550100", "+14155"] {
            let number = one(Part::Number(form.into()));
            assert_eq!(target(form), Some(number), "{form}");
        }
        for form in ["", "bogus", "account/ab", "numbers/", "-1415555-x"] {
            assert_eq!(target(form), None, "{form}");
        }
        assert!(parse("audit", &[]).is_ok());
        let list = |texts: &[&str]| {
            let texts = texts.iter().map(|&text| text.to_owned()).collect();
            given("audit", leaked(Argument::List(texts))).audit_target()
        };
        let both = ["+1415", id].map(|text| list(&[text]).unwrap());
        let [AuditTarget::Parts(database), AuditTarget::Parts(account)] = both else {
            panic!("no parts");
        };
        let all = AuditTarget::Parts([account, database].concat());
        assert_eq!(list(&["+1415", id, "+1415"]).unwrap(), all);
        assert_eq!(list(&["trend"]).unwrap(), AuditTarget::Trend);
        for refused in [&["trend", id][..], &["+1415", "bogus"]] {
            assert!(list(refused).is_err(), "{refused:?}");
        }
    }

    /// A call of every function that accepts numbers, with this text in the place of the number.
    fn with_number(number: &str) -> Vec<(&'static str, Vec<Argument>)> {
        commands()
            .filter(|spec| !spec.needs_kazoo)
            .filter_map(|spec| {
                let mut takes_number = false;
                let arguments = spec.parameters.iter().map(|parameter| {
                    let is_number = matches!(parameter, Parameter::Number | Parameter::Numbers);
                    takes_number |= is_number;
                    text(if is_number {
                        number
                    } else {
                        parameter.example()
                    })
                });
                let arguments = arguments.collect();
                takes_number.then_some((spec.name, arguments))
            })
            .collect()
    }

    #[test]
    fn number_with_separators_is_refused_with_a_suggestion() {
        for (written, seen) in [
            ("+1 (415) 555-0100", "+1 (415) 555-0100"),
            ("+1.415.555.0100", "+1.415.555.0100"),
            ("+1415\u{200b}5550100", "+1415\\u{200b}5550100"),
            (
                "\u{202d}+14155550100\u{202c}",
                "\\u{202d}+14155550100\\u{202c}",
            ),
            ("+1415\u{a0}555\u{2011}0100", "+1415\\u{a0}555\u{2011}0100"),
            ("+14155550100\r", "+14155550100\\r"),
        ] {
            let calls = with_number(written);
            assert!(calls.len() >= 10, "{}", calls.len());
            for (function, arguments) in calls {
                let line = refused(function, &arguments);
                assert!(line.contains(&format!("\"{seen}\"")), "{line}");
                assert!(line.ends_with("did you mean +14155550100?"), "{line}");
            }
        }
        for (function, arguments) in with_number("bogus\u{200b}") {
            let line = refused(function, &arguments);
            assert!(!line.contains("did you mean"), "{line}");
        }
        // A text that is not a number fails as that number; the command is not refused.
        for (function, arguments) in with_number("sip-user") {
            if function != "audit" {
                assert!(parse(function, &arguments).is_ok(), "{function}");
            }
        }
        let mixed = Argument::List(vec!["+14155550100".into(), "+1415 5550101".into()]);
        refused("fix_numbers_apps_in_numbdb", &[mixed]);
    }

    #[test]
    fn name_with_invisible_characters_is_refused_with_a_suggestion() {
        let id = "abcdef0123456789abcdef0123456789";
        let line = refused("fix_account_db_numbers", &[text(&format!("{id}\u{200b}"))]);
        assert!(line.contains("6789\\u{200b}\""), "{line}");
        assert!(line.ends_with(&format!("did you mean {id}?")), "{line}");
        let line = refused(
            "copy_single_number_db_to_accounts",
            &[text("\u{feff}+1415")],
        );
        assert!(line.ends_with("did you mean +1415?"), "{line}");
        let line = refused("audit", &[text("(415) 555-0100")]);
        assert!(line.ends_with("did you mean 4155550100?"), "{line}");
    }

    #[test]
    fn whole_number_is_refused_as_database_or_prefix() {
        let wants_database = |parameter: &Parameter| {
            use Parameter::{Database, Databases, Prefix};
            matches!(parameter, Database | Databases | Prefix)
        };
        let mut functions = Vec::new();
        for spec in commands() {
            if spec.needs_kazoo {
                continue;
            }
            let Some(at) = spec.parameters.iter().position(wants_database) else {
                continue;
            };
            let mut arguments: Vec<Argument> = spec
                .parameters
                .iter()
                .map(|parameter| text(parameter.example()))
                .collect();
            arguments[at] = text("+14155550100");
            let line = refused(spec.name, &arguments);
            assert!(line.contains("\"+14155550100\""), "{line}");
            functions.push(spec.name);
        }
        assert!(functions.contains(&"purge_deleted"), "{functions:?}");
        assert!(
            functions.contains(&"destructively_remove_from_single_numdb_if_not_in_accountdb"),
            "{functions:?}"
        );
    }

    #[test]
    fn odd_texts_are_refused() {
        for odd in ["\n", "a\u{0}b"] {
            assert!(parse("fix_numbers_apps_in_numbdb", &[text(odd)]).is_err());
        }
        let line = refused("fix_account_db_numbers", &[text(&"x".repeat(65536))]);
        assert!(line.len() < 300, "{line}");
        assert!(!refused("fix_account_db_numbers", &[text("a\u{1b}[2J")]).contains('\u{1b}'));
    }

    #[test]
    fn unknown_function_and_wrong_arity_are_refused() {
        assert_eq!(refused("bogus", &[]), "there is no function \"bogus\"");
        assert_eq!(
            refused("fix_number", &[]),
            "fix_number takes 2 argument(s), not 0"
        );
    }
}
