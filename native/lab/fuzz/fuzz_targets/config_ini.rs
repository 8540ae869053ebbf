//! Kazoo's `config.ini`: a URL or one error, and neither tells the password.
#![no_main]

use std::path::Path;

use couchdb::ServerUrl;
use kazoo_numbers::kazoo::couchdb_url_of;
use libfuzzer_sys::fuzz_target;

/// Nothing that a message could say by itself.
const PASSWORD: &str = "n0t-t0-be-5een";

fuzz_target!(|text: &str| {
    let told = match couchdb_url_of(text, Path::new("config.ini")) {
        Ok(url) => {
            let url = ServerUrl::parse(&url).unwrap();
            format!("{url} {url:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!told.contains(PASSWORD), "{told}");
});
