//! Account ids: 32 hexadecimal digits.

use std::fmt;

use document::DatabaseName;

/// An account's id. Kept as its 16 bytes, so that the case in which a document spells it
/// makes no difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u128);

impl AccountId {
    /// Reads 32 hexadecimal digits in either case; anything else is no account id.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    /// The account's database, `account/ab/cd/…`.
    pub fn database(self) -> DatabaseName {
        let id = self.to_string();
        let (first, rest) = id.split_at(2);
        let (second, rest) = rest.split_at(2);
        DatabaseName::new(&format!("account/{first}/{second}/{rest}"))
            .unwrap_or_else(|| unreachable!("hexadecimal digits are legal in a name"))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
