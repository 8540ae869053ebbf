//! From a name and arguments to a [`Command`].

use super::argument::{Argument, Refusal, is_invisible, separates_digits, shown};
use super::help;
use super::table::{Parameter, Spec, extras, find, table};
use super::{
    Accounts, AuditTarget, Command, Edit, FeatureList, NumberDatabases, OnCluster, Selection,
    Unassigned,
};
use crate::kazoo::{AccountId, DatabaseName, account_argument, decoded, number_database_of};

/// The longest number or name that is looked at.
const LONGEST: usize = 256;

/// What is expected where numbers are.
const NUMBERS: &str = "phone numbers";

/// Reads a command. The refusal is one line that names the argument, what was expected and an
/// example.
pub fn parse(function: &str, arguments: &[Argument]) -> Result<Command, Refusal> {
    let Some(spec) = find(function, arguments.len()) else {
        return Err(unknown(function, arguments.len()));
    };
    let mut given = Given {
        spec,
        arguments,
        next: 0,
    };
    read(&mut given)
}

fn unknown(function: &str, arity: usize) -> Refusal {
    let mut arities: Vec<usize> = table()
        .iter()
        .chain(extras())
        .filter(|spec| spec.name == function)
        .map(|spec| spec.parameters.len())
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

#[expect(clippy::too_many_lines, reason = "one arm a function: the table, read")]
fn read(given: &mut Given<'_>) -> Result<Command, Refusal> {
    use Command as C;
    let none = given.spec.parameters.is_empty();
    let command = match given.spec.name {
        "copy_accounts_to_number_dbs" => C::CopyToNumberDatabases(if none {
            Accounts::All
        } else {
            given.accounts()?
        }),
        "copy_single_account_to_number_dbs" => {
            C::CopyToNumberDatabases(Accounts::One(given.account()?))
        }
        "copy_number_dbs_to_accounts" => C::CopyToAccounts(given.databases_or_all()?, None),
        "copy_single_number_db_to_accounts" => {
            C::CopyToAccounts(NumberDatabases::One(given.number_database()?), None)
        }
        "copy_assigned_number_dbs_to_account" => {
            C::CopyToAccounts(NumberDatabases::All, Some(given.account()?))
        }
        "copy_single_assigned_number_db_to_account" => {
            let account = given.account()?;
            C::CopyToAccounts(
                NumberDatabases::One(given.number_database()?),
                Some(account),
            )
        }
        "copy_number_from_accountdb_to_numbdb" | "copy_numbers_from_accountdb_to_numbdbs" => {
            C::CopyNumbersToNumberDatabases(given.account()?, given.numbers()?)
        }
        "copy_number_from_db_to_assigned_account"
        | "copy_numbers_from_dbs_to_assigned_accounts" => {
            C::CopyNumbersToAccounts(given.numbers()?)
        }
        "copy_single_number_to_account_db" => {
            C::CopyNumberToAccount(given.number()?, given.account()?)
        }
        "fix_apps_for_account_dbs" => C::FixAppsInAccounts(if none {
            Accounts::All
        } else {
            given.accounts()?
        }),
        "fix_apps_for_single_account_db" => C::FixAppsInAccounts(Accounts::One(given.account()?)),
        "fix_apps_for_number_dbs" => C::FixAppsInNumberDatabases(given.databases_or_all()?),
        "fix_apps_for_single_number_db" => {
            C::FixAppsInNumberDatabases(NumberDatabases::One(given.number_database()?))
        }
        "fix_apps_in_number_dbs_for_accounts" => C::FixAppsInNumberDatabasesOf(given.accounts()?),
        "fix_apps_in_number_dbs_for_single_account" => {
            C::FixAppsInNumberDatabasesOf(Accounts::One(given.account()?))
        }
        "fix_numbers_apps_in_accountdb" => {
            C::FixNumbersAppsInAccount(given.account()?, given.numbers()?)
        }
        "fix_numbers_apps_in_numbdb" => C::FixNumbersAppsInNumberDatabases(given.numbers()?),
        "remove_wrong_assigned_from_accounts" => C::RemoveWrongAssigned(Accounts::All),
        "remove_wrong_assigned_from_single_accountdb" => {
            C::RemoveWrongAssigned(Accounts::One(given.account()?))
        }
        "fix_account_db_numbers" => C::FixAccount(given.account()?),
        "fix_number" | "fix_numbers" => C::FixNumbers(given.account()?, given.numbers()?),
        "destructively_remove_from_account_db_if_not_in_numdb" => {
            C::RemoveFromAccounts(Accounts::All)
        }
        "destructively_remove_from_single_account_db_if_not_in_numdb" => {
            C::RemoveFromAccounts(Accounts::One(given.account()?))
        }
        "destructively_remove_from_number_dbs_if_not_in_accountdb" => {
            C::RemoveFromNumberDatabases(NumberDatabases::All)
        }
        "destructively_remove_from_single_numdb_if_not_in_accountdb" => {
            C::RemoveFromNumberDatabases(NumberDatabases::One(given.number_database()?))
        }
        "carrier_module_usage" => C::CarrierUsage(given.prefix_or_all()?),
        "convert_carrier_module" => {
            let source = given.text("a carrier module", "knm_bandwidth")?;
            let target = given.target()?;
            match given.prefix_or_all() {
                Ok(databases) => C::ConvertCarrier {
                    source,
                    target,
                    databases,
                },
                Err(refusal) => C::RefusedAfterTarget { target, refusal },
            }
        }
        "convert_carrier_module_number" => match (given.number(), given.target()?) {
            (Ok(number), target) => C::ConvertCarrierOfNumber { number, target },
            (Err(refusal), target) => C::RefusedAfterTarget { target, refusal },
        },
        "reset_allowed_features_to_defaults_on_system_config" => C::ResetFeatures,
        "app_using" => C::AppUsing(given.number()?, given.account()?),
        "all_features" => C::AllFeatures,
        "feature_permissions_on_number" => C::ShowNumberFeatures(given.number()?),
        "add_allowed_feature_on_number" => given.edit(Edit::Add, FeatureList::Allowed)?,
        "remove_allowed_feature_on_number" => given.edit(Edit::Remove, FeatureList::Allowed)?,
        "add_denied_feature_on_number" => given.edit(Edit::Add, FeatureList::Denied)?,
        "remove_denied_feature_on_number" => given.edit(Edit::Remove, FeatureList::Denied)?,
        "feature_permissions_on_system_config" => C::ShowSystemFeatures,
        "add_allowed_feature_on_system_config" => {
            C::EditSystemFeatures(Edit::Add, given.feature()?)
        }
        "remove_allowed_feature_on_system_config" => {
            C::EditSystemFeatures(Edit::Remove, given.feature()?)
        }
        "ensure_adminonly_features_are_reachable" => C::EnsureAdminOnlyFeatures,
        "purge_deleted" => C::Purge("deleted", given.prefix_or_all()?),
        "purge_discovery" => C::Purge("discovery", given.prefix_or_all()?),
        "migrate_unassigned_numbers" => C::MigrateUnassigned(if none {
            Unassigned::Databases(NumberDatabases::All)
        } else {
            given.unassigned()?
        }),
        "runs" => C::Runs,
        "unlock" => C::Unlock,
        "undo" => {
            let is_any = given.spec.parameters.len() > 1;
            let run = given.text("the id of a run", Parameter::Run.example())?;
            if is_any {
                given.word(OnCluster::ANY)?;
            }
            C::Undo(
                run,
                if is_any {
                    OnCluster::Any
                } else {
                    OnCluster::Same
                },
            )
        }
        "help" if none => C::Help(None),
        "help" => {
            let name = given.text("the name of a function", Parameter::Function.example())?;
            C::Help(Some(help::topic(&name)?))
        }
        "audit" => C::Audit(if none {
            AuditTarget::All
        } else {
            given.audit_target()?
        }),
        name => C::NeedsKazoo(name),
    };
    Ok(if given.is_empty_list() {
        C::Nothing
    } else {
        command
    })
}

/// The arguments of one call, taken one after the other.
struct Given<'a> {
    spec: &'static Spec,
    arguments: &'a [Argument],
    next: usize,
}

