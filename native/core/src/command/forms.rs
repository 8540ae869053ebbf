//! The forms in which people write numbers and number databases.

use crate::kazoo::{DatabaseName, account_argument, decoded, number_database_of};
use crate::report::{is_invisible, separates_digits};
use crate::selection::{Part, Selection};

/// The longest accepted number or name, in bytes.
pub(super) const LONGEST: usize = 256;

/// The name of phone numbers in refusals.
pub(super) const NUMBERS: &str = "phone numbers";

/// The name of parts of the cluster in refusals.
pub(super) const PARTS: &str =
    "accounts, number databases, the first characters of numbers, or phone numbers";

/// Whether a text is an optional `+` and at least five digits.
pub(super) fn is_a_number(text: &str) -> bool {
    starts_a_number(text) && text.bytes().filter(u8::is_ascii_digit).count() >= 5
}

/// Whether a text is a whole number and not a prefix. Kazoo accepts no number with fewer digits in any country.
pub(super) fn is_a_whole_number(text: &str) -> bool {
    const SHORTEST: usize = 8;
    starts_a_number(text) && text.bytes().filter(u8::is_ascii_digit).count() >= SHORTEST
}

/// The number without separators between its digits. `None` if there are no separators, or the rest is not a number.
pub(super) fn digits_of(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(|c| !separates_digits(*c)).collect();
    (cleaned != text && cleaned.len() <= LONGEST && is_a_number(&cleaned)).then_some(cleaned)
}

/// The text without invisible characters. `None` if it has none, or the rest is empty or not ASCII.
pub(super) fn visible_of(text: &str) -> Option<String> {
    let cleaned: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let can_be_shown = cleaned.bytes().all(|byte| byte.is_ascii_graphic());
    (cleaned != text && !cleaned.is_empty() && can_be_shown && cleaned.len() <= LONGEST)
        .then_some(cleaned)
}

/// A number database in any of its forms: its name, encoded or not, or the five characters that name it. A longer number is not
/// accepted: a command that deletes from a database must not read a number as its database.
pub(super) fn database(text: &str) -> Option<DatabaseName> {
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

/// A prefix (five or more characters name one database) or a database. A whole number is refused: the operator means that number
/// and not every number in its database.
pub(super) fn prefix(text: &str) -> Option<Selection> {
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

/// A part of the cluster: an account or a database in any of its forms, a prefix, or a number.
pub(crate) fn part(text: &str) -> Option<Part> {
    if let Some(account) = account_argument(text) {
        return Some(Part::Account(account));
    }
    if let Some(name) = database(text) {
        return Some(Part::Database(name));
    }
    if is_a_number(text) {
        return Some(Part::Number(text.to_owned()));
    }
    prefix(text).map(|selection| match selection {
        Selection::Database(name) => Part::Database(name),
        Selection::StartingWith(prefix) => Part::StartingWith(prefix),
    })
}

pub(super) fn starts_a_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !text.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
