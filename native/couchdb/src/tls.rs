//! Encryption: rustls with ring, and the system's certificates.

/// A builder of HTTP clients, for a server that is reached by https or not.
pub(super) fn builder(is_https: bool) -> reqwest::ClientBuilder {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder();
    if is_https {
        builder
    } else {
        // Without this the system's certificates are read, which takes longer than many a command.
        builder.tls_certs_only([])
    }
}
