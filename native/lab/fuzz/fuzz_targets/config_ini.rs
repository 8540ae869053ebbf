//! Kazoo's `config.ini` gives a URL or one error. Neither shows the password.
#![no_main]

use std::path::Path;

use couchdb::ServerUrl;
use kazoo_numbers::connection::couchdb_url_of;
use libfuzzer_sys::fuzz_target;

/// A text that occurs in no other message.
const PASSWORD: &str = "n0t-t0-be-5een";

fuzz_target!(|text: &str| {
    // Section names are shown, and a password can equal one.
    let names_a_section = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("pass") && line.contains(PASSWORD)
    };
    if text.lines().any(names_a_section) {
        return;
    }
    let shown = match couchdb_url_of(text, Path::new("config.ini")) {
        Ok(url) => {
            let url = ServerUrl::parse(&url).unwrap();
            format!("{url} {url:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(PASSWORD), "{shown}");
});
