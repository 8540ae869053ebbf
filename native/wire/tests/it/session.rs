//! Every job ends in exactly one last frame, whatever happens to it or its caller.

use kazoo_numbers_wire::caller::FrameSink;
use kazoo_numbers_wire::decode::decode;
use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::request::{Connection, HostKind, InjectedFault, JobSettings, StartRequest};
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
