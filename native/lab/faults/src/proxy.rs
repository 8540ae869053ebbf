//! The proxy: accepts requests, injects faults and records what passes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::distort;
use crate::fault::{Fault, RetryAfter};
use crate::port::Port;
use crate::recording::Recording;
use crate::request::{ParsedRequest, RequestKind};
use crate::schedule::{ActiveSchedule, Hits, Schedule};
use crate::upstream::{Upstream, UpstreamAnswer};

/// How long a hanging request is held if the client does not disconnect earlier.
const HANG: Duration = Duration::from_secs(20);

/// Errors of the proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The URL is invalid or not plain HTTP.
    #[error("not the URL of a CouchDB on plain HTTP")]
    Url,
    /// There is no port to listen on.
    #[error("no port to listen on: {0}")]
    Listen(#[from] std::io::Error),
    /// The server did not answer.
    #[error("the server did not answer: {0}")]
    Upstream(String),
}

/// A request and the server's answer, before the answer reaches the client.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The request.
    pub request: &'a ParsedRequest,
    /// The server's answer.
    pub answer: &'a UpstreamAnswer,
    /// The server.
    pub server: &'a Upstream,
}

/// Another client of the same server. It runs before a request is forwarded, and after the server's
/// answer before the client receives it.
pub trait Interceptor: Send + Sync {
    /// Runs after the server's answer.
    fn after_answer<'a>(&'a self, exchange: Exchange<'a>) -> BoxFuture<'a, ()>;

    /// Runs before a request is forwarded. If the client disconnects before this ends, the request
    /// is dropped.
    fn before_request<'a>(&'a self, _asked: &'a ParsedRequest) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A running proxy.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    user: String,
    accepting: JoinHandle<()>,
}

struct Shared {
    upstream: Upstream,
    state: Mutex<State>,
    /// Requests that the server has not finished.
    in_flight: AtomicUsize,
    finished: watch::Sender<()>,
    restarts: mpsc::UnboundedSender<Restart>,
    /// Changes when all connections must be reset.
    reset: watch::Sender<()>,
    /// Open connections.
    connections: watch::Sender<usize>,
}

/// A requested restart.
struct Restart {
    away: Duration,
    /// Counts as a request in flight until the restart is over.
    _acting: InFlight,
}

#[derive(Default)]
struct State {
    active: ActiveSchedule,
    recording: Recording,
    interceptor: Option<Arc<dyn Interceptor>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts a proxy for the server at this URL, which is plain HTTP. It injects no faults yet.
    ///
    /// # Errors
    /// The URL is not of that form, or there is no port to listen on.
    pub async fn start(url: &str) -> Result<Self, ProxyError> {
        let port = Port::reserve()?;
        let address = port.address();
        let listener = port.listen()?;
        let (restarts, due) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            upstream: Upstream::new(url)?,
            state: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            finished: watch::Sender::new(()),
            restarts,
            reset: watch::Sender::new(()),
            connections: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(shared.clone(), port, listener, due));
        let user = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
            .map_or_else(String::new, |(user, _)| format!("{user}@"));
        Ok(Self {
            shared,
            address,
            user,
            accepting,
        })
    }

    /// The proxy's URL, with the server's user and password.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.user, self.address)
    }

    /// The server, without the proxy.
    pub fn server(&self) -> &Upstream {
        &self.shared.upstream
    }

    /// Activates a schedule and clears the recording.
    pub fn arm(&self, schedule: Schedule) {
        self.arm_with(schedule, None);
    }

    /// As [`Proxy::arm`], with an interceptor.
    pub fn arm_with(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        *self.shared.state() = State {
            active: ActiveSchedule::new(schedule),
            recording: Recording::default(),
            interceptor,
        };
    }

    /// Waits until no client is connected. After a client was killed, all its requests have then
    /// been processed or dropped.
    ///
    /// # Errors
    /// The proxy does not accept connections.
    pub async fn wait_until_disconnected(&self) -> Result<(), ProxyError> {
        // Connections are accepted in order: when this one is accepted, no earlier one is waiting.
        let mut last = TcpStream::connect(self.address).await?;
        last.write_all(b"nothing\r\n\r\n").await?;
        let _ = last.read_to_end(&mut Vec::new()).await;
        drop(last);
        let mut connections = self.shared.connections.subscribe();
        // The sender lives as long as the proxy.
        let _ = connections.wait_for(|open| *open == 0).await;
        Ok(())
    }

    /// Ends the schedule. Waits for requests in flight, and returns the recording and the number of
    /// faults of each rule.
    pub async fn disarm(&self) -> (Recording, Hits) {
        let mut finished = self.shared.finished.subscribe();
        while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
            if finished.changed().await.is_err() {
                break;
            }
        }
        let state = std::mem::take(&mut *self.shared.state());
        (state.recording, state.active.hits())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Resets the connection instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset")]
struct Reset;

type Body = BoxBody<Bytes, Reset>;

