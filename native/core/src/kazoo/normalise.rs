//! Normalises numbers like Kazoo's converters (docs/specification.md#normalising).

use pcre2::bytes::{Regex, RegexBuilder};

const RECONCILE_REGEX: &str = r"^(\+?1)?\d{10}$|^\+[2-9]\d{7,}$|^011\d*$|^00\d*$";

/// Limits for one match, in steps, depth and KiB: an expression that exceeds them does not match. Erlang's `re` stops after ten
/// million steps, which take a second per number.
const LIMITS: &str = "(*LIMIT_MATCH=1000000)(*LIMIT_DEPTH=100000)(*LIMIT_HEAP=20000)";

/// The configured converters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converters {
    /// `(regex, prefix, suffix)`, tried in this order.
    pub e164: Vec<(String, String, String)>,
    /// The expression for reconcilable numbers.
    pub reconcile: String,
}

impl Default for Converters {
    fn default() -> Self {
        let converter = |regex: &str, prefix: &str| (regex.into(), prefix.into(), String::new());
        Self {
            e164: vec![
                converter(r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "+1"),
                converter(r"^011(\d{5,})$|^00(\d{5,})$", "+"),
                converter(r"^[2-9]\d{7,}$", "+"),
            ],
            reconcile: RECONCILE_REGEX.into(),
        }
    }
}

/// Compiled converters.
#[derive(Debug)]
pub struct Normaliser {
    converters: Vec<(Regex, String, String)>,
    reconcile: Option<Regex>,
    unusable: Vec<String>,
}

impl Normaliser {
    /// Compiles the converters. An expression that does not compile matches nothing.
    pub fn new(converters: &Converters) -> Self {
        let mut unusable = Vec::new();
        let mut compile = |text: &str| match compiled(text) {
            Ok(regex) => Some(regex),
            Err(problem) => {
                unusable.push(problem);
                None
            }
        };
        let converters_compiled = converters
            .e164
            .iter()
            .filter_map(|(regex, prefix, suffix)| {
                Some((compile(regex)?, prefix.clone(), suffix.clone()))
            })
            .collect();
        let reconcile = compile(&converters.reconcile);
        Self {
            converters: converters_compiled,
            reconcile,
            unusable,
        }
    }

    /// The expressions that do not compile, each with the reason, in one line.
    pub fn unusable(&self) -> Option<String> {
        (!self.unusable.is_empty()).then(|| self.unusable.join(", and "))
    }

    /// The number in E.164 form, or unchanged if no converter matches.
    pub fn normalise(&self, number: &str) -> String {
        if number.len() > 1 && number.starts_with('+') {
            return number.to_owned();
        }
        for (regex, prefix, suffix) in &self.converters {
            // An expression that exceeds its limits does not match.
            let Ok(Some(captures)) = regex.captures(number.as_bytes()) else {
                continue;
            };
            let last = (0..captures.len())
                .rev()
                .find_map(|group| captures.get(group))
                .and_then(|group| std::str::from_utf8(group.as_bytes()).ok());
            if let Some(last) = last {
                return format!("{prefix}{last}{suffix}");
            }
        }
        number.to_owned()
    }

    /// Whether a normalised number is reconcilable.
    pub fn is_reconcilable(&self, number: &str) -> bool {
        self.reconcile
            .as_ref()
            .is_some_and(|regex| regex.is_match(number.as_bytes()).unwrap_or(false))
    }
}

/// Compiles an expression like Erlang's `re` without options: on bytes, with ASCII digits. It does not compile to machine code,
/// because there are many expressions and numbers are short.
fn compiled(text: &str) -> Result<Regex, String> {
    RegexBuilder::new()
        .build(&format!("{LIMITS}{text}"))
        .map_err(|error| {
            // Without the limits in front, the position in the error is correct.
            let error = RegexBuilder::new().build(text).err().unwrap_or(error);
            format!("{text:?} ({error})")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Normaliser {
        Normaliser::new(&Converters::default())
    }

    /// A normaliser with these expressions. Each one adds its index before its last capture.
    fn converting(expressions: &[&str]) -> Normaliser {
        let converter =
            |(at, regex): (usize, &&str)| ((*regex).to_owned(), format!("{at}:"), String::new());
        Normaliser::new(&Converters {
            e164: expressions.iter().enumerate().map(converter).collect(),
            ..Converters::default()
        })
    }

    #[test]
    fn default_converters_normalise_like_kazoo() {
        assert_eq!(defaults().unusable(), None);
        for (given, expected) in [
            ("4155550100", "+14155550100"),
            ("14155550100", "+14155550100"),
            ("+14155550100", "+14155550100"),
            ("011442071838750", "+442071838750"),
            ("00442071838750", "+442071838750"),
            ("442071838750", "+442071838750"),
            ("+anything", "+anything"),
            ("911", "911"),
            ("1155550100", "1155550100"),
        ] {
            assert_eq!(defaults().normalise(given), expected, "{given}");
        }
    }

    #[test]
    fn default_reconcile_regex_accepts_like_kazoo() {
        for (number, expected) in [
            ("+14155550100", true),
            ("4155550100", true),
            ("+442071838750", true),
            ("911", false),
            ("+1415555", false),
            ("hello", false),
        ] {
            assert_eq!(defaults().is_reconcilable(number), expected, "{number}");
        }
    }

    /// The expected values come from `re:run/3` of Erlang.
    #[test]
    fn expressions_match_like_re_of_erlang() {
        for (expression, given, expected) in [
            (r"^\Q00\E(\d+)\Z", "0033", "0:33"),
            (r"^(?|00(\d+)|1(\d+))$", "133", "0:33"),
            (r"^0*+(\d++)$", "0033", "0:33"),
            (r"^(0)?(9)?(\d\d)(x)?$", "033", "0:33"),
            (r"^(?<zero>0)(\d+)(?(zero)$|x)", "033", "0:33"),
            (r"^\d+$", "٣٣", "٣٣"),
            (r"^(.)", "é", "é"),
        ] {
            assert_eq!(
                converting(&[expression]).normalise(given),
                expected,
                "{expression}"
            );
        }
    }

    #[test]
    fn invalid_expression_matches_nothing_and_others_still_apply() {
        let normaliser = converting(&["^+33(\\d{9})$", "(", "^0(\\d{9})$"]);
        assert_eq!(normaliser.normalise("0612345678"), "2:612345678");
        assert_eq!(normaliser.normalise("33612345678"), "33612345678");
        let unusable = normaliser.unusable().unwrap();
        let first =
            r#""^+33(\\d{9})$" (PCRE2: error compiling pattern at offset 1: quantifier does not"#;
        assert!(unusable.starts_with(first), "{unusable}");
        assert!(unusable.contains("\"(\""), "{unusable}");
        let converters = Converters {
            reconcile: "^+".into(),
            ..Converters::default()
        };
        assert!(!Normaliser::new(&converters).is_reconcilable("+14155550100"));
    }

    #[test]
    fn endless_backtracking_is_stopped() {
        let normaliser = converting(&["^(1+)+$", r"^(\d+)x$"]);
        let given = format!("{}x", "1".repeat(200));
        let began = std::time::Instant::now();
        assert_eq!(
            normaliser.normalise(&given),
            format!("1:{}", "1".repeat(200))
        );
        assert!(began.elapsed() < std::time::Duration::from_secs(2));
    }
}
