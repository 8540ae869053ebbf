//! Layer: what a 401 means.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Exchange;
use crate::body::LARGEST_STATUS;
use crate::client::Client;
use crate::error::{Error, Operation};
use crate::kind::Kind;
use crate::request::{Request, Response};

/// The result of a credential check is cached for this long.
const CREDENTIALS_HOLD: Duration = Duration::from_secs(5);

/// Whether the server accepts the credentials, and when that was checked. None before the first
/// 401. Clones share the result.
#[derive(Clone, Default)]
pub(crate) struct CredentialsCheck(Arc<Mutex<Option<(Instant, bool)>>>);

impl CredentialsCheck {
    async fn hold(&self, client: &Client) -> bool {
        let mut known = self.0.lock().await;
        let holds = match *known {
            Some((at, holds)) if !holds || at.elapsed() < CREDENTIALS_HOLD => holds,
            _ => {
                let request =
                    Request::read(Operation::CONNECT, Method::GET, "/").at_most(LARGEST_STATUS);
                let answer = client.send(&request).await;
                answer.is_ok_and(|answer| answer.status.is_success())
            }
        };
        *known = Some((Instant::now(), holds));
        holds
    }
}

/// Finds out what a 401 means. CouchDB answers it for wrong credentials, and also for a user without
/// permission for this one request. `GET /`, which every user may read, shows the difference. The
/// check is rare: it counts as a login attempt, and CouchDB locks a user out after five wrong ones.
pub(crate) struct CheckCredentials<T> {
    pub(crate) inner: T,
    /// Sends the check, also when the run is cancelled: its result is shared with other runs.
    pub(crate) client: Client,
    pub(crate) check: CredentialsCheck,
}

impl<T: Exchange> Exchange for CheckCredentials<T> {
    async fn exchange(&self, request: &Request<'_>) -> Result<Response, Error> {
        match self.inner.exchange(request).await {
            Err(error) if error.kind() == Kind::Unauthorized => {
                if self.check.hold(&self.client).await {
                    Err(error.forbidden_for_user())
                } else {
                    Err(error)
                }
            }
            answer => answer,
        }
    }
}
