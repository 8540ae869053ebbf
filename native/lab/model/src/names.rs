//! Database names, and the forms in which operators give them.

/// The meaning of a prefix argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// One number database.
    Database(String),
    /// Every number database with this start.
    Start(String),
}

pub(crate) fn is_account_database(database: &str) -> bool {
    account_database(database).as_deref() == Some(database)
}

pub(crate) fn is_number_database(database: &str) -> bool {
    database.starts_with("numbers/")
}

/// The account id of a database. Empty if the name is not of an account database.
pub(crate) fn account_id(account_database: &str) -> String {
    account_database
        .strip_prefix("account/")
        .unwrap_or_default()
        .replace('/', "")
}

/// The account database for an argument: an account id, or the name of the account's database or of
/// one of its month or year databases, encoded or not.
pub(crate) fn account_database(argument: &str) -> Option<String> {
    let name = decoded(argument);
    let (id, suffix) = match name.strip_prefix("account/") {
        Some(path) => {
            let mut parts = path.splitn(3, '/');
            let (first, second, rest) = (parts.next()?, parts.next()?, parts.next()?);
            if first.len() != 2 || second.len() != 2 {
                return None;
            }
            let (rest, suffix) = split_period(rest);
            (format!("{first}{second}{rest}"), suffix)
        }
        None => {
            let (id, suffix) = split_period(&name);
            (id.to_owned(), suffix)
        }
    };
    (is_account_id(&id) && is_period(suffix)).then(|| database_of_account(&id))
}

/// The database of an account id. The id is in lower case there.
pub(crate) fn database_of_account(id: &str) -> String {
    let id = id.to_lowercase();
    format!("account/{}/{}/{}", &id[..2], &id[2..4], &id[4..])
}

pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The number database for `numbers%2F%2B1415`, `numbers/+1415` or `+1415`.
pub(crate) fn number_database(argument: &str) -> Option<String> {
    let name = decoded(argument);
    match name.strip_prefix("numbers/") {
        Some(rest) => (!rest.is_empty() && can_be_in_a_name(rest)).then(|| name.clone()),
        None if name.len() == 5 && is_start_of_number(&name) => database_of(&name),
        None => None,
    }
}

/// A number database in any form, or the first characters of a number.
pub(crate) fn prefix(argument: &str) -> Option<Prefix> {
    let name = decoded(argument);
    if name.starts_with("numbers/") {
        return number_database(&name).map(Prefix::Database);
    }
    if !is_start_of_number(&name) || is_whole_number(&name) {
        return None;
    }
    Some(match database_of(&name) {
        Some(database) => Prefix::Database(database),
        None => Prefix::Start(format!("numbers/{name}")),
    })
}

/// The number database of a number, by its first five characters. `None` if there are fewer, or if
/// they cannot be part of a database name.
pub(crate) fn database_of(number: &str) -> Option<String> {
    let first = first_five(number);
    (first.chars().count() == 5 && can_be_in_a_name(&first)).then(|| format!("numbers/{first}"))
}

pub(crate) fn first_five(number: &str) -> String {
    number.chars().take(5).collect()
}

/// The name as Kazoo prints it: `numbers%2F%2B1415`.
pub(crate) fn encoded(database: &str) -> String {
    database
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn decoded(argument: &str) -> String {
    argument
        .replace("%2F", "/")
        .replace("%2f", "/")
        .replace("%2B", "+")
        .replace("%2b", "+")
}

fn split_period(name: &str) -> (&str, Option<&str>) {
    match name.split_once('-') {
        Some((before, period)) => (before, Some(period)),
        None => (name, None),
    }
}

fn is_period(suffix: Option<&str>) -> bool {
    suffix.is_none_or(|period| {
        matches!(period.len(), 4 | 6) && period.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The `+` is optional: a number that no converter matches has none.
fn is_start_of_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !text.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text that starts a number is a whole one, which names no database.
fn is_whole_number(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= 8
}

/// Whether CouchDB accepts the characters in a database name (the first letter is not checked).
fn can_be_in_a_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' | b'(' | b')' | b'+' | b'-' | b'/'))
}
