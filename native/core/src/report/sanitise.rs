//! Sanitises text for terminals, logs and files.
//!
//! Ids, names of fields, carriers and accounts, and answers of servers are texts of others. Characters that control a terminal,
//! end a line or change the order of others become JSON escapes (`\u001b`), so a line of JSON keeps its meaning.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character has an effect other than its glyph. Joiners and variation selectors are safe: scripts and symbols need
/// them.
pub fn is_unsafe(c: char) -> bool {
    c != '\t' && c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Sanitises a text into one line.
pub fn line(text: &str) -> Cow<'_, str> {
    without(text, is_unsafe)
}

/// Sanitises a text into one line, and removes the credentials of URLs in it.
pub fn message(text: &str) -> String {
    line(&without_credentials(text)).into_owned()
}

/// Sanitises a text of several lines and keeps line feeds.
pub fn page(text: &str) -> Cow<'_, str> {
    without(text, |c| c != '\n' && is_unsafe(c))
}

/// Sanitises a cell of a table: a spreadsheet must not read any part of it as a formula, whatever its field separator.
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

/// Whether a spreadsheet reads a cell with this start as a formula. A phone number (`+` and digits) is not one.
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

/// Removes the credentials from every URL in a text.
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
            // The placeholder in our own messages.
            Some(_) if address == "user:password@host:port" => clean.push_str(address),
            Some(at) => {
                clean.push('…');
                clean.push_str(&address[at..]);
            }
            // A quotation that ends before the @ may contain the start of a password.
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
                // Writing to a string cannot fail.
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
    fn control_characters_are_escaped() {
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
    fn sanitised_json_keeps_its_meaning() {
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
    fn cell_is_no_formula_for_any_separator() {
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
    fn credentials_are_removed_from_urls() {
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