async fn accept(
    shared: Arc<Shared>,
    port: Port,
    mut listener: TcpListener,
    mut due: mpsc::UnboundedReceiver<Restart>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    shared.connections.send_modify(|open| *open += 1);
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        connection(shared.clone(), stream).await;
                        shared.connections.send_modify(|open| *open -= 1);
                    });
                }
            }
            Some(restart) = due.recv() => {
                drop(listener);
                shared.reset.send_replace(());
                tokio::time::sleep(restart.away).await;
                listener = loop {
                    match port.listen() {
                        Ok(listener) => break listener,
                        Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                    }
                };
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let mut reset = shared.reset.subscribe();
    let _ = stream.set_nodelay(true);
    // A second handle of the socket: hyper has dropped the first one when the reset is decided.
    let twin = std::os::fd::AsFd::as_fd(&stream)
        .try_clone_to_owned()
        .map(socket2::Socket::from);
    let service = service_fn(|request| answer(shared.clone(), request));
    let served = tokio::select! {
        served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service) => served.is_ok(),
        _ = reset.changed() => false,
    };
    if let (false, Ok(twin)) = (served, twin) {
        let _ = twin.set_linger(Some(Duration::ZERO));
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Reset> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let authorization = head
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let request = ParsedRequest::new(head.method, head.uri.to_string(), authorization, body);
    let (fault, interceptor) = {
        let mut state = shared.state();
        state.recording.requests += 1;
        (state.active.next(&request), state.interceptor.clone())
    };
    if let Some(interceptor) = interceptor {
        interceptor.before_request(&request).await;
    }
    let Some(fault) = fault else {
        let answer = forward(&shared, &request).await?;
        return Ok(deliver(&shared, &request, answer));
    };
    inject(&shared, request, fault).await
}

async fn inject(
    shared: &Arc<Shared>,
    request: ParsedRequest,
    fault: Fault,
) -> Result<Response<Body>, Reset> {
    match fault {
        Fault::ResetBefore => Err(Reset),
        Fault::ResetAfter => {
            forward(shared, &request).await?;
            Err(Reset)
        }
        Fault::Hang => {
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::HangAfter => {
            forward(shared, &request).await?;
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::ActsLate(late) => {
            // In a separate task, because the server acts even if the client disconnects.
            let in_flight = InFlight::new(shared);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                let _ = forward_now(&in_flight.0, &request).await;
                drop(in_flight);
            });
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::Restart { acted, away } => {
            if acted {
                forward(shared, &request).await?;
            }
            let restart = Restart {
                away,
                _acting: InFlight::new(shared),
            };
            shared.restarts.send(restart).map_err(|_| Reset)?;
            // The connection is reset together with all others.
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::Status {
            code,
            acted,
            html,
            retry_after,
        } => {
            if acted {
                forward(shared, &request).await?;
            }
            Ok(status(shared, &request, code, html, retry_after))
        }
        Fault::Endless => Ok(endless(shared, b"{\"rows\":[", b" ", usize::MAX, b"")),
        Fault::Huge(names) => Ok(endless(shared, b"[\"\"", b",\"\"", names, b"]")),
        Fault::Latency(latency) => {
            tokio::time::sleep(latency).await;
            let answer = forward(shared, &request).await?;
            Ok(deliver(shared, &request, answer))
        }
        _ => {
            let mut answer = forward(shared, &request).await?;
            Ok(distorted(shared, &request, &mut answer, fault))
        }
    }
}

/// Delivers an answer with a fault.
fn distorted(
    shared: &Shared,
    request: &ParsedRequest,
    answer: &mut UpstreamAnswer,
    fault: Fault,
) -> Response<Body> {
    let body = answer.body.clone();
    match fault {
        Fault::CutShort => return broken(shared, answer),
        Fault::Bandwidth(bytes) => {
            let pause = Duration::from_millis(1);
            return slow(shared, request, answer, bytes, pause);
        }
        Fault::Trickle(pause) => return slow(shared, request, answer, 1, pause),
        Fault::Truncated => answer.body = distort::truncated(&body),
        Fault::Garbage => {
            answer.status = 200;
            answer.body = distort::PAGE.into();
        }
        Fault::ErrorWithRows if answer.status < 300 => answer.status = 500,
        Fault::RowErrors if matches!(request.kind, RequestKind::Keys | RequestKind::BulkDocs) => {
            answer.body = distort::with_errors(&body);
        }
        Fault::Accepted if request.kind == RequestKind::BulkDocs && answer.status == 201 => {
            answer.status = 202;
        }
        Fault::DuplicatedRows => answer.body = distort::duplicated(&body),
        Fault::ReorderedRows => answer.body = distort::reordered(&body),
        _ => {}
    }
    deliver(shared, request, answer.clone())
}

/// Counts a request in flight until it is dropped.
struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.finished.send_replace(());
    }
}

/// Forwards a request and runs the interceptor, in a task that continues if the client disconnects.
async fn forward(shared: &Arc<Shared>, request: &ParsedRequest) -> Result<UpstreamAnswer, Reset> {
    let in_flight = InFlight::new(shared);
    let request = request.clone();
    tokio::spawn(async move { forward_now(&in_flight.0, &request).await })
        .await
        .map_err(|_| Reset)?
}

