//! Account ids: 32 hexadecimal digits.

use std::fmt;

use document::DatabaseName;
use serde::{Deserialize, Serialize};

/// An account id. Kept as 16 bytes, so that upper and lower case are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[u8; 16]", into = "[u8; 16]")]
pub struct AccountId(u128);

impl From<[u8; 16]> for AccountId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl From<AccountId> for [u8; 16] {
    fn from(account: AccountId) -> Self {
        account.0.to_be_bytes()
    }
}

impl AccountId {
    /// Parses 32 hexadecimal digits in either case; `None` for anything else.
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
