//! Kazoo's `config.ini` gives a URL or one error, and neither shows the password.
#![no_main]

use std::path::Path;

use couchdb::ServerUrl;
use kazoo_numbers::kazoo::couchdb_url_of;
use libfuzzer_sys::fuzz_target;

/// A text that no message contains otherwise.
const PASSWORD: &str = "n0t-t0-be-5een";

fuzz_target!(|text: &str| {
    // The names of sections are shown, and a password that is one as well.
    let names_a_section = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("pass") && line.contains(PASSWORD)
    };
    if text.lines().any(names_a_section) {
        return;
    }
    let told = match couchdb_url_of(text, Path::new("config.ini")) {
        Ok(url) => {
            let url = ServerUrl::parse(&url).unwrap();
            format!("{url} {url:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!told.contains(PASSWORD), "{told}");
});
