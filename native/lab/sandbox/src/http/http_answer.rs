//! An answer before its conversion to HTTP.

use crate::json::{Json, write_string};
use crate::request_error::RequestError;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

const SERVER: &str = "CouchDB/3.4.3 (kazoo-numbers sandbox)";

#[derive(Debug)]
pub(crate) struct HttpAnswer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl HttpAnswer {
    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::text(status, body.to_text())
    }

    /// JSON text.
    pub(crate) fn text(status: u16, mut body: String) -> Self {
        body.push('\n');
        Self {
            status,
            headers: Vec::new(),
            content_type: Some("application/json".to_owned()),
            body: body.into_bytes(),
        }
    }

    pub(crate) fn ok(status: u16) -> Self {
        Self::text(status, "{\"ok\":true}".to_owned())
    }

    /// The answer to a written document.
    pub(crate) fn written(status: u16, id: &str, rev: &str) -> Self {
        let mut body = String::from("{\"ok\":true,\"id\":");
        write_string(&mut body, id);
        body.push_str(",\"rev\":");
        write_string(&mut body, rev);
        body.push('}');
        Self::text(status, body)
    }

    pub(crate) fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content_type: Some(content_type.to_owned()),
            body,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: None,
            body: Vec::new(),
        }
    }

    pub(crate) fn failure(failure: &RequestError) -> Self {
        let (error, reason) = failure.texts();
        let mut answer = Self::json(
            failure.status(),
            &Json::object([("error", Json::str(error)), ("reason", Json::str(reason))]),
        );
        if failure.status() == 401 {
            answer = answer.with("www-authenticate", "Basic realm=\"server\"");
        }
        answer
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn etag(self, tag: &str) -> Self {
        self.with("etag", format!("\"{tag}\""))
    }

    pub(crate) fn length(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("must-revalidate"),
        );
        let content_type = self.content_type.and_then(|text| text.try_into().ok());
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            if let Ok(value) = value.try_into() {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<Result<HttpAnswer, RequestError>> for HttpAnswer {
    fn from(result: Result<HttpAnswer, RequestError>) -> Self {
        result.unwrap_or_else(|failure| HttpAnswer::failure(&failure))
    }
}