impl Given<'_> {
    fn take(&mut self) -> Option<&Argument> {
        let argument = self.arguments.get(self.next);
        self.next += 1;
        argument
    }

    fn refuse(&self, what: &str, expected: &str, example: &str) -> Refusal {
        Refusal::new(format!(
            "{}: argument {} is {what}; expected {expected}, for example {example}",
            self.spec.name, self.next
        ))
    }

    /// The same, with what was probably meant.
    fn refuse_or_suggest(&self, text: &str, expected: &str, example: &str) -> Refusal {
        let line = self.refuse(&shown(text), expected, example);
        let meant = if expected == NUMBERS {
            digits_of(text)
        } else {
            visible_of(text)
        };
        match meant {
            Some(meant) => Refusal::new(format!("{line}; did you mean {meant}?")),
            None => line,
        }
    }

    /// Whether a list that is there is empty, where a list may be.
    fn is_empty_list(&self) -> bool {
        self.spec
            .parameters
            .iter()
            .zip(self.arguments)
            .any(|(parameter, argument)| {
                parameter.is_list() && matches!(argument, Argument::List(all) if all.is_empty())
            })
    }

    fn text(&mut self, expected: &str, example: &str) -> Result<String, Refusal> {
        let text = match self.take() {
            Some(Argument::Text(text)) => text.clone(),
            Some(Argument::List(all)) => match all.as_slice() {
                [] => String::new(),
                _ => return Err(self.refuse("a list", expected, example)),
            },
            None => return Err(self.refuse("missing", expected, example)),
        };
        self.checked(text, expected, example)
    }

    /// A word that must stand just so.
    fn word(&mut self, word: &str) -> Result<(), Refusal> {
        let expected = format!("the word {word}");
        match self.text(&expected, word)? {
            given if given == word => Ok(()),
            given => Err(self.refuse(&shown(&given), &expected, word)),
        }
    }

    fn texts(&mut self, expected: &str, example: &str) -> Result<Vec<String>, Refusal> {
        let texts = match self.take() {
            Some(Argument::Text(text)) => vec![text.clone()],
            Some(Argument::List(all)) => all.clone(),
            None => return Err(self.refuse("missing", expected, example)),
        };
        texts
            .into_iter()
            .map(|text| self.checked(text, expected, example))
            .collect()
    }

    fn checked(&self, text: String, expected: &str, example: &str) -> Result<String, Refusal> {
        // What is no number is a failure of its own and no refusal, nothing at all included
        // (contract section 9.6).
        if text.is_empty() && expected != NUMBERS {
            return Err(self.refuse("empty", expected, example));
        }
        // Kazoo does not take what people write between the digits of a number, and would look for a number of that very
        // name (contract section 9.6).
        let unclear = if expected == NUMBERS {
            text.contains(|c: char| c != ' ' && is_invisible(c)) || digits_of(&text).is_some()
        } else {
            text.contains(char::is_control)
        };
        if text.len() > LONGEST || unclear {
            return Err(self.refuse_or_suggest(&text, expected, example));
        }
        Ok(text)
    }

    fn account_of(&self, text: &str) -> Result<AccountId, Refusal> {
        account_argument(text).ok_or_else(|| {
            self.refuse_or_suggest(
                text,
                "an account id or account database",
                "4b87ccf02d8846f06c3b1f0e04e76bfd",
            )
        })
    }

    fn account(&mut self) -> Result<AccountId, Refusal> {
        let text = self.text(
            "an account id or account database",
            "4b87ccf02d8846f06c3b1f0e04e76bfd",
        )?;
        self.account_of(&text)
    }

    fn accounts(&mut self) -> Result<Accounts, Refusal> {
        let texts = self.texts(
            "account ids or account databases",
            "4b87ccf02d8846f06c3b1f0e04e76bfd",
        )?;
        let mut accounts = texts
            .iter()
            .map(|text| self.account_of(text))
            .collect::<Result<Vec<_>, _>>()?;
        accounts.sort_unstable();
        accounts.dedup();
        Ok(Accounts::List(accounts))
    }

    fn database_of(&self, text: &str) -> Result<Selection, Refusal> {
        database(text).map(Selection::Database).ok_or_else(|| {
            self.refuse_or_suggest(text, "a number database", "numbers%2F%2B1415 or +1415")
        })
    }

    fn number_database(&mut self) -> Result<Selection, Refusal> {
        let text = self.text("a number database", "numbers%2F%2B1415 or +1415")?;
        self.database_of(&text)
    }

    fn prefix_or_all(&mut self) -> Result<NumberDatabases, Refusal> {
        if self.next == self.spec.parameters.len() {
            return Ok(NumberDatabases::All);
        }
        let (expected, example) = ("the first characters of a number", "+1415");
        let text = self.text(expected, example)?;
        prefix(&text)
            .map(NumberDatabases::One)
            .ok_or_else(|| self.refuse_or_suggest(&text, expected, example))
    }

    fn databases_or_all(&mut self) -> Result<NumberDatabases, Refusal> {
        if self.next == self.spec.parameters.len() {
            return Ok(NumberDatabases::All);
        }
        let texts = self.texts("number databases", "numbers%2F%2B1415 or +1415")?;
        let mut selections = texts
            .iter()
            .map(|text| self.database_of(text))
            .collect::<Result<Vec<_>, _>>()?;
        selections.sort_unstable();
        selections.dedup();
        Ok(NumberDatabases::List(selections))
    }

    fn number(&mut self) -> Result<String, Refusal> {
        self.text(NUMBERS, "+14155550100")
    }

    fn numbers(&mut self) -> Result<Vec<String>, Refusal> {
        let list = self
            .spec
            .parameters
            .get(self.next)
            .is_some_and(Parameter::is_list);
        if !list {
            return Ok(vec![self.number()?]);
        }
        let mut numbers = self.texts(NUMBERS, "+14155550100")?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn target(&mut self) -> Result<String, Refusal> {
        self.text("a carrier module", "knm_bandwidth2")
    }

    fn feature(&mut self) -> Result<String, Refusal> {
        self.text("a feature", "e911")
    }

    fn edit(&mut self, edit: Edit, list: FeatureList) -> Result<Command, Refusal> {
        Ok(Command::EditNumberFeatures {
            edit,
            list,
            feature: self.feature()?,
            number: self.number()?,
        })
    }

    fn audit_target(&mut self) -> Result<AuditTarget, Refusal> {
        let (expected, example) = (
            "an account, a number database, the first characters of a number or a phone number",
            "+1415",
        );
        let text = self.text(expected, example)?;
        if let Some(account) = account_argument(&text) {
            return Ok(AuditTarget::Account(account));
        }
        if let Some(name) = database(&text) {
            return Ok(AuditTarget::Databases(Selection::Database(name)));
        }
        if is_a_number(&text) {
            return Ok(AuditTarget::Number(text));
        }
        if let Some(selection) = prefix(&text) {
            return Ok(AuditTarget::Databases(selection));
        }
        // A number that is written for people, more likely than anything else.
        let number = digits_of(&text).map(|_| NUMBERS);
        Err(self.refuse_or_suggest(&text, number.unwrap_or(expected), example))
    }

    fn unassigned(&mut self) -> Result<Unassigned, Refusal> {
        let text = self.text("a number database or a phone number", "+1415")?;
        Ok(match database(&text) {
            Some(name) => Unassigned::Databases(NumberDatabases::One(Selection::Database(name))),
            None => Unassigned::Number(self.checked(text, NUMBERS, "+14155550100")?),
        })
    }
}

