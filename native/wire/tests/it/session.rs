//! Every job ends in exactly one last frame, whatever happens to it or its caller.

use kazoo_numbers_wire::caller::FrameSink;
use kazoo_numbers_wire::decode::decode;
use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::request::{
    Connection, HostKind, InjectedFault, JobSettings, LogLevel, StartRequest,
};
use kazoo_numbers_wire::session::Session;
use kazoo_numbers_wire::term::Term;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

struct RecordingSink(UnboundedSender<Term>);

impl FrameSink for RecordingSink {
    fn send(&self, frame: Vec<u8>) -> bool {
        self.0.send(decode(&frame).expect("a frame")).is_ok()
    }
}

fn start(fault: Option<InjectedFault>) -> StartRequest {
    StartRequest {
        function: "all_features".to_owned(),
        arguments: vec![],
        connection: Connection::Url("http://127.0.0.1:1".to_owned()),
        host: HostKind::Standalone,
        settings: JobSettings {
            fault,
            ..JobSettings::default()
        },
    }
}

fn begin(
    fault: Option<InjectedFault>,
) -> (
    Session,
    tokio::task::JoinHandle<()>,
    UnboundedReceiver<Term>,
) {
    let (sender, receiver) = unbounded_channel();
    let (session, job) = Session::start(&Handle::current(), start(fault), RecordingSink(sender));
    (session, job, receiver)
}

async fn next(frames: &mut UnboundedReceiver<Term>) -> Term {
    timeout(Duration::from_secs(5), frames.recv())
        .await
        .expect("a frame in time")
        .expect("a frame")
}

#[tokio::test]
async fn panic_is_reported_in_one_line() {
    let (_session, job, mut frames) = begin(Some(InjectedFault::Task));
    assert_eq!(
        next(&mut frames).await,
        Term::tagged("failed", [Term::text("internal error: a fault on purpose")])
    );
    job.await.expect("the task survives");
    assert!(frames.try_recv().is_err());
}

#[tokio::test]
async fn cancelled_job_ends() {
    let (session, job, mut frames) = begin(Some(InjectedFault::Hang));
    assert!(
        timeout(Duration::from_millis(100), frames.recv())
            .await
            .is_err()
    );
    session.receive(ToNative::Cancel);
    assert_eq!(
        next(&mut frames).await.as_tagged().expect("a tuple").0,
        "done"
    );
    job.await.expect("the task survives");
    assert!(frames.try_recv().is_err());
}

#[tokio::test]
async fn job_ends_when_caller_is_gone() {
    let (session, job, mut frames) = begin(Some(InjectedFault::Hang));
    session.mark_gone();
    assert_eq!(
        next(&mut frames).await.as_tagged().expect("a tuple").0,
        "done"
    );
    job.await.expect("the task survives");
}

#[tokio::test]
async fn next_lines_wait_for_reply() {
    let (session, job, mut frames) = begin(None);
    let lines = next(&mut frames).await;
    let Some(("lines", [Term::Integer(number), Term::List(_)])) = lines.as_tagged() else {
        panic!("{lines:?}");
    };
    assert!(
        timeout(Duration::from_millis(300), frames.recv())
            .await
            .is_err()
    );
    session.receive(ToNative::Reply(*number as u64, Term::atom("ok")));
    assert_eq!(
        next(&mut frames).await.as_tagged().expect("a tuple").0,
        "done"
    );
    job.await.expect("the task survives");
}

/// A command on a server that never answers.
fn hung(log_level: LogLevel) -> (std::net::TcpListener, StartRequest) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let request = StartRequest {
        function: "carrier_module_usage".to_owned(),
        connection: Connection::Url(format!("http://admin:secret@{address}")),
        settings: JobSettings {
            log_level,
            ..JobSettings::default()
        },
        ..start(None)
    };
    (listener, request)
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_is_the_request_that_is_waited_for() {
    let (_listener, request) = hung(LogLevel::Off);
    let (sender, mut frames) = unbounded_channel();
    let (session, job) = Session::start(&Handle::current(), request, RecordingSink(sender));
    tokio::time::sleep(Duration::from_millis(300)).await;
    session.receive(ToNative::Activity);
    let frame = next(&mut frames).await;
    let Some(("activity", [_, Term::List(activities)])) = frame.as_tagged() else {
        panic!("{frame:?}");
    };
    let [Term::Tuple(activity)] = activities.as_slice() else {
        panic!("{frame:?}");
    };
    let [text, Term::Integer(milliseconds)] = activity.as_slice() else {
        panic!("{frame:?}");
    };
    // A request has a more detailed text.
    assert!(text.as_text().is_some(), "{frame:?}");
    assert!((200..5000).contains(milliseconds), "{frame:?}");
    session.receive(ToNative::Cancel);
    loop {
        match next(&mut frames).await.as_tagged().expect("a tuple") {
            ("lines", [Term::Integer(lines), _]) => {
                session.receive(ToNative::Reply(*lines as u64, Term::atom("ok")));
            }
            ("done", _) => break,
            other => panic!("{other:?}"),
        }
    }
    job.await.expect("the task survives");
    // No frame follows the last.
    session.receive(ToNative::Activity);
    assert!(
        timeout(Duration::from_millis(300), frames.recv())
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_before_the_last_frame_one_batch_at_a_time() {
    let (_listener, request) = hung(LogLevel::Info);
    let (sender, mut frames) = unbounded_channel();
    let (session, job) = Session::start(&Handle::current(), request, RecordingSink(sender));
    let first = next(&mut frames).await;
    let Some(("events", [Term::Integer(number), Term::Integer(0), Term::List(events)])) =
        first.as_tagged()
    else {
        panic!("{first:?}");
    };
    let Some(("info", [line, about])) = events.first().and_then(Term::as_tagged) else {
        panic!("{first:?}");
    };
    assert!(
        line.as_text()
            .is_some_and(|line| line.starts_with("command: begins")),
        "{first:?}"
    );
    assert_eq!(
        about.get("function"),
        Some(&Term::text("carrier_module_usage"))
    );
    session.receive(ToNative::Cancel);
    // The other events wait for the answer, and the end of the job for the events.
    while let Ok(Some(frame)) = timeout(Duration::from_secs(2), frames.recv()).await {
        match frame.as_tagged().expect("a tuple") {
            ("lines", [Term::Integer(lines), _]) => {
                session.receive(ToNative::Reply(*lines as u64, Term::atom("ok")));
            }
            (tag, _) => panic!("{tag} before the answer"),
        }
    }
    session.receive(ToNative::Reply(*number as u64, Term::atom("ok")));
    let mut ended = false;
    loop {
        let frame = next(&mut frames).await;
        match frame.as_tagged().expect("a tuple") {
            ("events", [Term::Integer(number), _, Term::List(events)]) => {
                let line = events.last().and_then(Term::as_tagged);
                ended |= line.is_some_and(|(_, rest)| {
                    rest.first()
                        .and_then(Term::as_text)
                        .is_some_and(|line| line.starts_with("report: ends"))
                });
                session.receive(ToNative::Reply(*number as u64, Term::atom("ok")));
            }
            ("done", _) => break,
            ("lines", [Term::Integer(lines), _]) => {
                session.receive(ToNative::Reply(*lines as u64, Term::atom("ok")));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(ended, "the last event is missing");
    job.await.expect("the task survives");
}
