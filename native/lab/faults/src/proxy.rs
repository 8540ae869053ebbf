//! The proxy: takes requests, lets a fault strike or not, and keeps account.

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

use crate::asked::{Asked, Kind};
use crate::distort;
use crate::fault::{Fault, RetryAfter};
use crate::port::Port;
use crate::schedule::{Hits, Running, Schedule};
use crate::upstream::{Answer, Upstream};
use crate::witness::Witness;

/// How long a request that hangs is held, if the client does not go away before.
const HANG: Duration = Duration::from_secs(20);

/// Why there is no proxy, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The URL is none, or not one of plain HTTP.
    #[error("not the URL of a CouchDB on plain HTTP")]
    Url,
    /// No port to listen on.
    #[error("no port to listen on: {0}")]
    Listen(#[from] std::io::Error),
    /// The server did not answer.
    #[error("the server did not answer: {0}")]
    Upstream(String),
}

/// A request that the server answered, on its way back.
#[derive(Debug)]
pub struct Passed<'a> {
    /// The request.
    pub asked: &'a Asked,
    /// The server's answer.
    pub answer: &'a Answer,
    /// The server.
    pub server: &'a Upstream,
}

/// Somebody else who works on the same server: gets to act after it has answered a request and
/// before the client learns of it.
pub trait Bystander: Send + Sync {
    /// Acts.
    fn act<'a>(&'a self, passed: Passed<'a>) -> BoxFuture<'a, ()>;

    /// A request has come, and the server has not heard of it. It never does if this does not
    /// end before the client goes away.
    fn comes<'a>(&'a self, _asked: &'a Asked) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A proxy that is listening.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    user: String,
    accepting: JoinHandle<()>,
}

struct Shared {
    upstream: Upstream,
    state: Mutex<State>,
    /// Requests that the server is still to act on, or is acting on.
    acting: AtomicUsize,
    acted: watch::Sender<()>,
    restarts: mpsc::UnboundedSender<Restart>,
    /// Changes when every connection is to be reset.
    reset: watch::Sender<()>,
    /// Connections that are open.
    connections: watch::Sender<usize>,
}

/// A restart that is due.
struct Restart {
    away: Duration,
    /// Until it is over.
    _acting: Acting,
}

#[derive(Default)]
struct State {
    running: Running,
    witness: Witness,
    bystander: Option<Arc<dyn Bystander>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// A proxy before the server at this URL, which is plain HTTP. Nothing goes wrong yet.
    ///
    /// # Errors
    /// When that is no such URL, or there is no port to listen on.
    pub async fn start(url: &str) -> Result<Self, ProxyError> {
        let port = Port::take()?;
        let address = port.address();
        let listener = port.listen()?;
        let (restarts, due) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            upstream: Upstream::new(url)?,
            state: Mutex::default(),
            acting: AtomicUsize::new(0),
            acted: watch::Sender::new(()),
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

    /// The proxy's URL, with the user and password of the server's.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.user, self.address)
    }

    /// The server itself.
    pub fn server(&self) -> &Upstream {
        &self.shared.upstream
    }

    /// From now on this schedule counts, and what was seen is forgotten.
    pub fn arm(&self, schedule: Schedule) {
        self.watched(schedule, None);
    }

    /// As [`Proxy::arm`], with somebody else at work.
    pub fn watched(&self, schedule: Schedule, bystander: Option<Arc<dyn Bystander>>) {
        *self.shared.state() = State {
            running: Running::new(schedule),
            witness: Witness::default(),
            bystander,
        };
    }

    /// Waits until nobody is connected: after a client was killed, all that it ever sent has
    /// been heard by then, or never will be.
    ///
    /// # Errors
    /// When the proxy cannot be connected to.
    pub async fn deserted(&self) -> Result<(), ProxyError> {
        // Connections are taken in the order in which they were made: once this one is, no
        // earlier one waits to be.
        let mut last = TcpStream::connect(self.address).await?;
        last.write_all(b"nothing\r\n\r\n").await?;
        let _ = last.read_to_end(&mut Vec::new()).await;
        drop(last);
        let mut connections = self.shared.connections.subscribe();
        // It is never closed while there is a proxy.
        let _ = connections.wait_for(|open| *open == 0).await;
        Ok(())
    }

