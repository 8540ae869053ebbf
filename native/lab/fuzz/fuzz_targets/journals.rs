//! Forged journal files. Each line of the input gets a valid checksum, except lines that start with
//! `!`. A journal is read or refused, and never changed.
#![no_main]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use kazoo_numbers::journal::{Journals, Record};
use libfuzzer_sys::fuzz_target;

const RUN: &str = "20261126T001209Z-394192";

fuzz_target!(|bytes: &[u8]| {
    let mut file = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"!") {
            Some(as_it_is) => file.extend(as_it_is),
            None => {
                let json = line.strip_suffix(b"\n").unwrap_or(line);
                file.extend(format!("{:08x} ", crc32fast::hash(json)).as_bytes());
                file.extend(line);
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().join(format!("{RUN}.journal"));
    fs::write(&path, &file).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();

    let journals = Journals::new(folder.path().to_owned());
    let listed = journals.runs_and_refused().0;
    assert!(listed.iter().all(|run| run.start.run == RUN));
    let mut seen = 0;
    let steps = journals.steps(RUN, |_| {
        seen += 1;
        Ok(())
    });
    if steps.is_ok() {
        let whole = String::from_utf8_lossy(&file);
        let intents = whole.lines().filter_map(Record::read);
        let intents = intents
            .filter(|record| matches!(record, Record::Intent(_)))
            .count();
        assert!(seen <= intents, "{seen} of {intents}");
    }
    if let Ok(done) = journals.done(RUN) {
        assert!(
            done.values()
                .map(|documents| documents.len())
                .sum::<usize>()
                <= seen
        );
    }
    assert_eq!(fs::read(&path).unwrap(), file);
});
