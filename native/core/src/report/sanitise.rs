//! Text on its way out: to a terminal, to a log, into a file that somebody opens.
//!
//! Ids, names of fields, carriers and accounts, and what servers answer are other people's texts.
//! Characters that steer a terminal, end a line or change the order of others are written as JSON
//! writes them (`\u001b`), so that a line that is JSON stays the same JSON.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character does something other than to be seen. Joiners and selectors of variants
/// belong to the scripts and signs that need them, and stay.
pub fn is_unsafe(c: char) -> bool {
    c != '\t' && c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// One line that stays one line.
pub fn line(text: &str) -> Cow<'_, str> {
    without(text, is_unsafe)
}

/// One line that somebody else's URL may be in: its credentials are taken out.
pub fn message(text: &str) -> String {
    line(&without_credentials(text)).into_owned()
}

/// Text of several lines: line feeds stay.
pub fn page(text: &str) -> Cow<'_, str> {
    without(text, |c| c != '\n' && is_unsafe(c))
}

/// A cell of a table that a spreadsheet opens: no part of it is a formula, whichever character the
/// spreadsheet is told to separate cells at.
pub fn cell(text: &str) -> String {
    let text = without(text, |c| c == '\t' || is_unsafe(c));
    let mut safe = String::with_capacity(text.len());
    let mut at_start = true;
    let mut after_space = false;
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let followed = rest
            .chars()
            .next()
            .is_some_and(|next| !next.is_whitespace());
        if is_formula(c, rest) && (at_start || after_space && followed) {
            safe.push('\'');
        }
        safe.push(c);
        after_space = c.is_whitespace() || (after_space || at_start) && matches!(c, '"' | '\'');
        at_start = matches!(c, ',' | ';' | '|' | ':') || at_start && after_space;
    }
    safe
}

/// Whether a spreadsheet takes a cell that begins with this for a formula. A phone number (`+` and digits) is not one.
fn is_formula(c: char, rest: &str) -> bool {
    match c {
        '=' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}' => true,
        '+' => {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            end == 0 || end < rest.len()
        }
        _ => false,
    }
}

/// The text with the credentials taken out of every URL in it.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>'))
            .unwrap_or(after.len());
        let (address, after) = after.split_at(end);
        match address.rfind('@') {
            // What our own messages ask for.
            Some(_) if address == "user:password@host:port" => clean.push_str(address),
            Some(at) => {
                clean.push('…');
                clean.push_str(&address[at..]);
            }
            // A quotation that ends before the @ may still hold the password's beginning.
            None if has_more_than_a_port(address) => clean.push('…'),
            None => clean.push_str(address),
        }
        rest = after;
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

fn has_more_than_a_port(address: &str) -> bool {
    let authority = address.split('/').next().unwrap_or_default();
    authority
        .split_once(':')
        .is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn without(text: &str, escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Into a string: writing cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_that_steers_a_terminal_shows_its_escapes() {
        for (text, shown) in [
            ("+14155550100", "+14155550100"),
            ("\tFeatures allowed: é", "\tFeatures allowed: é"),
            ("\u{1b}[2Jgone", "\\u001b[2Jgone"),
            ("\u{9b}31m\u{7f}", "\\u009b31m\\u007f"),
            ("a\nerror: forged\r", "a\\u000aerror: forged\\u000d"),
            ("a\u{2028}b\u{2029}\u{85}", "a\\u2028b\\u2029\\u0085"),
            (
                "\u{202e}drawkcab\u{2066}\u{200f}",
                "\\u202edrawkcab\\u2066\\u200f",
            ),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("👩\u{200d}💻\u{fe0f}", "👩\u{200d}💻\u{fe0f}"),
        ] {
            assert_eq!(line(text), shown);
        }
        assert_eq!(page("a\n\u{1b}b\n"), "a\n\\u001bb\n");
    }

    #[test]
    fn json_that_was_sanitised_is_the_same_json() {
        let value = serde_json::json!({"\u{9b}\n": ["\u{202e}", "\u{e0041}\u{7f}", "\\\u{85}\""]});
        let text = value.to_string();
        let safe = line(&text);
        assert!(!safe.contains(is_unsafe), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }

    #[test]
    fn cell_is_a_formula_at_no_separator() {
        for (text, safe) in [
            ("+14155550100", "+14155550100"),
            ("Acme - West", "Acme - West"),
            ("a-b@c=d", "a-b@c=d"),
            ("=1+1", "'=1+1"),
            ("+1+cmd", "'+1+cmd"),
            ("+", "'+"),
            ("- 1", "'- 1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "  '=1"),
            ("\"=1", "\"'=1"),
            ("a;=1", "a;'=1"),
            ("a; \"=1", "a; \"'=1"),
            ("a,-1", "a,'-1"),
            ("a|@x", "a|'@x"),
            ("a:=1", "a:'=1"),
            ("a =1 -b", "a '=1 '-b"),
            ("a\t=1", "a\\u0009=1"),
            ("a\n=1", "a\\u000a=1"),
            ("＝1", "'＝1"),
        ] {
            assert_eq!(cell(text), safe, "{text:?}");
        }
    }

    #[test]
    fn credentials_go_and_the_rest_stays() {
        for (text, clean) in [
            (
                "unrecognized 'http://admin:s@e:c@host:5984/x' here",
                "unrecognized 'http://…@host:5984/x' here",
            ),
            ("is \"http://admin:secr\"…", "is \"http://…\"…"),
            (
                "see http://localhost:5984/ and a://b",
                "see http://localhost:5984/ and a://b",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_credentials(text), clean);
        }
    }
}
