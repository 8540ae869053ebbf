//! Kazoo's databases: number databases, account databases, and their names.

use document::{DatabaseName, encoded};
use percent_encoding::percent_decode_str;

use super::AccountId;

/// The number of characters that name a number's database (docs/specification.md#words).
const PREFIX: usize = 5;

/// The kind of a database, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classification {
    /// `numbers/…`
    Numbers,
    /// `account/ab/cd/` and 28 hexadecimal digits.
    Account(AccountId),
    /// A month (`…-202601`) or year (`…-2026`) database of an account. It is never read or written.
    AccountPeriod(AccountId),
    /// Anything else.
    Other,
}

/// The number databases without a prefix, which can hold any number. The order is the priority of the document of a number: first
/// the database of its prefix, then `numbers/inum`, then `numbers/managed`.
const UNPREFIXED: [&str; 2] = ["numbers/inum", "numbers/managed"];

/// The number databases without a prefix, in the order of priority.
pub fn unprefixed_number_databases() -> impl Iterator<Item = DatabaseName> {
    UNPREFIXED.iter().filter_map(|name| DatabaseName::new(name))
}

/// The number databases that may hold a number, in the order of priority.
pub fn number_databases_of(number: &str) -> impl Iterator<Item = DatabaseName> {
    number_database_of(number)
        .into_iter()
        .chain(unprefixed_number_databases())
}

/// The facts that a database's name gives in Kazoo.
pub trait KazooDatabase {
    /// Whether it is a number database without a prefix: another database can hold the same number.
    fn is_unprefixed(&self) -> bool;

    /// The number databases whose document of a number has priority over this one's.
    fn gives_way_to(&self, number: &str) -> Vec<DatabaseName>;

    /// Becomes the other number database if the document of this number there has priority over this one's.
    fn prefer(&mut self, other: &DatabaseName, number: &str);

    /// The kind of database.
    fn classification(&self) -> Classification;

    /// The account, for an account database.
    fn account(&self) -> Option<AccountId>;

    /// Whether this library may restore a document with this id from a file: a document of a number database, an account database
    /// or the system config, and not a design or local document.
    fn may_be_restored(&self, id: &str) -> bool;

    /// Whether a number document with this id belongs in this number database. `numbers/inum` and `numbers/managed` accept any
    /// id.
    fn holds(&self, number: &str) -> bool;
}

impl KazooDatabase for DatabaseName {
    fn is_unprefixed(&self) -> bool {
        UNPREFIXED.contains(&self.plain())
    }

    fn gives_way_to(&self, number: &str) -> Vec<DatabaseName> {
        if !self.is_unprefixed() {
            return Vec::new();
        }
        number_databases_of(number)
            .take_while(|database| database != self)
            .collect()
    }

    fn prefer(&mut self, other: &DatabaseName, number: &str) {
        if self.gives_way_to(number).contains(other) {
            self.clone_from(other);
        }
    }

    fn classification(&self) -> Classification {
        if self.plain().starts_with("numbers/") {
            return Classification::Numbers;
        }
        match account_and_period(self.plain()) {
            Some((id, "")) => Classification::Account(id),
            Some((id, period)) if is_period(period) => Classification::AccountPeriod(id),
            _ => Classification::Other,
        }
    }

    fn account(&self) -> Option<AccountId> {
        match self.classification() {
            Classification::Account(id) => Some(id),
            _ => None,
        }
    }

    fn may_be_restored(&self, id: &str) -> bool {
        let database = match self.classification() {
            Classification::Numbers | Classification::Account(_) => true,
            Classification::AccountPeriod(_) => false,
            Classification::Other => self.plain() == "system_config",
        };
        // `_design/…` and `_local/…`. CouchDB accepts no other ids that start with `_`.
        database && !id.starts_with('_')
    }

    fn holds(&self, number: &str) -> bool {
        self.is_unprefixed()
            || (self.classification() == Classification::Numbers
                && number_database_of(number).as_ref() == Some(self))
    }
}

/// The number database of a number: `numbers/` and its first five characters. `None` if the id is shorter, or a name cannot
/// contain its first five characters.
pub fn number_database_of(number: &str) -> Option<DatabaseName> {
    let (end, _) = number.char_indices().nth(PREFIX - 1)?;
    let prefix = number.get(..=end)?;
    DatabaseName::new(&format!("numbers/{prefix}"))
}

/// The encoded name of a given number's database for reports, even if no such database can exist.
pub fn encoded_number_database_of(given: &str) -> String {
    let prefix: String = given.chars().take(PREFIX).collect();
    encoded(&format!("numbers/{prefix}"))
}