    /// Ends the schedule: waits for what the server still does, lets nothing go wrong any more,
    /// and says what was seen, and how often each rule struck.
    pub async fn disarm(&self) -> (Witness, Hits) {
        let mut acted = self.shared.acted.subscribe();
        while self.shared.acting.load(Ordering::SeqCst) > 0 {
            if acted.changed().await.is_err() {
                break;
            }
        }
        let state = std::mem::take(&mut *self.shared.state());
        (state.witness, state.running.hits())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The end of a connection instead of an answer.
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
    // A second handle of the socket, since the first is gone when it is known how it must end.
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
    let asked = Asked::new(head.method, head.uri.to_string(), authorization, body);
    let (fault, bystander) = {
        let mut state = shared.state();
        state.witness.requests += 1;
        (state.running.next(&asked), state.bystander.clone())
    };
    if let Some(bystander) = bystander {
        bystander.comes(&asked).await;
    }
    let Some(fault) = fault else {
        let answer = act(&shared, &asked).await?;
        return Ok(deliver(&shared, &asked, answer));
    };
    strike(&shared, asked, fault).await
}

async fn strike(shared: &Arc<Shared>, asked: Asked, fault: Fault) -> Result<Response<Body>, Reset> {
    match fault {
        Fault::ResetBefore => Err(Reset),
        Fault::ResetAfter => {
            act(shared, &asked).await?;
            Err(Reset)
        }
        Fault::Hang => {
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::HangAfter => {
            act(shared, &asked).await?;
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::ActsLate(late) => {
            // In a task of its own: the client goes away, and the server acts all the same.
            let acting = Acting::new(shared);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                let _ = act_now(&acting.0, &asked).await;
                drop(acting);
            });
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
        Fault::Restart { acted, away } => {
            if acted {
                act(shared, &asked).await?;
            }
            let restart = Restart {
                away,
                _acting: Acting::new(shared),
            };
            shared.restarts.send(restart).map_err(|_| Reset)?;
            // The connection is reset with all others.
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
                act(shared, &asked).await?;
            }
            Ok(status(shared, &asked, code, html, retry_after))
        }
        Fault::Endless => Ok(endless(shared, b"{\"rows\":[", b" ", usize::MAX, b"")),
        Fault::Huge(names) => Ok(endless(shared, b"[\"\"", b",\"\"", names, b"]")),
        Fault::Latency(latency) => {
            tokio::time::sleep(latency).await;
            let answer = act(shared, &asked).await?;
            Ok(deliver(shared, &asked, answer))
        }
        _ => {
            let mut answer = act(shared, &asked).await?;
            Ok(distorted(shared, &asked, &mut answer, fault))
        }
    }
}

/// An answer that arrives, in some state.
fn distorted(shared: &Shared, asked: &Asked, answer: &mut Answer, fault: Fault) -> Response<Body> {
    let body = answer.body.clone();
    match fault {
        Fault::CutShort => return broken(shared, answer),
        Fault::Bandwidth(bytes) => {
            let pause = Duration::from_millis(1);
            return slow(shared, asked, answer, bytes, pause);
        }
        Fault::Trickle(pause) => return slow(shared, asked, answer, 1, pause),
        Fault::Truncated => answer.body = distort::truncated(&body),
        Fault::Garbage => {
            answer.status = 200;
            answer.body = distort::PAGE.into();
        }
        Fault::ErrorWithRows if answer.status < 300 => answer.status = 500,
        Fault::RowErrors if matches!(asked.kind, Kind::Keys | Kind::BulkDocs) => {
            answer.body = distort::with_errors(&body);
        }
        Fault::Accepted if asked.kind == Kind::BulkDocs && answer.status == 201 => {
            answer.status = 202;
        }
        Fault::DuplicatedRows => answer.body = distort::duplicated(&body),
        Fault::ReorderedRows => answer.body = distort::reordered(&body),
        _ => {}
    }
    deliver(shared, asked, answer.clone())
}

/// While one lives, the server may still act.
struct Acting(Arc<Shared>);

impl Acting {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.acting.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.0.acting.fetch_sub(1, Ordering::SeqCst);
        self.0.acted.send_replace(());
    }
}

/// Has the server act, and whoever else is there. The client may go away meanwhile; that stops
/// neither.
async fn act(shared: &Arc<Shared>, asked: &Asked) -> Result<Answer, Reset> {
    let acting = Acting::new(shared);
    let asked = asked.clone();
    tokio::spawn(async move { act_now(&acting.0, &asked).await })
        .await
        .map_err(|_| Reset)?
}

async fn act_now(shared: &Shared, asked: &Asked) -> Result<Answer, Reset> {
    let (writes, bystander) = {
        let state = shared.state();
        (state.witness.writes(asked), state.bystander.clone())
    };
    let answer = shared
        .upstream
        .pass(
            asked.method.clone(),
            &asked.target,
            asked.authorization.as_deref(),
            asked.body.clone(),
        )
        .await
        .map_err(|_| Reset)?;
    shared.state().witness.landed(writes, &answer.body);
    if let Some(bystander) = bystander {
        let passed = Passed {
            asked,
            answer: &answer,
            server: &shared.upstream,
        };
        bystander.act(passed).await;
    }
    Ok(answer)
}

fn head(shared: &Shared, status: u16, kind: &str) -> hyper::http::response::Builder {
    *shared.state().witness.statuses.entry(status).or_default() += 1;
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

fn deliver(shared: &Shared, asked: &Asked, answer: Answer) -> Response<Body> {
    if answer.status < 300 {
        shared.state().witness.delivers(asked, &answer.body);
    }
    let head = head(shared, answer.status, "application/json");
    response(head, full(answer.body))
}

/// Says that there is more than there is.
fn broken(shared: &Shared, answer: &Answer) -> Response<Body> {
    let half = distort::truncated(&answer.body);
    let head = head(shared, answer.status, "application/json")
        .header(CONTENT_LENGTH, answer.body.len().max(half.len() + 1));
    let frames = stream::iter([Ok(Frame::data(half)), Err(Reset)]);
    response(head, BodyExt::boxed(StreamBody::new(frames)))
}

/// A first piece, so many of another, and an end.
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
    asked: &Asked,
    answer: &Answer,
    bytes: usize,
    pause: Duration,
) -> Response<Body> {
    if answer.status < 300 {
        shared.state().witness.delivers(asked, &answer.body);
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
    asked: &Asked,
    code: u16,
    html: bool,
    retry_after: Option<RetryAfter>,
) -> Response<Body> {
    let (error, reason) = match (code, asked.kind) {
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
        (412, Kind::CreateDatabase) => (
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
