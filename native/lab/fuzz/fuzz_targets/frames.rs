//! A frame from Erlang is decoded or refused, and a decoded term encodes to an equal one.
#![no_main]

use kazoo_numbers_wire::decode::{MalformedTerm, decode};
use kazoo_numbers_wire::encode::encode;
use kazoo_numbers_wire::frame::ToNative;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ToNative::decode(bytes);
    if let Ok(term) = decode(bytes) {
        match decode(&encode(&term)) {
            // An Erlang string takes one byte an element and is encoded as a list, which adds a
            // level of nesting.
            Err(MalformedTerm::Depth) => {}
            read => assert_eq!(read, Ok(term)),
        }
    }
});
