//! The page of a watch: `/metrics`, `/healthz`, and the last audit.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::shown::Shown;

/// Serves the page until the watch ends. Returns the address.
pub(super) async fn serve(
    address: SocketAddr,
    shown: Shown,
    cancel: CancellationToken,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/", get(page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .layer(middleware::from_fn(only_this_machine))
        .with_state(shown);
    tokio::spawn(async move {
        let served = axum::serve(listener, router);
        // It ends with the program.
        let _ = served
            .with_graceful_shutdown(cancel.cancelled_owned())
            .await;
    });
    Ok(address)
}

/// Refuses other names of this machine: a web page elsewhere could point its own name here, and read numbers.
async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_ours = match host.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => host.split(':').next() == Some("localhost"),
    };
    if is_ours {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this page is for this machine\n").into_response()
    }
}

async fn page(State(shown): State<Shown>) -> Response {
    match shown.page() {
        Some(page) => ([(header::REFRESH, "10")], Html(page)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no audit has ended yet\n").into_response(),
    }
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let form = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (form, shown.metrics()).into_response()
}

async fn health(State(shown): State<Shown>) -> Response {
    match shown.illness() {
        None => "ok\n".into_response(),
        Some(illness) => (StatusCode::SERVICE_UNAVAILABLE, format!("{illness}\n")).into_response(),
    }
}
