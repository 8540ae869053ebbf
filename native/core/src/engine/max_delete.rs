//! The brake: how many documents a run may delete.

use std::fmt;
use std::str::FromStr;

use document::string;

/// A run may delete this many documents without counting them against those that it looked at.
const FEW: u64 = 100;

/// The most documents that a run may delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxDelete {
    /// Any number.
    Off,
    /// So many.
    Count(u64),
    /// This share of the numbers that the run looks at, in percent; always up to 100 documents.
    Percent(u8),
}

impl MaxDelete {
    /// Half of the numbers.
    pub const USUAL: Self = Self::Percent(50);

    /// Whether a run that looked at `seen` numbers must not delete `deleted`.
    pub fn stops(self, deleted: u64, seen: u64) -> bool {
        match self {
            Self::Off => false,
            Self::Count(most) => deleted > most,
            Self::Percent(share) => {
                deleted > FEW && u128::from(deleted) * 100 > u128::from(share) * u128::from(seen)
            }
        }
    }
}

impl fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl MaxDelete {
    /// Reads a limit in JSON: a number, or a text as it is printed.
    ///
    /// # Errors
    ///
    /// It is not a limit.
    pub(crate) fn of_json(json: &str) -> Result<Self, NotALimit> {
        match string(json) {
            Some(text) => text.parse(),
            None => json.parse().map(Self::Count).map_err(|_| NotALimit),
        }
    }
}

/// A text is not a limit of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of documents, a share such as 50%, or off")]
pub struct NotALimit;

impl FromStr for MaxDelete {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        if text == "off" {
            return Ok(Self::Off);
        }
        match text.strip_suffix('%') {
            Some(share) => match share.parse() {
                Ok(share) if share <= 100 => Ok(Self::Percent(share)),
                _ => Err(NotALimit),
            },
            None => text.parse().map(Self::Count).map_err(|_| NotALimit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_and_more_than_a_few_is_too_much() {
        for (deleted, seen, stops) in [
            (2770, 2770, true),
            (100, 100, false),
            (101, 101, true),
            (101, 202, false),
            (102, 203, true),
        ] {
            assert_eq!(
                MaxDelete::USUAL.stops(deleted, seen),
                stops,
                "{deleted} of {seen}"
            );
        }
        assert!(!MaxDelete::Off.stops(1000, 1000));
        assert!(MaxDelete::Count(5).stops(6, 1000) && !MaxDelete::Count(5).stops(5, 5));
    }

    #[test]
    fn limit_is_read_as_it_is_printed() {
        for text in ["off", "0", "1000", "50%", "0%", "100%"] {
            assert_eq!(text.parse::<MaxDelete>().unwrap().to_string(), text);
        }
        for text in ["", "-1", "101%", "half", "12.5%", "5 %"] {
            assert_eq!(text.parse::<MaxDelete>(), Err(NotALimit), "{text}");
        }
        for (json, limit) in [
            ("7", MaxDelete::Count(7)),
            ("\"7\"", MaxDelete::Count(7)),
            ("\"50%\"", MaxDelete::Percent(50)),
            ("\"off\"", MaxDelete::Off),
        ] {
            assert_eq!(MaxDelete::of_json(json), Ok(limit));
        }
        for json in ["off", "0.5", "-1", "true", "{}", "[]", "\"half\""] {
            assert_eq!(MaxDelete::of_json(json), Err(NotALimit), "{json}");
        }
    }
}