/// Splits `account/ab/cd/`, 28 digits and a suffix into the account and the suffix.
fn account_and_period(name: &str) -> Option<(AccountId, &str)> {
    let rest = name.strip_prefix("account/")?;
    let (first, rest) = rest.split_once('/')?;
    let (second, rest) = rest.split_once('/')?;
    let tail = rest.get(..28)?;
    if first.len() != 2 || second.len() != 2 {
        return None;
    }
    let id = AccountId::parse(&format!("{first}{second}{tail}"))?;
    Some((id, rest.get(28..)?))
}

fn is_period(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|digits| {
        matches!(digits.len(), 4 | 6) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Parses an account from an argument (docs/specification.md#arguments): the id, a database name in either form, or the name of a
/// month or year database.
pub(crate) fn account_argument(text: &str) -> Option<AccountId> {
    if let Some(id) = AccountId::parse(text) {
        return Some(id);
    }
    let plain = decoded(text)?;
    if let Some((id, period)) = plain.split_once('-') {
        let account = AccountId::parse(id);
        if account.is_some() && is_period(&format!("-{period}")) {
            return account;
        }
    }
    let (id, period) = account_and_period(&plain)?;
    (period.is_empty() || is_period(period)).then_some(id)
}

/// A name with its percent escapes decoded, once; `None` if it has none.
pub(crate) fn decoded(text: &str) -> Option<String> {
    if text.len() > DatabaseName::LONGEST * 3 {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdef0123456789abcdef0123456789";

    #[test]
    fn source_of_a_number_is_the_database_with_priority_in_any_order() {
        let names = ["numbers/+1415", "numbers/inum", "numbers/managed"];
        for (one, first) in names.iter().enumerate() {
            for (other, second) in names.iter().enumerate() {
                let mut source = DatabaseName::new(first).unwrap();
                source.prefer(&DatabaseName::new(second).unwrap(), "+14155550100");
                assert_eq!(source.plain(), names[one.min(other)], "{first} {second}");
            }
        }
    }

    #[test]
    fn design_documents_and_databases_of_others_are_not_restored() {
        let may =
            |database, id| DatabaseName::new(database).is_some_and(|name| name.may_be_restored(id));
        for database in [
            "numbers/+1415",
            "numbers/inum",
            "account/ab/cd/ef0123456789abcdef0123456789",
            "system_config",
        ] {
            assert!(may(database, "+14155550100"), "{database}");
            for id in ["_design/numbers", "_local/x", "_"] {
                assert!(!may(database, id), "{database} {id}");
            }
        }
        for database in [
            "_users",
            "_replicator",
            "tasks",
            "accounts",
            "port_requests",
            "system_config2",
            "account/ab/cd/ef0123456789abcdef0123456789-202601",
        ] {
            assert!(!may(database, "+14155550100"), "{database}");
        }
    }

    #[test]
    fn number_databases_are_named_by_five_characters() {
        let name = |number| number_database_of(number).map(|db| db.plain().to_owned());
        assert_eq!(name("+14155550100").as_deref(), Some("numbers/+1415"));
        assert_eq!(name("4155550100").as_deref(), Some("numbers/41555"));
        assert_eq!(name("911"), None);
        assert_eq!(name("../.._users"), None);
    }

    #[test]
    fn account_is_recognised_in_every_form() {
        let id = AccountId::parse(ID).unwrap();
        for form in [
            ID,
            "ABCDEF0123456789abcdef0123456789",
            "account/ab/cd/ef0123456789abcdef0123456789",
            "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789",
            "account%2fab%2fcd%2fef0123456789abcdef0123456789",
            "account%2Fab%2Fcd%2Fef0123456789abcdef0123456789-202601",
            "account/ab/cd/ef0123456789abcdef0123456789-2026",
            "abcdef0123456789abcdef0123456789-202601",
        ] {
            assert_eq!(account_argument(form), Some(id), "{form}");
        }
        for form in [
            "bogus",
            "",
            "account/../_users",
            "account/ab/cd/ef0123456789abcdef01234567890",
            "account%252Fab%252Fcd%252Fef0123456789abcdef0123456789",
            "account/ab/cd/ef0123456789abcdef0123456789-20260",
        ] {
            assert_eq!(account_argument(form), None, "{form}");
        }
    }

    #[test]
    fn period_databases_are_no_account_databases() {
        let id = AccountId::parse(ID).unwrap();
        let database = id.database();
        assert_eq!(database.classification(), Classification::Account(id));
        for period in ["-202601", "-2026"] {
            let name = DatabaseName::new(&format!("{}{period}", database.plain())).unwrap();
            assert_eq!(name.classification(), Classification::AccountPeriod(id));
            assert_eq!(name.account(), None);
        }
    }

    #[test]
    fn number_database_holds_numbers_of_its_prefix() {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        assert!(database.holds("+14155550100"));
        assert!(!database.holds("+14165550100"));
        assert!(DatabaseName::new("numbers/inum").unwrap().holds("+883510"));
    }
}
