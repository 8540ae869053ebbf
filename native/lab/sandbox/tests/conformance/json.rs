//! JSON for comparison: numbers keep their spelling, objects their order.
//!
//! This is not the server's parser, so that an error in that one cannot hide itself.

use std::fmt::Write as _;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn parse(text: &str) -> Option<Value> {
        let bytes = text.as_bytes();
        let mut at = 0;
        let value = value(bytes, &mut at)?;
        space(bytes, &mut at);
        (at == bytes.len()).then_some(value)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(fields) => fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn fields(&self) -> &[(String, Value)] {
        match self {
            Value::Object(fields) => fields,
            _ => &[],
        }
    }

    pub(crate) fn write(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.clone(),
            Value::Text(text) => quote(text),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Value::write).collect();
                format!("[{}]", items.join(","))
            }
            Value::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| format!("{}:{}", quote(name), value.write()))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }
        }
    }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\0'..='\u{1f}' => write!(out, "\\u{:04x}", character as u32).unwrap(),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn space(bytes: &[u8], at: &mut usize) {
    while bytes.get(*at).is_some_and(|b| b" \t\r\n".contains(b)) {
        *at += 1;
    }
}

fn eat(bytes: &[u8], at: &mut usize, word: &str) -> Option<()> {
    bytes[*at..]
        .starts_with(word.as_bytes())
        .then(|| *at += word.len())
}

fn value(bytes: &[u8], at: &mut usize) -> Option<Value> {
    space(bytes, at);
    match bytes.get(*at)? {
        b'{' => {
            let mut fields = Vec::new();
            members(bytes, at, b'}', |bytes, at| {
                space(bytes, at);
                let name = string(bytes, at)?;
                space(bytes, at);
                eat(bytes, at, ":")?;
                fields.push((name, value(bytes, at)?));
                Some(())
            })?;
            Some(Value::Object(fields))
        }
        b'[' => {
            let mut items = Vec::new();
            members(bytes, at, b']', |bytes, at| {
                items.push(value(bytes, at)?);
                Some(())
            })?;
            Some(Value::List(items))
        }
        b'"' => string(bytes, at).map(Value::Text),
        b't' => eat(bytes, at, "true").map(|()| Value::Bool(true)),
        b'f' => eat(bytes, at, "false").map(|()| Value::Bool(false)),
        b'n' => eat(bytes, at, "null").map(|()| Value::Null),
        _ => {
            let start = *at;
            while bytes
                .get(*at)
                .is_some_and(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
            {
                *at += 1;
            }
            let token = std::str::from_utf8(&bytes[start..*at]).ok()?;
            (!token.is_empty()).then(|| Value::Number(token.into()))
        }
    }
}

fn members(
    bytes: &[u8],
    at: &mut usize,
    end: u8,
    mut member: impl FnMut(&[u8], &mut usize) -> Option<()>,
) -> Option<()> {
    *at += 1;
    space(bytes, at);
    if bytes.get(*at) == Some(&end) {
        *at += 1;
        return Some(());
    }
    loop {
        member(bytes, at)?;
        space(bytes, at);
        match bytes.get(*at)? {
            b',' => *at += 1,
            byte if *byte == end => {
                *at += 1;
                return Some(());
            }
            _ => return None,
        }
    }
}

fn string(bytes: &[u8], at: &mut usize) -> Option<String> {
    eat(bytes, at, "\"")?;
    let mut out = String::new();
    // Surrogate pairs, until the sequence of escapes ends.
    let mut units = Vec::new();
    loop {
        let start = *at;
        while bytes.get(*at).is_some_and(|b| !b"\"\\".contains(b)) {
            *at += 1;
        }
        if *at > start || bytes.get(*at) == Some(&b'"') {
            out.push_str(&String::from_utf16(&std::mem::take(&mut units)).ok()?);
            out.push_str(std::str::from_utf8(&bytes[start..*at]).ok()?);
        }
        if bytes.get(*at)? == &b'"' {
            *at += 1;
            return Some(out);
        }
        let escape = *bytes.get(*at + 1)?;
        *at += 2;
        units.push(match escape {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let digits = std::str::from_utf8(bytes.get(*at..*at + 4)?).ok()?;
                *at += 4;
                u16::from_str_radix(digits, 16).ok()?
            }
            other => u16::from(other),
        });
    }
}
