//! The Erlang terms of the protocol.

use thiserror::Error;

/// A term. Floats, pids, funs and integers above 64 bits are not part of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// An atom.
    Atom(String),
    /// An integer of at most 64 bits.
    Integer(i64),
    /// A binary.
    Binary(Vec<u8>),
    /// A proper list.
    List(Vec<Term>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A map with its pairs in the order of arrival.
    Map(Vec<(Term, Term)>),
}

/// A term that the protocol does not allow at its position.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}")]
pub struct Unexpected {
    expected: &'static str,
}

impl Unexpected {
    /// The error for a position that requires `expected`.
    pub fn instead_of(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl Term {
    /// Creates an atom.
    pub fn atom(text: &str) -> Self {
        Self::Atom(text.to_owned())
    }

    /// Creates a binary.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Binary(text.as_ref().as_bytes().to_vec())
    }

    /// Creates a boolean atom.
    pub fn boolean(value: bool) -> Self {
        Self::atom(if value { "true" } else { "false" })
    }

    /// Creates a tuple with an atom as its first element.
    pub fn tagged(tag: &str, rest: impl IntoIterator<Item = Term>) -> Self {
        Self::Tuple(std::iter::once(Self::atom(tag)).chain(rest).collect())
    }

    /// The text of an atom.
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Self::Atom(text) => Some(text),
            _ => None,
        }
    }

    /// The integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of a binary. Invalid UTF-8 is replaced: such a name matches nothing and can still
    /// be shown.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Binary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The tag and the rest of a tuple that starts with an atom.
    pub fn as_tagged(&self) -> Option<(&str, &[Term])> {
        match self {
            Self::Tuple(elements) => {
                let (first, rest) = elements.split_first()?;
                Some((first.as_atom()?, rest))
            }
            _ => None,
        }
    }

    /// The value of an atom key.
    pub fn get(&self, key: &str) -> Option<&Term> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .find(|(name, _)| name.as_atom() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }
}
