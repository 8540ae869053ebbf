//! TLS: rustls with ring, the system's certificates, and those of a file that the operator names.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::error::{Error, Operation};
use super::kind::Kind;

/// The hint for a certificate of an unknown issuer.
const NAME_A_FILE: &str = "name a PEM file with the certificate, or with that of the authority that issued it: \
     --ca-file, COUCHDB_CA_FILE, or ca_file in the application environment";

/// Builds the TLS configuration. It reads files, which can block for some milliseconds.
///
/// # Errors
/// [`Kind::Config`] if the named file holds no certificate, or if there is no certificate at all.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    // An unreadable certificate in the system's store is skipped.
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    let trusted = match ca_file {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    roots.add_parsable_certificates(trusted.iter().cloned());
    if roots.is_empty() && trusted.is_empty() {
        return Err(config_error(
            "there are no certificates on this system to check the server's with",
        )
        .hint(format!(
            "install the package ca-certificates, or {NAME_A_FILE}"
        )));
    }
    let chains = if roots.is_empty() {
        None
    } else {
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Some(
            verifier
                .build()
                .map_err(|error| config_error(&error.to_string()))?,
        )
    };
    let verifier = Verifier {
        chains,
        trusted,
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| config_error(&error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |reason: &str| {
        config_error(&format!(
            "cannot read certificates from {}: {reason}",
            path.display()
        ))
        .hint(
            "the file must hold one or more certificates in PEM form (-----BEGIN CERTIFICATE-----)",
        )
    };
    let text = std::fs::read(path).map_err(|error| failed(&error.to_string()))?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| failed("a certificate in it is damaged"))?;
    if all.is_empty() {
        return Err(failed("it holds no certificate"));
    }
    Ok(all)
}

fn config_error(detail: &str) -> Error {
    Error::new(Kind::Config, Operation::CONNECT, detail)
}

/// Accepts a certificate with a chain to a trusted authority, or one that the operator named. The
/// second case is needed because `openssl req -x509` makes certificates of authorities, and no
/// chain may end in one of those.
#[derive(Debug)]
struct Verifier {
    chains: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused = match &self.chains {
            Some(chains) => {
                match chains.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                ) {
                    Err(refused) => refused,
                    verified => return verified,
                }
            }
            None => CertificateError::UnknownIssuer.into(),
        };
        // A certificate that the operator named must still be valid, and for this host name.
        let is_unknown_issuer = matches!(
            refused,
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_)
            )
        );
        if is_unknown_issuer && self.trusted.iter().any(|known| known == end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A TLS ClientHello, for the probe.
pub(super) fn client_hello() -> Option<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("couchdb.invalid").ok()?;
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).ok()?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).ok()?;
    Some(hello)
}

/// The reason and hint for a failed TLS connection. None if TLS was not the cause.
pub(super) fn refusal(
    error: &(dyn StdError + 'static),
    plain_url: &str,
) -> Option<(String, Option<String>)> {
    let (reason, hint) = match rustls_error(error)? {
        rustls::Error::InvalidCertificate(certificate) => certificate_refusal(certificate),
        rustls::Error::InvalidMessage(_) => (
            "the server does not speak TLS (https) on this port".to_owned(),
            Some(format!(
                "if it speaks plain HTTP, use {plain_url}; else check the port"
            )),
        ),
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => (
            "the server asks for a client certificate, which this program cannot present"
                .to_owned(),
            None,
        ),
        rustls::Error::AlertReceived(alert) => (
            format!("the server refused the encrypted connection: {alert:?}"),
            None,
        ),
        rustls::Error::PeerIncompatible(_) => (
            "the server offers no version of TLS, or no cipher, that this program supports (TLS 1.2 and 1.3)"
                .to_owned(),
            None,
        ),
        other => (format!("the encrypted connection failed: {other}"), None),
    };
    Some((reason, hint))
}

fn certificate_refusal(certificate: &CertificateError) -> (String, Option<String>) {
    let (reason, hint) = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "the server's certificate has expired".to_owned(),
            Some("renew it, and check this machine's clock".to_owned()),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "the server's certificate is not valid yet".to_owned(),
            Some("check this machine's clock".to_owned()),
        ),
        CertificateError::NotValidForName => (
            "the server's certificate is for another host name".to_owned(),
            Some("use the name that the certificate is for".to_owned()),
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => (
            format!(
                "the server's certificate is not for {}, it is for {}",
                expected.to_str(),
                if presented.is_empty() {
                    "no name at all".to_owned()
                } else {
                    presented.join(", ")
                }
            ),
            Some("use a name that the certificate is for".to_owned()),
        ),
        CertificateError::UnknownIssuer => (
            "the server's certificate is self-signed, or from an authority that this system does not trust"
                .to_owned(),
            Some(NAME_A_FILE.to_owned()),
        ),
        CertificateError::Other(_) => (
            "the server's certificate cannot be checked: it is self-signed, or of a form that is not accepted"
                .to_owned(),
            Some(NAME_A_FILE.to_owned()),
        ),
        CertificateError::Revoked => ("the server's certificate was revoked".to_owned(), None),
        other => (
            format!("the server's certificate is not acceptable: {other}"),
            None,
        ),
    };
    (reason, hint)
}

/// The rustls error in the chain of causes.
fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An `io::Error` holds the error that caused it, but its `source` is the cause of that one.
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(inner) = io.get_ref()
            && let Some(found) = rustls_error(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}
