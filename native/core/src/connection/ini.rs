//! Reading `config.ini` as Kazoo's parser (zucchini) does: sections with their values.

pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    pub(super) values: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Section<'a> {
    /// A value that is not empty; of several the last.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut all = self.values.iter().rev();
        all.find(|(key, _)| *key == name.as_bytes())
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
    }

    /// The host that the section is for. Kazoo takes the value `zone` for none.
    pub(super) fn own_host(&self) -> Option<&'a [u8]> {
        self.get("host").filter(|host| *host != b"zone")
    }
}

/// The sections of a file in their order; else the number of the line that is wrong. The line itself may be a password.
pub(super) fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, String> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err("it is encoded in UTF-16: save it as UTF-8".to_owned());
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let wrong = || format!("not an INI file (line {})", index + 1);
        let line = line.trim_ascii();
        match line.first() {
            None | Some(b';' | b'#') => {}
            Some(b'[') => {
                let end = line
                    .iter()
                    .position(|byte| *byte == b']')
                    .ok_or_else(wrong)?;
                let name = line.get(1..end).unwrap_or_default().trim_ascii();
                sections.push(Section {
                    name,
                    values: Vec::new(),
                });
            }
            Some(_) => {
                let at = line
                    .iter()
                    .position(|byte| *byte == b'=')
                    .ok_or_else(wrong)?;
                let (key, rest) = line.split_at(at);
                let key = key.trim_ascii();
                let rest = rest.get(1..).unwrap_or_default().trim_ascii();
                let value = value(key, rest).ok_or_else(wrong)?;
                // Lines before the first section belong to no section.
                if let Some(section) = sections.last_mut() {
                    section.values.push((key, value));
                }
            }
        }
    }
    Ok(sections)
}

/// A value without its quotes and the comment after it. In quotes every byte counts; Kazoo's parser goes up to the last quote
/// of the line, which is followed here where a quote can be part of a value.
fn value<'a>(key: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let end = rest.iter().position(|byte| *byte == b';');
        return Some(rest.get(..end.unwrap_or(rest.len()))?.trim_ascii_end());
    };
    let mut bytes = quoted.iter();
    let end = if matches!(key, b"username" | b"password") {
        bytes.rposition(|byte| *byte == b'"')
    } else {
        bytes.position(|byte| *byte == b'"')
    };
    quoted.get(..end?)
}
