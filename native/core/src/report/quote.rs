//! Quotes texts from outside for a line of output.

/// Quotes a text, escapes all invisible characters, and limits the length.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let start: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|c| {
            let escaped: Box<dyn Iterator<Item = char>> = if c == '\'' {
                Box::new(std::iter::once(c))
            } else if c != ' ' && is_invisible(c) && !c.is_ascii() {
                Box::new(c.escape_unicode())
            } else {
                Box::new(c.escape_debug())
            };
            escaped
        })
        .collect();
    let more = if text.chars().count() > LONGEST {
        "..."
    } else {
        ""
    };
    format!("\"{start}\"{more}")
}

/// Whether a character is invisible on a terminal: white space, control characters, and characters that only affect others.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character separates digits in common notations of numbers.
pub(crate) fn separates_digits(c: char) -> bool {
    is_invisible(c)
        || matches!(
            c,
            '-' | '(' | ')' | '.' | '\u{b7}' | '\u{2010}'
                ..='\u{2015}'
                    | '\u{2022}'
                    | '\u{2024}'
                    | '\u{2043}'
                    | '\u{2212}'
                    | '\u{fe58}'
                    | '\u{fe63}'
                    | '\u{ff08}'
                    | '\u{ff09}'
                    | '\u{ff0d}'
                    | '\u{ff0e}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped() {
        for (text, expected) in [
            ("bogus", r#""bogus""#),
            ("it's", r#""it's""#),
            ("+1\u{200b}415", r#""+1\u{200b}415""#),
            ("+1\u{a0}415\u{202c}", r#""+1\u{a0}415\u{202c}""#),
            ("a b\n\u{1b}[2J\"", r#""a b\n\u{1b}[2J\"""#),
            ("\u{feff}\u{2063}\u{ad}", r#""\u{feff}\u{2063}\u{ad}""#),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"é".repeat(60)).chars().count(), 62);
        assert!(shown(&"x".repeat(61)).ends_with("\"..."));
    }
}
