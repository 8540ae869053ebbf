//! Encodes terms to bytes, with the version byte and tags that every OTP since 22 reads.

use crate::term::Term;

/// The external form of a term for `erlang:binary_to_term/1`.
pub fn encode(term: &Term) -> Vec<u8> {
    let mut bytes = vec![131];
    put(term, &mut bytes);
    bytes
}

fn put(term: &Term, bytes: &mut Vec<u8>) {
    match term {
        Term::Atom(text) => put_atom(text, bytes),
        Term::Integer(value) => put_integer(*value, bytes),
        Term::Binary(content) => {
            bytes.push(109);
            put_length(content.len(), bytes);
            bytes.extend_from_slice(content);
        }
        Term::List(elements) => {
            if !elements.is_empty() {
                bytes.push(108);
                put_length(elements.len(), bytes);
                elements.iter().for_each(|element| put(element, bytes));
            }
            bytes.push(106);
        }
        Term::Tuple(elements) => {
            match u8::try_from(elements.len()) {
                Ok(arity) => bytes.extend_from_slice(&[104, arity]),
                Err(_) => {
                    bytes.push(105);
                    put_length(elements.len(), bytes);
                }
            }
            elements.iter().for_each(|element| put(element, bytes));
        }
        Term::Map(pairs) => {
            bytes.push(116);
            put_length(pairs.len(), bytes);
            for (key, value) in pairs {
                put(key, bytes);
                put(value, bytes);
            }
        }
    }
}

/// All atoms of the protocol are short. A longer one is cut at Erlang's limit.
fn put_atom(text: &str, bytes: &mut Vec<u8>) {
    let text: String = text.chars().take(255).collect();
    match u8::try_from(text.len()) {
        Ok(length) => bytes.extend_from_slice(&[119, length]),
        Err(_) => {
            bytes.push(118);
            bytes.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
}

fn put_integer(value: i64, bytes: &mut Vec<u8>) {
    if let Ok(small) = u8::try_from(value) {
        bytes.extend_from_slice(&[97, small]);
    } else if let Ok(medium) = i32::try_from(value) {
        bytes.push(98);
        bytes.extend_from_slice(&medium.to_be_bytes());
    } else {
        bytes.extend_from_slice(&[110, 8, u8::from(value < 0)]);
        bytes.extend_from_slice(&value.unsigned_abs().to_le_bytes());
    }
}

/// Frames are far below 4 GiB, because batches of lines and rows are limited where they are made.
fn put_length(length: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}
