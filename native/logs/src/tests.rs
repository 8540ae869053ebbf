//! Sessions and activities, with the subscriber of the process: the tests share it.

use crate::activity;
use crate::session::{LogEvent, LogSession};
use tokio::sync::mpsc::Receiver;
use tracing::level_filters::LevelFilter;
use tracing::{debug, debug_span, info, info_span, trace, warn};

fn received(queue: &mut Receiver<LogEvent>) -> Vec<String> {
    std::iter::from_fn(|| queue.try_recv().ok())
        .map(|event| format!("{} {}", event.level, event.line))
        .collect()
}

fn log_at_every_level() {
    trace!("a trace");
    debug!(page = 1, "a debug");
    info!("an info");
    warn!("a warning");
}

#[test]
fn session_gets_its_own_events_at_its_level() {
    let (verbose, mut all) = LogSession::begin(LevelFilter::TRACE);
    let (quiet, mut some) = LogSession::begin(LevelFilter::WARN);
    let (off, mut none) = LogSession::begin(LevelFilter::OFF);
    for session in [&verbose, &quiet, &off] {
        session.span().in_scope(log_at_every_level);
    }
    // It belongs to no session.
    log_at_every_level();
    assert_eq!(
        received(&mut all),
        [
            "trace a trace",
            "debug a debug page=1",
            "info an info",
            "warning a warning"
        ]
    );
    assert_eq!(received(&mut some), ["warning a warning"]);
    assert_eq!(received(&mut none), [""; 0]);
    // The level that was wanted by another session until now is no longer.
    drop(verbose);
    quiet.span().in_scope(log_at_every_level);
    assert_eq!(received(&mut some), ["warning a warning"]);
}

#[test]
fn event_names_its_run_and_database() {
    let (session, mut events) = LogSession::begin(LevelFilter::DEBUG);
    let run = session
        .span()
        .in_scope(|| info_span!("run", id = "7f", function = "audit"));
    let page = run.in_scope(|| debug_span!("page", database = "numbers/+1415", page = 3));
    page.in_scope(|| debug!(rows = 12, "page read"));
    let event = events.try_recv().unwrap();
    assert_eq!(
        event.line,
        "page{database=numbers/+1415 page=3}: page read rows=12"
    );
    assert_eq!(event.run.as_deref(), Some("7f"));
    assert_eq!(event.function.as_deref(), Some("audit"));
    assert_eq!(event.database.as_deref(), Some("numbers/+1415"));
}

#[test]
fn events_without_room_are_dropped_and_counted() {
    let (session, mut events) = LogSession::begin(LevelFilter::INFO);
    session
        .span()
        .in_scope(|| (0..3000).for_each(|number| info!(number, "much")));
    let kept = received(&mut events).len() as u64;
    assert_eq!(kept, 1024);
    assert_eq!(session.take_dropped(), 3000 - kept);
    assert_eq!(session.take_dropped(), 0);
    session.span().in_scope(|| info!("room again"));
    assert_eq!(received(&mut events), ["info room again"]);
}

/// Parts of a run may outlive it.
#[tokio::test]
async fn ended_session_closes_its_queue() {
    let (session, mut events) = LogSession::begin(LevelFilter::INFO);
    let span = session.span().in_scope(|| info_span!("run"));
    session.end();
    span.in_scope(|| info!("late"));
    assert_eq!(events.recv().await, None);
}

#[test]
fn activity_is_what_is_open_the_oldest_first() {
    let (session, _events) = LogSession::begin(LevelFilter::OFF);
    let shown = || -> Vec<(usize, String, bool)> {
        activity::of_session(&session)
            .into_iter()
            .map(|one| (one.depth, one.text, one.is_innermost))
            .collect()
    };
    let run = session
        .span()
        .in_scope(|| info_span!("run", function = "audit"));
    let first = run.in_scope(|| {
        debug_span!(
            "database",
            database = "a",
            waits_for = tracing::field::Empty
        )
    });
    let second = run.in_scope(|| debug_span!("database", database = "b"));
    let page = second.in_scope(|| debug_span!("page", page = 1));
    assert_eq!(
        shown(),
        [
            (0, "run function=audit".into(), false),
            (1, "database database=a".into(), true),
            (1, "database database=b".into(), false),
            (2, "page page=1".into(), true),
        ]
    );
    first.record("waits_for", "http://admin:secret@host:5984/x");
    drop((page, second));
    assert_eq!(
        shown(),
        [
            (0, "run function=audit".into(), false),
            (
                1,
                "database database=a waits_for=http://…@host:5984/x".into(),
                true
            ),
        ]
    );
    drop((first, run));
    assert_eq!(shown(), []);
}

#[test]
fn spans_and_events_of_other_libraries_are_not_recorded() {
    let (session, mut events) = LogSession::begin(LevelFilter::TRACE);
    session.span().in_scope(|| {
        let _entered =
            info_span!(target: "hyper::client", "request", password = "secret").entered();
        info!(target: "hyper::client", "secret");
        assert_eq!(activity::of_session(&session), []);
    });
    assert_eq!(received(&mut events), [""; 0]);
}
