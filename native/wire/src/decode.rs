//! Decodes bytes to terms. No allocation is larger than the bytes that arrived, and nesting is
//! limited, so no frame can exhaust the node's memory or stack.

use crate::term::Term;
use thiserror::Error;

/// Deeper than any frame of the protocol.
const DEPTH: u32 = 16;

/// The most characters of an atom (Erlang Efficiency Guide, system limits).
const LONGEST_ATOM: usize = 255;

/// Why bytes are not a term of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedTerm {
    /// The version byte is not 131.
    #[error("not an external term")]
    Version,
    /// The bytes end too early.
    #[error("the term is cut off")]
    Truncated,
    /// Bytes after the term.
    #[error("bytes after the term")]
    Trailing,
    /// A kind of term that the protocol does not use.
    #[error("a term of kind {0}, which the protocol does not have")]
    Kind(u8),
    /// The nesting is too deep.
    #[error("the term is nested too deep")]
    Depth,
    /// An invalid atom.
    #[error("an atom that is too long or is not UTF-8")]
    Atom,
}

/// Decodes one term.
pub fn decode(bytes: &[u8]) -> Result<Term, MalformedTerm> {
    let mut reader = TermReader { bytes };
    if reader.byte()? != 131 {
        return Err(MalformedTerm::Version);
    }
    let term = reader.term(DEPTH)?;
    if reader.bytes.is_empty() {
        Ok(term)
    } else {
        Err(MalformedTerm::Trailing)
    }
}

struct TermReader<'a> {
    bytes: &'a [u8],
}

impl<'a> TermReader<'a> {
    fn term(&mut self, depth: u32) -> Result<Term, MalformedTerm> {
        let depth = depth.checked_sub(1).ok_or(MalformedTerm::Depth)?;
        match self.byte()? {
            97 => Ok(Term::Integer(i64::from(self.byte()?))),
            98 => Ok(Term::Integer(i64::from(i32::from_be_bytes(self.array()?)))),
            110 => self.big(),
            tag @ (100 | 118) => {
                let length = usize::from(u16::from_be_bytes(self.array()?));
                self.atom(length, tag == 100)
            }
            tag @ (115 | 119) => {
                let length = usize::from(self.byte()?);
                self.atom(length, tag == 115)
            }
            109 => {
                let length = self.length()?;
                Ok(Term::Binary(self.take(length)?.to_vec()))
            }
            106 => Ok(Term::List(Vec::new())),
            // A list of small integers is encoded as bytes.
            107 => {
                let length = usize::from(u16::from_be_bytes(self.array()?));
                let bytes = self.take(length)?;
                Ok(Term::List(
                    bytes
                        .iter()
                        .map(|byte| Term::Integer(i64::from(*byte)))
                        .collect(),
                ))
            }
            108 => {
                let length = self.length()?;
                let elements = self.terms(length, depth)?;
                match self.byte()? {
                    106 => Ok(Term::List(elements)),
                    other => Err(MalformedTerm::Kind(other)),
                }
            }
            104 => {
                let arity = usize::from(self.byte()?);
                Ok(Term::Tuple(self.terms(arity, depth)?))
            }
            105 => {
                let arity = self.length()?;
                Ok(Term::Tuple(self.terms(arity, depth)?))
            }
            116 => {
                let length = self.length()?;
                let mut pairs = Vec::with_capacity(length.min(self.bytes.len() / 2));
                for _ in 0..length {
                    pairs.push((self.term(depth)?, self.term(depth)?));
                }
                Ok(Term::Map(pairs))
            }
            other => Err(MalformedTerm::Kind(other)),
        }
    }

    fn terms(&mut self, count: usize, depth: u32) -> Result<Vec<Term>, MalformedTerm> {
        // Every term takes at least one byte.
        if count > self.bytes.len() {
            return Err(MalformedTerm::Truncated);
        }
        (0..count).map(|_| self.term(depth)).collect()
    }

    fn big(&mut self) -> Result<Term, MalformedTerm> {
        let length = usize::from(self.byte()?);
        let negative = self.byte()? != 0;
        let digits = self.take(length)?;
        let mut magnitude: i128 = 0;
        if length > 8 {
            return Err(MalformedTerm::Kind(110));
        }
        for digit in digits.iter().rev() {
            magnitude = (magnitude << 8) | i128::from(*digit);
        }
        let value = if negative { -magnitude } else { magnitude };
        i64::try_from(value)
            .map(Term::Integer)
            .map_err(|_| MalformedTerm::Kind(110))
    }

    /// Reads an atom of at most 255 characters. OTP before 26 writes Latin-1 where possible.
    fn atom(&mut self, length: usize, is_latin1: bool) -> Result<Term, MalformedTerm> {
        let bytes = self.take(length)?;
        let text = if is_latin1 {
            bytes.iter().copied().map(char::from).collect()
        } else {
            std::str::from_utf8(bytes)
                .map_err(|_| MalformedTerm::Atom)?
                .to_owned()
        };
        if text.chars().count() > LONGEST_ATOM {
            return Err(MalformedTerm::Atom);
        }
        Ok(Term::Atom(text))
    }

    fn length(&mut self) -> Result<usize, MalformedTerm> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| MalformedTerm::Truncated)
    }

    fn byte(&mut self) -> Result<u8, MalformedTerm> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedTerm> {
        let (head, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or(MalformedTerm::Truncated)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], MalformedTerm> {
        let (head, rest) = self
            .bytes
            .split_at_checked(length)
            .ok_or(MalformedTerm::Truncated)?;
        self.bytes = rest;
        Ok(head)
    }
}
