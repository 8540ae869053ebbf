//! Logs of requests, from a transport without sockets.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use kazoo_numbers_couchdb::{
    Attachments, HeaderMap, HttpSettings, Kind, Server, ServerUrl, StatusCode, Transport,
    TransportError, TransportRequest, TransportResponse,
};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::database;

/// Fails some times, then answers every request with this body.
#[derive(Debug)]
struct Scripted {
    failures: AtomicUsize,
    body: String,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse, TransportError> {
        let failed = self
            .failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if failed.is_ok() {
            return Err(TransportError::Broken(std::io::ErrorKind::ConnectionReset));
        }
        let body = self.body.clone();
        Ok(TransportResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            length: Some(body.len() as u64),
            body: stream::iter([Ok(body.into())]).boxed(),
        })
    }
}

/// Collects spans and events as lines of text.
#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

impl Lines {
    fn add(&self, level: &Level, fields: impl FnOnce(&mut Fields)) {
        let mut text = Fields(level.to_string());
        fields(&mut text);
        self.lines.lock().unwrap().push(text.0);
    }

    fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("kazoo_numbers_couchdb")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.add(span.metadata().level(), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.add(&Level::DEBUG, |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.add(event.metadata().level(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn server(failures: usize, body: &str) -> Server {
    let settings = HttpSettings {
        transport: Some(Arc::new(Scripted {
            failures: AtomicUsize::new(failures),
            body: body.to_owned(),
        })),
        ..HttpSettings::default()
    };
    let url = ServerUrl::parse("http://admin:s3cret@couchdb.example:5984").unwrap();
    Server::new(url, settings, Arc::default(), CancellationToken::new()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn request_is_traced_without_secrets_and_documents() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let answer = r#"{"rows":[{"id":"+14155550100","key":"+14155550100","value":{"rev":"1-a"},"doc":{"_id":"+14155550100","_rev":"1-a","secret":1}}]}"#;
    let server = server(1, answer);
    let name = database();
    let read = server.read_documents(&name, &["+14155550100"], Attachments::Stubs, 1);
    assert!(read.await.unwrap()[0].is_present());
    let opened = server.open_doc(&database(), "+14155550100").await;
    assert!(opened.is_err(), "the answer is not a document");
    let lines = lines.all().join("\n");
    for part in [
        "method=POST path=/numbers%2F%2B1415/_all_docs attempt=1",
        "method=POST path=/numbers%2F%2B1415/_all_docs attempt=2",
        "method=GET path=/numbers%2F%2B1415/… attempt=1",
        "status=200",
        "milliseconds=",
        "kind=\"connection\"",
        "tries again",
        "connection reset",
    ] {
        assert!(lines.contains(part), "{part} is missing in\n{lines}");
    }
    for secret in ["s3cret", "admin", "4155550100", "secret", "include_docs"] {
        assert!(!lines.contains(secret), "{secret} is in\n{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn outage_is_waited_for_then_given_up_with_a_warning() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let server = server(usize::MAX, "");
    let began = tokio::time::Instant::now();
    let error = server.databases("").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Connection);
    // With the default settings, and a paused clock.
    assert!(
        began.elapsed() >= Duration::from_secs(75),
        "{:?}",
        began.elapsed()
    );
    let warned: Vec<String> = lines
        .all()
        .into_iter()
        .filter(|line| line.starts_with("WARN"))
        .collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].contains("gives up: cannot list databases"),
        "{warned:?}"
    );
}
