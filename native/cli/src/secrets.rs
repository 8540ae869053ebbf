//! Credentials that somebody put where they do not belong must not come out of a message.

/// The text with the credentials taken out of every URL in it.
pub fn without_credentials(text: &str) -> String {
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
    clean
}

fn has_more_than_a_port(address: &str) -> bool {
    let authority = address.split('/').next().unwrap_or_default();
    authority
        .split_once(':')
        .is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

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
