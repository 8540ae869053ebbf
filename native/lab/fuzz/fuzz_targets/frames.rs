//! Frames from Erlang, and the terms in them: read or refused, and a term that was read is written as it was.
#![no_main]

use kazoo_numbers_wire::decode::decode;
use kazoo_numbers_wire::encode::encode;
use kazoo_numbers_wire::frame::ToNative;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = ToNative::decode(bytes);
    if let Ok(term) = decode(bytes) {
        assert_eq!(decode(&encode(&term)), Ok(term));
    }
});
