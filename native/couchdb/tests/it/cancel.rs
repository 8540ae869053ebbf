//! The end of requests in flight, with a transport that answers late.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use kazoo_numbers_couchdb::{
    Attachments, Cancel, HeaderMap, HttpSettings, Kind, Landed, Server, ServerUrl, StatusCode,
    Transport, TransportError, TransportRequest, TransportResponse, Write,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::support::database;

/// Longer than an abandoned write may take.
const LATE: Duration = Duration::from_secs(5);

/// The longest time until an abandoned request has ended.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Late;

#[async_trait]
impl Transport for Late {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse, TransportError> {
        sleep(LATE).await;
        let body = r#"[{"ok":true,"id":"+14155550100","rev":"1-a"}]"#;
        Ok(TransportResponse {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            length: Some(body.len() as u64),
            body: stream::iter([Ok(body.into())]).boxed(),
        })
    }
}

fn server(cancel: Cancel) -> Server {
    let settings = HttpSettings {
        transport: Some(Arc::new(Late)),
        ..HttpSettings::default()
    };
    let url = ServerUrl::parse("http://couchdb.example:5984").unwrap();
    Server::new(url, settings, Arc::default(), cancel).unwrap()
}

/// Sends a write and a read, cancels `token` while they are in flight, and returns the results with
/// the time after which each ended.
async fn in_flight(cancel: Cancel, token: CancellationToken) -> [(Result<(), Kind>, Duration); 2] {
    let server = server(cancel);
    let (name, began) = (database(), Instant::now());
    let write = async {
        let writes = [Write {
            id: "+14155550100",
            rev: None,
            body: Some("{}"),
            losers: Vec::new(),
        }];
        let landed = server.bulk_docs(&name, &writes, 1).await;
        let result = match &landed[0] {
            Landed::Written(_) => Ok(()),
            Landed::Failed(error) => Err(error.kind()),
            Landed::Conflict => Err(Kind::Conflict),
        };
        (result, began.elapsed())
    };
    let read = async {
        let read = server.read_documents(&name, &["+14155550100"], Attachments::Stubs, 1);
        let result = read.await.map(|_| ()).map_err(|error| error.kind());
        (result, began.elapsed())
    };
    let cancelling = async {
        sleep(Duration::from_millis(100)).await;
        token.cancel();
    };
    let (write, read, ()) = tokio::join!(write, read, cancelling);
    [write, read]
}

#[tokio::test(start_paused = true)]
async fn stopped_run_ends_reads_and_waits_for_writes() {
    let abandon = CancellationToken::new();
    let stop = abandon.child_token();
    let cancel = Cancel {
        stop: stop.clone(),
        abandon,
    };
    let [write, read] = in_flight(cancel, stop).await;
    assert_eq!(write, (Ok(()), LATE));
    assert_eq!(read.0, Err(Kind::Cancelled));
    assert!(read.1 < SOON, "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn cancelled_run_abandons_writes_within_a_second() {
    let token = CancellationToken::new();
    let [write, read] = in_flight(token.clone().into(), token).await;
    assert_eq!(
        (&write.0, &read.0),
        (&Err(Kind::Cancelled), &Err(Kind::Cancelled))
    );
    assert!(write.1 < SOON, "{write:?}");
}