/// Whether a text can be dialled, and is longer than the name of a number database.
fn is_a_number(text: &str) -> bool {
    starts_a_number(text) && text.bytes().filter(u8::is_ascii_digit).count() >= 5
}

/// Whether this is all of a number, and not its first characters: no country has numbers with fewer digits that Kazoo takes.
fn is_a_whole_number(text: &str) -> bool {
    const SHORTEST: usize = 8;
    starts_a_number(text) && text.bytes().filter(u8::is_ascii_digit).count() >= SHORTEST
}

/// A number without what people write between its digits; None where nothing else is left than a number, or it is one.
fn digits_of(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(|c| !separates_digits(*c)).collect();
    (cleaned != text && cleaned.len() <= LONGEST && is_a_number(&cleaned)).then_some(cleaned)
}

/// A text without what cannot be seen; None where it has none of that, or nothing else.
fn visible_of(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let can_be_shown = cleaned.bytes().all(|byte| byte.is_ascii_graphic());
    (cleaned != text && !cleaned.is_empty() && can_be_shown && cleaned.len() <= LONGEST)
        .then_some(cleaned)
}

/// A number database in any of its forms: its name, encoded or not, or the five characters that
/// name it. A longer number is none: what deletes from a database must not mistake one for it.
fn database(text: &str) -> Option<DatabaseName> {
    let plain = decoded(text)?;
    if let Some(rest) = plain.strip_prefix("numbers/") {
        if rest.is_empty() || rest.contains('/') {
            return None;
        }
        return DatabaseName::new(&plain);
    }
    if !starts_a_number(&plain) || plain.len() != 5 {
        return None;
    }
    number_database_of(&plain)
}

