//! The lock document with any content. Its entries survive a write, no entry excludes a run for
//! longer than the longest lease, and a run that holds the lock finds its entry.
#![no_main]

use std::time::{Duration, Instant, SystemTime};

use document::elements;
use kazoo_numbers::command::Scope;
use kazoo_numbers::lease::{Holder, Holders, Verdict, Watch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // CouchDB stores only objects.
    let list = format!("[{text}]");
    let Some([text]) = elements(&list).and_then(|all| <[&str; 1]>::try_from(all).ok()) else {
        return;
    };
    let holders = Holders::parse(text);
    assert_eq!(Holders::parse(&holders.document("lock")), holders);

    let me = Holder::new(
        "audit",
        "me",
        "here",
        Scope::Exclusive,
        Duration::from_secs(90),
    );
    let (now, at) = (
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000),
        Instant::now(),
    );
    let mut watch = Watch::default();
    watch.see(holders.iter(), at);
    for entry in holders.iter() {
        let shown = format!("{entry} {} {}", entry.expires(), entry.last_seen());
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
    let _ = holders.judge(&me, now, &watch, at);
    let later = at + Duration::from_secs(3 * 24 * 3600);
    watch.see(holders.iter(), later);
    match holders.judge(&me, now, &watch, later) {
        Verdict::Free { with, .. } => {
            assert_eq!(with.judge(&me, now, &watch, later), Verdict::Held);
            let renewed = with.renewed(&me.run, now).unwrap();
            assert_ne!(renewed, with);
            let without = renewed.without(&me.run).unwrap();
            assert!(without.holders().all(|one| one.run != me.run));
        }
        Verdict::Held => assert!(holders.holders().any(|one| one.run == me.run)),
        Verdict::Taken(other) | Verdict::Silent(other) => {
            panic!("{other} blocks the lock permanently")
        }
    }
    let all: Vec<_> = holders.iter().cloned().collect();
    if let Some(none) = holders.without_all(&all) {
        assert_eq!(none.iter().count(), 0);
    }
});
