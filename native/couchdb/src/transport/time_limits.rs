//! Layer: the longest silence of a server, and the lowest speed of an answer.

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout, timeout_at};

use super::{BodyStream, Transport, TransportError, TransportRequest, TransportResponse};

/// The minimum rate of an answer's body, in bytes a second, after the longest silence has passed
/// since the answer began. The limit on silence alone does not stop a slow body: each byte restarts
/// it.
const MIN_BYTES_PER_SECOND: u32 = 64 << 10;

/// Ends requests whose answer is silent for too long, or too slow.
#[derive(Debug)]
pub(crate) struct TimeLimits<T> {
    pub(crate) inner: T,
    /// The longest silence. Connecting counts.
    pub(crate) silence: Duration,
}

#[async_trait]
impl<T: Transport> Transport for TimeLimits<T> {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let silence = self.silence;
        let mut response = timeout(silence, self.inner.send(request))
            .await
            .map_err(|_| TransportError::Silence(silence))??;
        response.body = limited(response.body, silence);
        Ok(response)
    }
}

fn limited(body: BodyStream, silence: Duration) -> BodyStream {
    let began = Instant::now();
    stream::unfold((Some(body), 0), move |(body, received)| async move {
        let mut body = body?;
        let patience = silence + time_at_min_rate(received);
        let silent_at = Instant::now() + silence;
        let slow_at = began + patience;
        match timeout_at(silent_at.min(slow_at), body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => {
                let received = received + chunk.len();
                Some((Ok(chunk), (Some(body), received)))
            }
            Ok(Some(Err(error))) => Some((Err(error), (None, received))),
            // Before the first byte both limits are the same.
            Err(_) if received == 0 || silent_at < slow_at => {
                Some((Err(TransportError::Silence(silence)), (None, received)))
            }
            Err(_) => {
                let error = TransportError::TooSlow {
                    bytes: received,
                    patience,
                };
                Some((Err(error), (None, received)))
            }
        }
    })
    .boxed()
}

/// The longest time that `bytes` may take at the minimum rate.
fn time_at_min_rate(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / f64::from(MIN_BYTES_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn pieces(bytes: usize, pause: Duration) -> BodyStream {
        stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok(Bytes::from(vec![b' '; bytes])), ()))
        })
        .boxed()
    }

    async fn failure(bytes: usize, pause: Duration) -> TransportError {
        let mut body = limited(pieces(bytes, pause), Duration::from_secs(60));
        loop {
            match body.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    assert!(body.next().await.is_none());
                    return error;
                }
                None => panic!("the body ended"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silent_body_ends_after_longest_silence() {
        let silence = Duration::from_secs(60);
        let began = Instant::now();
        let error = failure(1 << 20, Duration::from_secs(61)).await;
        assert_eq!(error, TransportError::Silence(silence));
        assert!(began.elapsed() < silence + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn body_below_minimum_rate_ends() {
        let began = Instant::now();
        let error = failure(1, Duration::from_millis(100)).await;
        assert!(
            matches!(error, TransportError::TooSlow { bytes, .. } if bytes > 500),
            "{error:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(61));
    }

    #[tokio::test(start_paused = true)]
    async fn body_above_minimum_rate_is_accepted() {
        let body = pieces(2 << 16, Duration::from_secs(1)).take(600).boxed();
        let body = limited(body, Duration::from_secs(60));
        assert!(body.all(|chunk| async move { chunk.is_ok() }).await);
    }
}