/// The first characters of a number, five or more of which name one database; or a database. A whole number is refused: the
/// operator means that number, and not all that share its database.
fn prefix(text: &str) -> Option<Selection> {
    if let Some(database) = database(text) {
        return Some(Selection::Database(database));
    }
    if !starts_a_number(text) || is_a_whole_number(text) {
        return None;
    }
    Some(match number_database_of(text) {
        Some(database) => Selection::Database(database),
        None => Selection::StartingWith(text.to_owned()),
    })
}

fn starts_a_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !text.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Argument {
        Argument::Text(text.into())
    }

    fn refused(function: &str, arguments: &[Argument]) -> String {
        match parse(function, arguments) {
            Err(refusal) | Ok(Command::RefusedAfterTarget { refusal, .. }) => refusal.to_string(),
            Ok(command) => panic!("{command:?} is not refused"),
        }
    }

    #[test]
    fn a_bogus_account_is_refused_in_one_helpful_line() {
        assert_eq!(
            refused("copy_single_account_to_number_dbs", &[text("bogus")]),
            "copy_single_account_to_number_dbs: argument 1 is \"bogus\"; expected an account id \
             or account database, for example 4b87ccf02d8846f06c3b1f0e04e76bfd"
        );
    }

    #[test]
    fn number_databases_in_every_form() {
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
    fn lists_may_be_empty_mixed_and_of_one() {
        let id = "abcdef0123456789abcdef0123456789";
        let function = "copy_accounts_to_number_dbs";
        assert_eq!(
            parse(function, &[Argument::List(vec![])]).unwrap(),
            Command::Nothing
        );
        let accounts =
            Command::CopyToNumberDatabases(Accounts::List(vec![AccountId::parse(id).unwrap()]));
        let mixed = vec![
            id.to_owned(),
            "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789".to_owned(),
        ];
        assert_eq!(parse(function, &[Argument::List(mixed)]).unwrap(), accounts);
        assert_eq!(parse(function, &[text(id)]).unwrap(), accounts);
    }

    #[test]
    fn an_audit_takes_accounts_databases_prefixes_and_numbers() {
        let target = |argument: &str| match parse("audit", &[text(argument)]) {
            Ok(Command::Audit(target)) => Some(target),
            _ => None,
        };
        let id = "abcdef0123456789abcdef0123456789";
        let account = AuditTarget::Account(AccountId::parse(id).unwrap());
        for form in [id, "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789"] {
            assert_eq!(target(form), Some(account.clone()), "{form}");
        }
        let database = DatabaseName::new("numbers/+1415").unwrap();
        let database = AuditTarget::Databases(Selection::Database(database));
        for form in ["+1415", "numbers%2F%2B1415", "numbers/+1415"] {
            assert_eq!(target(form), Some(database.clone()), "{form}");
        }
        let prefix = AuditTarget::Databases(Selection::StartingWith("+14".into()));
        assert_eq!(target("+14"), Some(prefix));
        for form in ["+14155550100", "4155550100", "+14155"] {
            assert_eq!(
                target(form),
                Some(AuditTarget::Number(form.into())),
                "{form}"
            );
        }
        for form in ["", "bogus", "account/ab", "numbers/", "-1415555-x"] {
            assert_eq!(target(form), None, "{form}");
        }
        assert_eq!(parse("audit", &[]), Ok(Command::Audit(AuditTarget::All)));
        let list = Argument::List(vec!["+1415".into(), "+1416".into()]);
        assert!(parse("audit", &[list]).is_err());
    }

    /// Every function that takes numbers, with this text in their place.
    fn with_number(number: &str) -> Vec<(&'static str, Vec<Argument>)> {
        let functions = table().iter().chain(extras());
        functions
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
    fn number_as_people_write_it_is_refused_by_every_function_and_the_clean_form_offered() {
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
        // Not a number at all: a failure of that number, and no refusal.
        for (function, arguments) in with_number("sip-user") {
            if function != "audit" {
                assert!(parse(function, &arguments).is_ok(), "{function}");
            }
        }
        let mixed = Argument::List(vec!["+14155550100".into(), "+1415 5550101".into()]);
        refused("fix_numbers_apps_in_numbdb", &[mixed]);
    }

    #[test]
    fn names_with_invisible_characters_are_shown_escaped_and_the_clean_form_offered() {
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
    fn whole_number_is_refused_where_a_database_or_a_prefix_is_wanted() {
        let wants_database = |parameter: &Parameter| {
            use Parameter::{Database, Databases, Prefix};
            matches!(parameter, Database | Databases | Prefix)
        };
        let mut functions = Vec::new();
        for spec in table().iter().chain(extras()) {
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
    fn what_is_not_there_is_said() {
        assert_eq!(refused("bogus", &[]), "there is no function \"bogus\"");
        assert_eq!(
            refused("fix_number", &[]),
            "fix_number takes 2 argument(s), not 0"
        );
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        for spec in table().iter().chain(extras()) {
            let arguments: Vec<Argument> = spec
                .parameters
                .iter()
                .map(|parameter| text(parameter.example()))
                .collect();
            let command = parse(spec.name, &arguments).unwrap_or_else(|refusal| {
                panic!("{}: {refusal}", spec.name);
            });
            assert_eq!(
                matches!(command, Command::NeedsKazoo(_)),
                spec.needs_kazoo,
                "{}",
                spec.name
            );
        }
    }
}
