//! One HTTP exchange: sends a request, reads the answer and classifies it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};

use super::body::{AnswerBudget, Body};
use super::client_errors::{Head, parse_retry_after, refusal, transport_error};
use super::error::Error;
use super::layers::Exchange;
use super::request::{Request, Response};
use super::settings::HttpSettings;
use super::transport::{
    Authentication, CountTraffic, NetworkTransport, TimeLimits, Traffic, Transport,
    TransportRequest,
};
use super::url::ServerUrl;

/// A client of one server, without limit or retries.
#[derive(Clone)]
pub struct Client {
    url: ServerUrl,
    transport: Arc<dyn Transport>,
    traffic: Arc<Traffic>,
    longest_pause: Duration,
    answers: AnswerBudget,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

/// A part of an answer's body.
enum BodyPart<'a> {
    /// The announced length. It comes first.
    Length(Option<u64>),
    Chunk(&'a [u8]),
}

impl Client {
    /// Creates a client. It sends nothing yet. For an https server it reads certificates, which can
    /// block for some milliseconds.
    ///
    /// # Errors
    /// [`Kind::Config`](crate::Kind::Config) if the certificates cannot be used.
    pub fn new(
        url: ServerUrl,
        settings: &HttpSettings,
        traffic: Arc<Traffic>,
    ) -> Result<Self, Error> {
        let transport: Arc<dyn Transport> = match &settings.transport {
            Some(transport) => Arc::clone(transport),
            None => Arc::new(NetworkTransport::new(&url, settings)?),
        };
        let transport = TimeLimits {
            inner: transport,
            silence: settings.read_timeout,
        };
        let transport = CountTraffic {
            inner: transport,
            traffic: Arc::clone(&traffic),
        };
        let transport = Authentication {
            inner: transport,
            authorization: url.authorization(),
        };
        Ok(Self {
            url,
            transport: Arc::new(transport),
            traffic,
            longest_pause: settings.longest_pause,
            answers: settings.answers.clone(),
        })
    }

    /// The server's URL. Its `Display` omits the credentials.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Sends a request once and reads the whole answer.
    ///
    /// # Errors
    /// No answer, an answer above the request's size limit, or a status that means a refusal. The
    /// statuses 404, 409, 417, some cases of 412, and a 500 with a result for each row are answers.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let answer = self.receive_whole(request).await;
        answer.map_err(|error| request.failed(error).on(self.url.named()))
    }

    async fn receive_whole(&self, request: &Request<'_>) -> Result<Response, Error> {
        let mut body = Body::new(
            request.largest(),
            request.operation(),
            request.access(),
            &self.answers,
        );
        let head = self
            .receive(request, |arrived| match arrived {
                BodyPart::Length(length) => body.expect(length),
                BodyPart::Chunk(chunk) => body.append(chunk),
            })
            .await?;
        if let Some(error) = refusal(&self.url, request.operation(), &head, body.as_ref()) {
            return Err(error.retry_after(head.retry_after));
        }
        Ok(Response {
            status: head.status,
            date: head.date,
            body: body.finish()?,
        })
    }

    /// Sends a request once and discards the body as it arrives, whatever its size. Returns the
    /// status and the size of the body in bytes.
    ///
    /// # Errors
    /// The answer was not complete.
    pub async fn drain(&self, request: &Request<'_>) -> Result<(StatusCode, u64), Error> {
        let mut bytes = 0;
        let head = self
            .receive(request, |arrived| {
                if let BodyPart::Chunk(chunk) = arrived {
                    bytes += chunk.len() as u64;
                }
                Ok(())
            })
            .await?;
        Ok((head.status, bytes))
    }

    async fn receive(
        &self,
        request: &Request<'_>,
        mut take: impl FnMut(BodyPart<'_>) -> Result<(), Error>,
    ) -> Result<Head, Error> {
        let operation = request.operation();
        let mut response = self
            .transport
            .send(http_request(request))
            .await
            .map_err(|error| transport_error(&self.url, operation, error))?;
        let head = self.head(response.status, &response.headers);
        take(BodyPart::Length(response.length))?;
        while let Some(chunk) = response.body.next().await {
            // A smaller answer may arrive where this one broke off.
            let chunk = chunk
                .map_err(|error| transport_error(&self.url, operation, error).too_slow(true))?;
            take(BodyPart::Chunk(&chunk))?;
        }
        Ok(head)
    }

    fn head(&self, status: StatusCode, headers: &HeaderMap) -> Head {
        let header = |name: HeaderName| headers.get(name)?.to_str().ok();
        Head {
            status,
            // Clamped here, so that no caller sleeps for as long as a server asks.
            retry_after: header(RETRY_AFTER)
                .and_then(parse_retry_after)
                .map(|pause| pause.min(self.longest_pause)),
            date: header(DATE).and_then(|value| httpdate::parse_http_date(value).ok()),
            location: header(LOCATION).map(str::to_owned),
        }
    }
}

impl Exchange for Client {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        self.send(request).await
    }
}

fn http_request(request: &Request<'_>) -> TransportRequest {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let body = request.body_bytes().cloned();
    let mut headers = HeaderMap::new();
    // Without this header CouchDB sends a document with attachments as multipart.
    headers.insert(ACCEPT, JSON);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, JSON);
    }
    TransportRequest {
        method: request.method(),
        path: request.path(),
        query: request.query_text().to_owned(),
        headers,
        body,
    }
}
