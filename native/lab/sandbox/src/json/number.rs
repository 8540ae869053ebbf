//! CouchDB's spelling of numbers.

use std::fmt::Write as _;

/// A number as it is written.
///
/// Without point or exponent it is an integer with all its digits. Otherwise it is a double in the
/// spelling of CouchDB's encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number(Box<str>);

impl Number {
    pub(crate) fn from_int(value: i128) -> Self {
        Self(value.to_string().into_boxed_str())
    }

    pub(crate) fn from_double(value: f64) -> Self {
        Self(spell_double(value).into_boxed_str())
    }

    /// Parses a JSON number token. `None` if it is too large for a double.
    pub(crate) fn from_token(token: &str) -> Option<Self> {
        if token.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            let value: f64 = token.parse().ok()?;
            return value.is_finite().then(|| Self::from_double(value));
        }
        Some(Self(if token == "-0" { "0" } else { token }.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_int(&self) -> bool {
        !self.0.contains(['.', 'e'])
    }

    pub(crate) fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

/// The shortest text that parses to the same double, always with a point or an exponent: decimal
/// from 1e-6 to 1e21, with an exponent outside that range.
fn spell_double(value: f64) -> String {
    // CouchDB writes the smallest double as zero.
    if value == 0.0 || value.abs() == f64::from_bits(1) {
        return "0.0".to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let mut out = String::with_capacity(digits.len() + 8);
    out.push_str(sign);
    if !(-6..21).contains(&exponent) {
        out.push_str(mantissa);
        // Writing to a String cannot fail.
        let _ = write!(out, "e{exponent:+}");
        return out;
    }
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n(
            '0',
            exponent.unsigned_abs() as usize - 1,
        ));
        out.push_str(&digits);
        return out;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.push_str(&digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
        out.push_str(".0");
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(token: &str) -> String {
        Number::from_token(token).unwrap().as_str().to_owned()
    }

    #[test]
    fn integers_keep_their_digits() {
        let long = "123456789012345678901234567890";
        assert_eq!(spelled(long), long);
        assert_eq!(spelled("-12345678901234567890"), "-12345678901234567890");
        assert_eq!(spelled("-0"), "0");
    }

    #[test]
    fn doubles_have_couchdb_spelling() {
        for (token, expected) in [
            ("1.0", "1.0"),
            ("-1.50", "-1.5"),
            ("1E5", "100000.0"),
            ("1e20", "100000000000000000000.0"),
            ("1e21", "1e+21"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("-0.0", "0.0"),
            ("1.5e-9", "1.5e-9"),
            ("123456789e-3", "123456.789"),
            ("5e-324", "0.0"),
            ("1e-310", "1e-310"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.1234567890123456789", "0.12345678901234568"),
        ] {
            assert_eq!(spelled(token), expected, "{token}");
        }
    }

    #[test]
    fn number_too_large_for_double_is_refused() {
        assert_eq!(Number::from_token("1e400"), None);
    }
}
