//! An HTTP server with answers from a test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kazoo_numbers_couchdb::{DatabaseName, HttpSettings, Server, ServerUrl};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio_util::sync::CancellationToken;

pub struct ReceivedRequest {
    pub line: String,
    pub body: String,
}

impl ReceivedRequest {
    /// The limit in the query or in the body (`limit=20`).
    pub fn limit(&self) -> usize {
        let rest = self.line.split("limit=").nth(1).unwrap_or_default();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(usize::MAX)
    }

    pub fn is_buffered(&self) -> bool {
        self.line.contains("buffer_response=true")
    }
}

/// An answer.
pub enum Reply {
    /// Status, and a JSON or HTML body.
    Of(u16, String),
    /// Status, one header, and a body.
    With(u16, (&'static str, &'static str), String),
    /// A body that ends before its announced length.
    Cut(String),
    /// Silence for this long, then the connection is closed.
    Silence(Duration),
    /// The connection is closed without an answer.
    Closed,
    /// An endless body: the first text once, then the second one repeated.
    Endless(String, String),
    /// An announced length without a body.
    Announced(u64),
    /// A body in pieces, with a pause after each.
    Pieces {
        body: String,
        bytes: usize,
        pause: Duration,
    },
    /// A head in pieces, with a pause after each.
    SlowHead(Duration),
}

impl Reply {
    pub fn json(body: impl Into<String>) -> Self {
        Self::Of(200, body.into())
    }

    pub fn error(status: u16, error: &str, reason: &str) -> Self {
        Self::Of(
            status,
            format!(r#"{{"error":"{error}","reason":"{reason}"}}"#),
        )
    }

    fn bytes(self) -> Vec<u8> {
        let whole = |status: u16, header: &str, body: &str, length: usize| {
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{header}\r\n{body}")
                .into_bytes()
        };
        match self {
            Self::Of(status, body) => whole(status, "", &body, body.len()),
            Self::With(status, (name, value), body) => {
                whole(status, &format!("{name}: {value}\r\n"), &body, body.len())
            }
            Self::Cut(body) => whole(200, "", &body, body.len() + 100),
            Self::Silence(time) => {
                thread::sleep(time);
                Vec::new()
            }
            Self::Announced(length) => {
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes()
            }
            Self::Endless(..) | Self::Pieces { .. } | Self::SlowHead(_) | Self::Closed => {
                Vec::new()
            }
        }
    }

    fn send(self, mut stream: impl Write) -> std::io::Result<()> {
        const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        match self {
            Self::Endless(first, next) => {
                stream.write_all(HEAD.as_bytes())?;
                stream.write_all(first.as_bytes())?;
                let many = next.repeat((1 << 16) / next.len());
                loop {
                    stream.write_all(many.as_bytes())?;
                }
            }
            Self::Announced(_) => {
                stream.write_all(&self.bytes())?;
                stream.flush()?;
                // Stays open until the client closes the connection.
                thread::sleep(Duration::from_secs(20));
                Ok(())
            }
            Self::Pieces { body, bytes, pause } => {
                stream.write_all(HEAD.as_bytes())?;
                in_pieces(stream, body.as_bytes(), bytes, pause)
            }
            Self::SlowHead(pause) => in_pieces(stream, HEAD.as_bytes(), 1, pause),
            reply => stream.write_all(&reply.bytes()),
        }
    }
}

fn in_pieces(
    mut stream: impl Write,
    all: &[u8],
    bytes: usize,
    pause: Duration,
) -> std::io::Result<()> {
    for piece in all.chunks(bytes) {
        stream.write_all(piece)?;
        stream.flush()?;
        thread::sleep(pause);
    }
    Ok(())
}

type Responder = dyn Fn(&ReceivedRequest) -> Reply + Send + Sync;

/// A server on its own port, for the duration of the test.
pub struct Fake {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(answer))
    }

    pub fn encrypted(
        config: ServerConfig,
        answer: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(Arc::new(config)), Arc::new(answer))
    }

    fn serve(config: Option<Arc<ServerConfig>>, answer: Arc<Responder>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            lines: Arc::default(),
        };
        let (requests, lines) = (fake.requests.clone(), fake.lines.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, answer) = (config.clone(), answer.clone());
                let (requests, lines) = (requests.clone(), lines.clone());
                let stream = stream.unwrap();
                thread::spawn(move || {
                    let reply = |request: &ReceivedRequest| {
                        requests.fetch_add(1, Ordering::Relaxed);
                        lines.lock().unwrap().push(request.line.clone());
                        answer(request)
                    };
                    match config {
                        None => exchange(stream, reply),
                        Some(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            let mut stream = StreamOwned::new(connection, stream);
                            exchange(&mut stream, reply);
                            stream.conn.send_close_notify();
                            let _ = stream.flush();
                        }
                    }
                });
            }
        });
        fake
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn server(&self) -> Arc<Server> {
        self.server_with(settings())
    }

    pub fn server_with(&self, settings: HttpSettings) -> Arc<Server> {
        server(&format!("http://a:b@{}", self.address), settings)
    }
}

