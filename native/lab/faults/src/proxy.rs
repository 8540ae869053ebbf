//! The proxy: accepts connections, and gives each request the answer of the [`Disturber`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
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

use crate::answer::{Answer, AnswerBody, Reset};
use crate::disturber::{Cut, Disturber, HANG, Interceptor, Restart};
use crate::port::Port;
use crate::recording::Recording;
use crate::request::ParsedRequest;
use crate::schedule::{Hits, Schedule};
use crate::upstream::{ProxyError, Upstream};

/// A running proxy.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    user: String,
    accepting: JoinHandle<()>,
}

struct Shared {
    disturber: Arc<Disturber>,
    restarts: mpsc::UnboundedSender<Restart>,
    /// Changes when all connections must be reset.
    reset: watch::Sender<()>,
    /// Open connections.
    connections: watch::Sender<usize>,
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
            disturber: Disturber::new(Upstream::new(url)?),
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
        self.shared.disturber.upstream()
    }

    /// Activates a schedule and clears the recording.
    pub fn arm(&self, schedule: Schedule) {
        self.arm_with(schedule, None);
    }

    /// As [`Proxy::arm`], with an interceptor.
    pub fn arm_with(&self, schedule: Schedule, interceptor: Option<Arc<dyn Interceptor>>) {
        self.shared.disturber.arm(schedule, interceptor);
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
        self.shared.disturber.disarm().await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Body = UnsyncBoxBody<Bytes, Reset>;

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
    match shared.disturber.answer(request).await {
        Ok(answer) => Ok(response(answer)),
        Err(Cut::Reset) => Err(Reset),
        Err(Cut::Restart(restart)) => {
            shared.restarts.send(restart).map_err(|_| Reset)?;
            // The connection is reset together with all others.
            tokio::time::sleep(HANG).await;
            Err(Reset)
        }
    }
}

fn full(body: Bytes) -> Body {
    Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn response(answer: Answer) -> Response<Body> {
    let mut head = Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, answer.content_type);
    if let Some(retry_after) = answer.retry_after {
        head = head.header(RETRY_AFTER, retry_after);
    }
    let body = match answer.body {
        AnswerBody::Whole(body) => full(body),
        AnswerBody::Pieces { announced, pieces } => {
            if let Some(announced) = announced {
                head = head.header(CONTENT_LENGTH, announced);
            }
            BodyExt::boxed_unsync(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
        }
    };
    head.body(body)
        .unwrap_or_else(|_| Response::new(full(Bytes::new())))
}
