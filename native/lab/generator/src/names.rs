//! Names of Kazoo's databases.

pub use couchdb::encoded;

/// The database of an account: `account/ab/cd/` and the rest of its id.
#[must_use]
pub fn account_database(account_id: &str) -> String {
    let cut = |from: usize, to: usize| account_id.get(from..to.min(account_id.len())).unwrap_or("");
    format!(
        "account/{}/{}/{}",
        cut(0, 2),
        cut(2, 4),
        cut(4, account_id.len())
    )
}

/// The account id of an account database. None for any other name.
#[must_use]
pub fn account_of_database(database: &str) -> Option<String> {
    let rest = database.strip_prefix("account/")?;
    let mut parts = rest.split('/');
    let (first, second, last) = (parts.next()?, parts.next()?, parts.next()?);
    let id = format!("{first}{second}{last}");
    let shaped = parts.next().is_none() && first.len() == 2 && second.len() == 2;
    (shaped && is_account_id(&id)).then_some(id)
}

/// Whether this is an account id as in database names.
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The number database that a number belongs to: `numbers/` and its first five characters.
#[must_use]
pub fn number_database(number: &str) -> String {
    let mut name = String::from("numbers/");
    name.extend(number.chars().take(5));
    name
}