fn exchange(mut stream: impl Read + Write, reply: impl Fn(&ReceivedRequest) -> Reply) {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            // The first byte of a TLS connection.
            Ok(1) if text.is_empty() && byte[0] == 22 => {
                let _ = stream.write_all(&Reply::Of(400, "Bad Request".into()).bytes());
                return;
            }
            Ok(1) => text.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let request = ReceivedRequest {
        line: head.lines().next().unwrap_or_default().to_owned(),
        body: String::from_utf8(body).unwrap(),
    };
    let _ = reply(&request).send(&mut stream);
    let _ = stream.flush();
}

/// Settings with short waits: an outage of two seconds counts as long.
pub fn settings() -> HttpSettings {
    HttpSettings {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(700),
        read_timeout: Duration::from_millis(300),
        ..HttpSettings::default()
    }
}

pub fn server(url: &str, settings: HttpSettings) -> Arc<Server> {
    let url = ServerUrl::parse(url).unwrap().from("COUCHDB_URL");
    let server = Server::new(url, settings, Arc::default(), CancellationToken::new());
    Arc::new(server.unwrap())
}

pub fn database() -> DatabaseName {
    DatabaseName::new("numbers/+1415").unwrap()
}

/// Ids of number documents, sorted.
pub fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("+1415555{n:04}")).collect()
}

/// Ids and texts of documents that are to be created.
pub fn documents(count: usize) -> Vec<(String, String)> {
    let document = |id: String| (id.clone(), format!(r#"{{"_id":"{id}"}}"#));
    ids(count).into_iter().map(document).collect()
}

/// The writes that create these documents.
pub fn writes(documents: &[(String, String)]) -> Vec<kazoo_numbers_couchdb::Write<'_>> {
    documents
        .iter()
        .map(|(id, text)| kazoo_numbers_couchdb::Write {
            id,
            rev: None,
            body: Some(text),
            losers: Vec::new(),
        })
        .collect()
}

/// CouchDB's answer to an `_all_docs` request if these ids exist.
pub fn page(ids: &[String], request: &ReceivedRequest) -> String {
    let decoded = percent_encoding::percent_decode_str(&request.line)
        .decode_utf8()
        .unwrap()
        .into_owned();
    let start: String = decoded
        .split("startkey=")
        .nth(1)
        .and_then(|rest| rest.split(['&', ' ']).next())
        .map(|json| serde_json::from_str(json).unwrap())
        .unwrap_or_default();
    let rows: Vec<String> = ids
        .iter()
        .filter(|id| **id >= start)
        .take(request.limit())
        .map(|id| row(id))
        .collect();
    rows_of(&rows)
}

/// The answer to a read by keys.
pub fn keyed(request: &ReceivedRequest) -> (usize, String) {
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let rows: Vec<String> = body["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| row(id.as_str().unwrap()))
        .collect();
    (rows.len(), rows_of(&rows))
}

fn row(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","key":"{id}","value":{{"rev":"1-a"}},"doc":{{"_id":"{id}","_rev":"1-a"}}}}"#
    )
}

fn rows_of(rows: &[String]) -> String {
    format!(
        r#"{{"total_rows":0,"offset":0,"rows":[{}]}}"#,
        rows.join(",")
    )
}
