//! A relay in front of a server: it can decode paths, as some proxies do, and answer some paths itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use kazoo_numbers_testkit::server::PASSWORD;

/// An answer instead of the server's.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Answered are paths that begin so.
    pub path: &'static str,
    pub status: &'static str,
    pub body: &'static str,
}

/// The changes that the relay makes.
#[derive(Clone, Default)]
pub struct Relay {
    pub decodes_paths: bool,
    pub answers: Vec<Answer>,
}

impl Relay {
    /// Starts the relay to a server. The URL of the relay, with the administrator's name and password.
    pub fn start(self, to: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, to, relay) = (client.unwrap(), to.clone(), self.clone());
                thread::spawn(move || relay.pass_on(client, &to));
            }
        });
        format!("http://admin:{PASSWORD}@{address}")
    }

    fn pass_on(&self, mut client: TcpStream, to: &str) -> Option<()> {
        let mut reader = BufReader::new(client.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let given = line.split(' ').nth(1)?.to_owned();
        let (path, query) = given.split_once('?').unwrap_or((&given, ""));
        let path = match self.decodes_paths {
            true => path.replace("%2F", "/").replace("%2B", "+"),
            false => path.to_owned(),
        };
        let mut head = format!("{} {path}?{query} HTTP/1.1\r\n", line.split(' ').next()?);
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut answers = self.answers.iter();
        if let Some(answer) = answers.find(|answer| path.starts_with(answer.path)) {
            let Answer { status, body, .. } = answer;
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            return client.write_all(answer.as_bytes()).ok();
        }
        let mut server = TcpStream::connect(to).ok()?;
        server
            .write_all(format!("{head}connection: close\r\n\r\n").as_bytes())
            .ok()?;
        server.write_all(&body).ok()?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).ok()?;
        client.write_all(&answer).ok()
    }
}
