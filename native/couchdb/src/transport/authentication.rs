//! Layer: the credentials of each request.

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::{Transport, TransportError, TransportRequest, TransportResponse};

/// Adds the `Authorization` header.
#[derive(Debug)]
pub(crate) struct Authentication<T> {
    pub(crate) inner: T,
    /// Marked as sensitive, so that no formatting shows it.
    pub(crate) authorization: Option<HeaderValue>,
}

#[async_trait]
impl<T: Transport> Transport for Authentication<T> {
    async fn send(
        &self,
        mut request: TransportRequest,
    ) -> Result<TransportResponse, TransportError> {
        if let Some(authorization) = &self.authorization {
            let headers = &mut request.headers;
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.inner.send(request).await
    }
}
