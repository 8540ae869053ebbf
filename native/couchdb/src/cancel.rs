//! The tokens that end the requests of a run.

use tokio_util::sync::CancellationToken;

/// The tokens that end the requests of a run.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// Ends waits and reads in flight; nothing more is sent. Writes in flight go on, because their answers must be counted.
    pub stop: CancellationToken,
    /// Ends writes in flight, too, after 700 milliseconds.
    pub abandon: CancellationToken,
}

impl From<CancellationToken> for Cancel {
    /// One token for both.
    fn from(token: CancellationToken) -> Self {
        Self {
            stop: token.clone(),
            abandon: token,
        }
    }
}
