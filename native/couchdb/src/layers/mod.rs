//! The HTTP concerns around one exchange with a server, one job a layer. From the outside in:
//!
//! | layer | job |
//! | --- | --- |
//! | [`Trace`] | a `tracing` span |
//! | [`EndOutage`] | an answer ends the server's outage |
//! | [`Limit`] | permits: the adaptive limit, the pace, turns for reads and writes |
//! | [`CheckCredentials`] | what a 401 means |
//! | [`Cancellation`] | the end of a run, with time for a write in flight |
//! | [`Deadline`] | the time limit of a single request |
//! | [`Client`](crate::Client) | a [`Request`] as HTTP, and the answer as a [`Response`] |
//!
//! Retries are around all of them (`retry.rs`), since some change the request between two attempts.
//! Below the client are the layers of [`Transport`](crate::Transport).

mod cancellation;
mod credentials;
mod deadline;
mod limit;
mod limiter;
mod outage;
mod pace;
mod queue;
mod trace;

pub(super) use cancellation::Cancellation;
pub(super) use credentials::{CheckCredentials, CredentialsCheck};
pub(super) use deadline::Deadline;
pub(super) use limit::Limit;
pub use limiter::Limiter;
pub(super) use outage::{EndOutage, Outage};
pub use pace::{Pace, Rate};
pub(super) use trace::Trace;

use crate::error::Error;
use crate::request::{Request, Response};

/// Sends a request once.
pub(super) trait Exchange: Send + Sync {
    /// # Errors
    /// No answer, or a refusal. Whether an error is temporary does not say whether the server acted.
    fn exchange(
        &self,
        request: &Request<'_>,
    ) -> impl Future<Output = Result<Response, Error>> + Send;
}
