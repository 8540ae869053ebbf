//! The Erlang terms that cross the wire, and no others.

use thiserror::Error;

/// A term. Floats, pids, funs and integers beyond 64 bits have no place in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// An atom, by its text.
    Atom(String),
    /// An integer of at most 64 bits.
    Integer(i64),
    /// A binary.
    Binary(Vec<u8>),
    /// A proper list.
    List(Vec<Term>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A map, in the order in which the pairs came.
    Map(Vec<(Term, Term)>),
}

/// A term that is not what the protocol has in that place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}")]
pub struct Unexpected {
    expected: &'static str,
}

impl Unexpected {
    /// The error for a place where `expected` should have been.
    pub fn instead_of(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl Term {
    /// The atom of that text.
    pub fn atom(text: &str) -> Self {
        Self::Atom(text.to_owned())
    }

    /// The binary of that text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Binary(text.as_ref().as_bytes().to_vec())
    }

    /// The boolean atoms.
    pub fn boolean(value: bool) -> Self {
        Self::atom(if value { "true" } else { "false" })
    }

    /// A tuple whose first element is an atom.
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

    /// The text of a binary. What is no UTF-8 is replaced: such a name matches nothing, and is shown as it can be shown.
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

    /// The tag and the rest of a tuple whose first element is an atom.
    pub fn as_tagged(&self) -> Option<(&str, &[Term])> {
        match self {
            Self::Tuple(elements) => {
                let (first, rest) = elements.split_first()?;
                Some((first.as_atom()?, rest))
            }
            _ => None,
        }
    }

    /// The value under an atom key.
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
