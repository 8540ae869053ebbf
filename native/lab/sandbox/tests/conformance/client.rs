//! Sends the requests of a step exactly as recorded. URLs are not normalised.

use crate::json::Value;
use crate::variables::Variables;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

pub(crate) struct ActualAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

fn unreserved(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Target {
    /// From `http://user:password@host:port`.
    pub(crate) fn from_url(url: &str) -> Self {
        let rest = url
            .strip_prefix("http://")
            .expect("an http:// URL")
            .trim_end_matches('/');
        let (login, address) = rest.rsplit_once('@').unwrap_or(("admin:secret", rest));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        Self {
            address: address.into(),
            user: user.into(),
            password: password.into(),
        }
    }

    pub(crate) async fn delete(&self, path: &str) {
        let login = basic(&self.user, &self.password);
        let headers = vec![("authorization".into(), login)];
        // A missing database is not an error.
        let _ = self.send("DELETE", path, &headers, None).await;
    }

    /// Sends a step.
    pub(crate) async fn step(
        &self,
        step: &Value,
        variables: &Variables,
    ) -> Result<ActualAnswer, String> {
        let text = |name| step.get(name).and_then(Value::text);
        let fill = |text: &str| variables.fill(text, str::to_owned);
        let path = variables.fill(text("path").unwrap(), unreserved)?;
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        match step.get("auth") {
            None => headers.push(("authorization".into(), basic(&self.user, &self.password))),
            Some(Value::Text(_)) => {}
            Some(auth) => {
                let part = |name| fill(auth.get(name).unwrap().text().unwrap());
                headers.push((
                    "authorization".into(),
                    basic(&part("user")?, &part("password")?),
                ));
            }
        }
        let body = match (step.get("body"), text("body_text"), text("body_base64")) {
            (Some(value), ..) => Some(variables.fill_value(value)?.write().into_bytes()),
            (_, Some(text), _) => Some(fill(text)?.into_bytes()),
            (.., Some(encoded)) => Some(STANDARD.decode(encoded).unwrap()),
            _ => None,
        };
        if body.is_some() {
            headers.push(("content-type".into(), "application/json".into()));
        }
        for (name, value) in step.get("headers").map(Value::fields).unwrap_or_default() {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            if let Some(text) = value.text() {
                headers.push((name.to_ascii_lowercase(), fill(text)?));
            }
        }
        self.send(text("method").unwrap(), &path, &headers, body)
            .await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<ActualAnswer, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no answer: {error}");
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|e| failed(&e))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| failed(&e))?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        let map = request
            .headers_mut()
            .ok_or_else(|| format!("not sent: {path}"))?;
        map.insert("host", HeaderValue::from_str(&self.address).unwrap());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if body.is_none() && matches!(method, "PUT" | "POST") {
            map.insert("content-length", HeaderValue::from_static("0"));
        }
        let body = Full::new(bytes::Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|e| failed(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let (parts, body) = answer.into_parts();
        Ok(ActualAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body
                .collect()
                .await
                .map_err(|e| failed(&e))?
                .to_bytes()
                .to_vec(),
        })
    }
}
