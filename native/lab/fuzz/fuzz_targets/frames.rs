//! Frames from Erlang are read or refused, and a term that was read is written as it was.
#![no_main]

use kazoo_numbers_wire::decode::{MalformedTerm, decode};
use kazoo_numbers_wire::encode::encode;
use kazoo_numbers_wire::frame::ToNative;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ToNative::decode(bytes);
    if let Ok(term) = decode(bytes) {
        match decode(&encode(&term)) {
            // A string of Erlang, which is one byte an element, is written as a list, which nests.
            Err(MalformedTerm::Depth) => {}
            read => assert_eq!(read, Ok(term)),
        }
    }
});
