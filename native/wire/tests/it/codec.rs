//! The codec with its own bytes, with bytes from Erlang, and with arbitrary bytes.

use kazoo_numbers_wire::decode::{MalformedTerm, decode};
use kazoo_numbers_wire::encode::encode;
use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::term::Term;
use proptest::prelude::*;

fn term() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        "[a-zé_]{1,40}".prop_map(Term::Atom),
        any::<i64>().prop_map(Term::Integer),
        (-300_i64..300).prop_map(Term::Integer),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Term::Binary),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Term::List),
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Term::Tuple),
            proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Term::Map),
        ]
    })
}

proptest! {
    #[test]
    fn encoded_term_decodes_to_itself(term in term()) {
        prop_assert_eq!(decode(&encode(&term)), Ok(term));
    }

    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = ToNative::decode(&bytes);
    }

    #[test]
    fn damaged_bytes_are_decoded_or_refused(term in term(), place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&term);
        let at = place.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes);
        // The damage can end the term earlier.
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode(&bytes);
    }

    #[test]
    fn incomplete_bytes_are_refused(term in term(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&term);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes).is_err());
    }
}

#[test]
fn announced_length_allocates_nothing() {
    for kind in [108, 105, 116, 109] {
        let bytes = [131, kind, 255, 255, 255, 255, 106];
        assert_eq!(decode(&bytes), Err(MalformedTerm::Truncated), "kind {kind}");
    }
}

#[test]
fn invalid_atoms_are_refused() {
    let latin1 = |tag: &[u8]| decode(&[&[131], tag, b"caf\xe9"].concat());
    assert_eq!(latin1(&[100, 0, 4]), Ok(Term::atom("café")));
    assert_eq!(latin1(&[115, 4]), Ok(Term::atom("café")));
    assert_eq!(latin1(&[119, 4]), Err(MalformedTerm::Atom));
    let long = |length: u8| {
        decode(
            &[
                &[131, 118, 1, length],
                vec![b'a'; 256 + usize::from(length)].as_slice(),
            ]
            .concat(),
        )
    };
    assert_eq!(
        decode(&[&[131, 119, 255], [b'a'; 255].as_slice()].concat()),
        Ok(Term::atom(&"a".repeat(255)))
    );
    assert_eq!(long(0), Err(MalformedTerm::Atom));
}

#[test]
fn deep_nesting_is_refused() {
    let mut bytes = vec![131];
    bytes.extend(std::iter::repeat_n([104, 1], 100_000).flatten());
    assert_eq!(decode(&bytes), Err(MalformedTerm::Depth));
}

#[test]
fn bytes_from_erlang_25_are_decoded() {
    // term_to_binary([{reply, 4294967296, "abc"}, <<"é"/utf8>>, -5, 300, [], a])
    let bytes = [
        131, 108, 0, 0, 0, 6, 104, 3, 100, 0, 5, 114, 101, 112, 108, 121, 110, 5, 0, 0, 0, 0, 0, 1,
        107, 0, 3, 97, 98, 99, 109, 0, 0, 0, 2, 195, 169, 98, 255, 255, 255, 251, 98, 0, 0, 1, 44,
        106, 100, 0, 1, 97, 106,
    ];
    let expected = Term::List(vec![
        Term::tagged(
            "reply",
            [
                Term::Integer(1 << 32),
                Term::List(vec![
                    Term::Integer(97),
                    Term::Integer(98),
                    Term::Integer(99),
                ]),
            ],
        ),
        Term::text("é"),
        Term::Integer(-5),
        Term::Integer(300),
        Term::List(vec![]),
        Term::atom("a"),
    ]);
    assert_eq!(decode(&bytes), Ok(expected));
}