async fn forward_now(shared: &Shared, request: &ParsedRequest) -> Result<UpstreamAnswer, Reset> {
    let (writes, interceptor) = {
        let state = shared.state();
        (
            state.recording.parse_writes(request),
            state.interceptor.clone(),
        )
    };
    let answer = shared
        .upstream
        .forward(
            request.method.clone(),
            &request.target,
            request.authorization.as_deref(),
            request.body.clone(),
        )
        .await
        .map_err(|_| Reset)?;
    shared.state().recording.record_writes(writes, &answer.body);
    if let Some(interceptor) = interceptor {
        let exchange = Exchange {
            request,
            answer: &answer,
            server: &shared.upstream,
        };
        interceptor.after_answer(exchange).await;
    }
    Ok(answer)
}

fn head(shared: &Shared, status: u16, kind: &str) -> hyper::http::response::Builder {
    *shared.state().recording.statuses.entry(status).or_default() += 1;
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
}

fn full(body: Bytes) -> Body {
    Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

fn response(head: hyper::http::response::Builder, body: Body) -> Response<Body> {
    head.body(body)
        .unwrap_or_else(|_| Response::new(full(Bytes::new())))
}

fn deliver(shared: &Shared, request: &ParsedRequest, answer: UpstreamAnswer) -> Response<Body> {
    if answer.status < 300 {
        shared
            .state()
            .recording
            .record_delivery(request, &answer.body);
    }
    let head = head(shared, answer.status, "application/json");
    response(head, full(answer.body))
}

/// Announces more bytes than it sends.
fn broken(shared: &Shared, answer: &UpstreamAnswer) -> Response<Body> {
    let half = distort::truncated(&answer.body);
    let head = head(shared, answer.status, "application/json")
        .header(CONTENT_LENGTH, answer.body.len().max(half.len() + 1));
    let frames = stream::iter([Ok(Frame::data(half)), Err(Reset)]);
    response(head, BodyExt::boxed(StreamBody::new(frames)))
}

/// A first piece, another piece repeated `pieces` times, and an end.
fn endless(
    shared: &Shared,
    first: &'static [u8],
    piece: &[u8],
    pieces: usize,
    end: &'static [u8],
) -> Response<Body> {
    const AT_ONCE: usize = 1 << 16;
    let many = Bytes::from(piece.repeat(AT_ONCE));
    let length = piece.len();
    let middle = stream::unfold(pieces, move |left| {
        let now = left.min(AT_ONCE);
        let frame = many.slice(..now * length);
        async move { (now > 0).then(|| (frame, left - now)) }
    });
    let whole = stream::once(async move { Bytes::from_static(first) })
        .chain(middle)
        .chain(stream::once(async move { Bytes::from_static(end) }))
        .map(|bytes| Ok(Frame::data(bytes)));
    let head = head(shared, 200, "application/json");
    response(head, BodyExt::boxed(StreamBody::new(whole)))
}

fn slow(
    shared: &Shared,
    request: &ParsedRequest,
    answer: &UpstreamAnswer,
    bytes: usize,
    pause: Duration,
) -> Response<Body> {
    if answer.status < 300 {
        shared
            .state()
            .recording
            .record_delivery(request, &answer.body);
    }
    let head = head(shared, answer.status, "application/json");
    let bytes = bytes.max(1);
    let frames = stream::unfold(answer.body.clone(), move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = left.split_to(bytes.min(left.len()));
        Some((Ok(Frame::data(piece)), left))
    });
    response(head, BodyExt::boxed(StreamBody::new(frames)))
}

fn status(
    shared: &Shared,
    request: &ParsedRequest,
    code: u16,
    html: bool,
    retry_after: Option<RetryAfter>,
) -> Response<Body> {
    let (error, reason) = match (code, request.kind) {
        (401, _) => ("unauthorized", "Name or password is incorrect."),
        (403, _) => (
            "forbidden",
            "Account is temporarily locked due to multiple authentication failures",
        ),
        (404, _) => ("not_found", "Database does not exist."),
        (408, _) => (
            "timeout",
            "The request could not be processed in a reasonable amount of time.",
        ),
        (409, _) => ("conflict", "Document update conflict."),
        (412, RequestKind::CreateDatabase) => (
            "file_exists",
            "The database could not be created, the file already exists.",
        ),
        (412, _) => (
            "missing_stub",
            "Invalid attachment stub in +14155550100 for photo.png",
        ),
        (413, _) => ("too_large", "the request entity is too large"),
        (417, _) => ("expectation_failed", "a document was refused"),
        (429, _) => ("too_many_requests", "slow down"),
        _ => ("internal_server_error", "a worker died"),
    };
    let mut head = head(
        shared,
        code,
        if html {
            "text/html"
        } else {
            "application/json"
        },
    );
    if let Some(retry_after) = retry_after {
        head = head.header(RETRY_AFTER, retry_after.header());
    }
    let body = if html {
        format!("<html><body><h1>{code}</h1></body></html>")
    } else {
        exact_json::json!({"error": error, "reason": reason}).to_string()
    };
    response(head, full(body.into()))
}
