//! Faults as a layer over any transport, without sockets.
//!
//! Where a fault is about connections, the client gets the error that its sockets would report.

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use couchdb::{BodyStream, HeaderMap, Transport, TransportError};
use couchdb::{StatusCode, TransportRequest, TransportResponse};
use futures::{StreamExt, stream};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answer::{Answer, AnswerBody};
use crate::disturber::{Cut, Disturber, Interceptor, Restart};
use crate::recording::Recording;
use crate::request::ParsedRequest;
use crate::schedule::{Hits, Schedule};
use crate::upstream::Upstream;

const RESET: TransportError = TransportError::Broken(ErrorKind::ConnectionReset);

/// A transport with faults. Clones share the schedule and the recording.
#[derive(Clone)]
pub struct FaultLayer(Arc<Layer>);

struct Layer {
    disturber: Arc<Disturber>,
    /// The end of the server's restart.
    back: Mutex<Option<Instant>>,
    /// Changes when all connections must be reset.
    reset: watch::Sender<()>,
}

impl fmt::Debug for FaultLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultLayer")
    }
}

impl FaultLayer {
    /// Puts faults in front of a server. It injects none yet.
    pub fn new(server: Upstream) -> Self {
        Self(Arc::new(Layer {
            disturber: Disturber::new(server),
            back: Mutex::default(),
            reset: watch::Sender::new(()),
        }))
    }

    /// Activates a schedule and clears the recording.
    pub fn arm_with(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        self.0.disturber.arm(schedule, interceptor);
    }

    /// Ends the schedule. Waits for requests in flight, and returns the recording and the number of
    /// faults of each rule.
    pub async fn disarm(&self) -> (Recording, Hits) {
        self.0.disturber.disarm().await
    }
}

#[async_trait]
impl Transport for FaultLayer {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        if self.0.is_away() {
            return Err(TransportError::NotConnected(ErrorKind::ConnectionRefused));
        }
        let mut reset = self.0.reset.subscribe();
        let authorization = request.headers.get(AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let request = ParsedRequest::new(
            request.method.clone(),
            request.target(),
            authorization.map(str::to_owned),
            request.body.unwrap_or_default(),
        );
        let answered = tokio::select! {
            answered = self.0.disturber.answer(request) => answered,
            _ = reset.changed() => return Err(RESET),
        };
        match answered {
            Ok(answer) => response(answer, reset),
            Err(Cut::Reset) => Err(RESET),
            Err(Cut::Restart(restart)) => {
                self.0.restart(restart);
                Err(RESET)
            }
        }
    }
}

impl Layer {
    fn is_away(&self) -> bool {
        let back = self.back.lock().unwrap_or_else(PoisonError::into_inner);
        back.is_some_and(|back| Instant::now() < back)
    }

    fn restart(&self, restart: Restart) {
        let back = Instant::now() + restart.away;
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = Some(back);
        self.reset.send_replace(());
        tokio::spawn(async move {
            tokio::time::sleep_until(back).await;
            drop(restart);
        });
    }
}

fn response(
    answer: Answer,
    reset: watch::Receiver<()>,
) -> Result<TransportResponse, TransportError> {
    let invalid = |error: &dyn fmt::Display| TransportError::Failed(error.to_string());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(retry_after) = &answer.retry_after {
        let value = HeaderValue::from_str(retry_after).map_err(|error| invalid(&error))?;
        headers.insert(RETRY_AFTER, value);
    }
    let (length, body) = match answer.body {
        AnswerBody::Whole(body) => {
            let length = Some(body.len());
            let chunks = (!body.is_empty()).then_some(Ok(body));
            (length, stream::iter(chunks).boxed())
        }
        AnswerBody::Pieces { announced, pieces } => {
            let pieces = pieces.map(|piece| piece.map_err(|_| RESET));
            (announced, until_reset(pieces.boxed(), reset))
        }
    };
    Ok(TransportResponse {
        status: StatusCode::from_u16(answer.status).map_err(|error| invalid(&error))?,
        headers,
        length: length.map(|length| length as u64),
        body,
    })
}

/// Ends a body with an error when all connections are reset.
fn until_reset(body: BodyStream, reset: watch::Receiver<()>) -> BodyStream {
    stream::unfold(Some((body, reset)), |open| async move {
        let (mut body, mut reset) = open?;
        tokio::select! {
            piece = body.next() => piece.map(|piece| (piece, Some((body, reset)))),
            _ = reset.changed() => Some((Err(RESET), None)),
        }
    })
    .boxed()
}
