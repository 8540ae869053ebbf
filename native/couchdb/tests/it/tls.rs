//! TLS connections with certificates made by the tests.

use std::io::Write as _;
use std::sync::Arc;

use kazoo_numbers_couchdb::{Error, HttpSettings, Kind, Server, ServerUrl};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Reply, settings};

/// A certificate with its key, and the PEM text to trust.
pub struct TestCertificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    trusted: String,
}

fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}

/// A self-signed certificate. `openssl req -x509` marks its certificates as authorities.
fn self_signed(mut parameters: CertificateParams, is_authority: bool) -> TestCertificate {
    if is_authority {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    TestCertificate {
        certificate: certificate.der().clone(),
        key: private_key(&key),
        trusted: certificate.pem(),
    }
}

/// A certificate of a private authority.
pub fn of_private_authority(parameters: &CertificateParams) -> TestCertificate {
    let mut authority = self::parameters(&[]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let trusted = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    TestCertificate {
        certificate: certificate.der().clone(),
        key: private_key(&key),
        trusted,
    }
}

pub fn serve(identity: &TestCertificate) -> Fake {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
        .unwrap();
    Fake::encrypted(config, |_| Reply::json(r#"["numbers/+1415"]"#))
}

/// Lists databases of the server at `url`, with a file of trusted certificates.
async fn ask(url: &str, trusted: &str) -> Result<usize, Error> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(trusted.as_bytes()).unwrap();
    let settings = HttpSettings {
        ca_file: (!trusted.is_empty()).then(|| file.path().to_owned()),
        ..settings()
    };
    let url = ServerUrl::parse(url)?;
    let server = Server::new(url, settings, Arc::default(), CancellationToken::new())?;
    Ok(server.databases("numbers/").await?.len())
}

async fn ask_fake(fake: &Fake, host: &str, trusted: &str) -> Result<usize, Error> {
    ask(&format!("https://{host}:{}", fake.address.port()), trusted).await
}

#[tokio::test]
async fn private_authority_from_file_is_trusted() {
    let identity = of_private_authority(&parameters(&["localhost", "127.0.0.1"]));
    let fake = serve(&identity);
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(ask_fake(&fake, host, &identity.trusted).await.unwrap(), 1);
    }
    let bundle = format!("# ours\n{0}\n{0}", identity.trusted);
    assert_eq!(ask_fake(&fake, "localhost", &bundle).await.unwrap(), 1);
}

#[tokio::test]
async fn self_signed_certificate_from_file_is_trusted() {
    for is_authority in [false, true] {
        let identity = self_signed(parameters(&["localhost"]), is_authority);
        let fake = serve(&identity);
        let answer = ask_fake(&fake, "localhost", &identity.trusted).await;
        assert_eq!(answer.unwrap(), 1, "authority: {is_authority}");
        // The name and the certificate itself are still checked.
        let error = ask_fake(&fake, "127.0.0.1", &identity.trusted)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("certificate is not for 127.0.0.1"),
            "{error}"
        );
        let another = self_signed(parameters(&["localhost"]), is_authority);
        let error = ask_fake(&fake, "localhost", &another.trusted)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Tls, "{error}");
    }
}

#[tokio::test]
async fn certificate_errors_are_final_with_hint() {
    let name = || parameters(&["localhost"]);
    let mut expired = name();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut early = name();
    early.not_before = date_time_ymd(4000, 1, 1);
    early.not_after = date_time_ymd(4001, 1, 1);
    let other = parameters(&["db.example.com"]);
    for (identity, is_named, said, hint) in [
        (self_signed(name(), true), false, "self-signed", "--ca-file"),
        (
            of_private_authority(&name()),
            false,
            "does not trust",
            "COUCHDB_CA_FILE",
        ),
        (of_private_authority(&expired), true, "has expired", "clock"),
        (self_signed(expired, true), true, "has expired", "clock"),
        (of_private_authority(&early), true, "not valid yet", "clock"),
        (of_private_authority(&other), true, "it is for", "name"),
    ] {
        let fake = serve(&identity);
        let trusted = if is_named {
            identity.trusted.as_str()
        } else {
            ""
        };
        let error = ask_fake(&fake, "localhost", trusted).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Tls, "{error}");
        assert!(!error.is_temporary());
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            error.advice().unwrap().contains(hint),
            "{:?}",
            error.advice()
        );
        assert_eq!(fake.requests(), 0);
    }
}

#[tokio::test]
async fn scheme_mismatch_names_the_right_scheme() {
    let plain = Fake::start(|_| Reply::json("[]"));
    let error = ask_fake(&plain, "127.0.0.1", "").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Tls);
    assert!(
        error
            .to_string()
            .contains("does not speak TLS (https) on this port"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("use http://127.0.0.1:"));
    let encrypted = serve(&self_signed(parameters(&["localhost"]), false));
    let url = format!("http://127.0.0.1:{}", encrypted.address.port());
    let error = ask(&url, "").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Tls, "{error}");
    assert!(
        error
            .to_string()
            .contains("speaks TLS (https) on this port"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("use https://127.0.0.1:"));
}

#[tokio::test]
async fn unusable_certificate_file_is_named() {
    for (text, said) in [
        ("no certificate", "it holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n",
            "damaged",
        ),
    ] {
        let error = ask("https://localhost:1", text).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(said), "{error}");
    }
    let settings = HttpSettings {
        ca_file: Some("/there/is/no/file.pem".into()),
        ..settings()
    };
    let url = ServerUrl::parse("https://localhost:1").unwrap();
    let made = Server::new(url, settings, Arc::default(), CancellationToken::new());
    assert!(
        made.unwrap_err()
            .to_string()
            .contains("/there/is/no/file.pem")
    );
}
