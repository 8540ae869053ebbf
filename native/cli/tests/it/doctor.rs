//! `doctor` on set-ups that are broken on purpose: it names what is wrong and what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use kazoo_numbers::couchdb::Method;
use kazoo_numbers_generator::Options;
use kazoo_numbers_testkit::server::{PASSWORD, send};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use crate::relay::{Answer, Relay};
use crate::schema::Schema;
use crate::support::{CliServer, ProgramRun, program};

fn server() -> CliServer {
    CliServer::seeded(&Options {
        accounts: 3,
        numbers: 30,
        number_databases: 2,
        ..Options::default()
    })
}

fn put(server: &CliServer, path: &str, body: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(send(
        &server.url(),
        Method::PUT,
        path,
        Some(body.to_owned()),
    ));
    assert!(answer.status.is_success(), "{path}: {answer:?}");
}

fn doctor(url: &str) -> Command {
    let mut doctor = program(&["doctor"]);
    doctor.env("COUCHDB_URL", url);
    doctor
}

/// A broken set-up: the state and the check of the first line that is not good, a part of what is found, and a part of the remedy.
struct Broken<'t> {
    status: i32,
    check: &'t str,
    finding: &'t str,
    remedy: &'t str,
}

fn finds(mut doctor: Command, expected: &Broken<'_>) -> ProgramRun {
    let ran = ProgramRun::of(&doctor.output().unwrap());
    let Broken {
        status,
        check,
        finding,
        remedy,
    } = expected;
    let state = if *status == 4 { "failed" } else { "warning" };
    let start = format!("{state:<8} {check:<12} ");
    let lines = ran.lines();
    let at = lines.iter().position(|line| line.starts_with(&start));
    let at = at.unwrap_or_else(|| panic!("{start}: {}{}", ran.out, ran.err));
    assert!(lines[at].contains(finding), "{finding}: {}", ran.out);
    let next = lines.get(at + 1).copied().unwrap_or_default();
    let (_, advice) = next
        .split_once("to do: ")
        .unwrap_or_else(|| panic!("{}", ran.out));
    assert!(advice.contains(remedy), "{remedy}: {}", ran.out);
    assert_eq!(ran.status, *status, "{}", ran.out);
    ran
}

#[test]
fn all_is_well_on_a_server_with_a_cluster() {
    let server = server();
    let ran = ProgramRun::of(&doctor(&server.url()).output().unwrap());
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let lines = ran.lines();
    assert_eq!(lines.last(), Some(&"ok"));
    for (line, check) in lines.iter().zip([
        "connection",
        "server",
        "user",
        "nodes",
        "databases",
        "proxy",
        "pages",
        "indexes",
        "settings",
        "lock",
        "journal",
    ]) {
        assert!(
            line.starts_with(&format!("good     {check:<12} ")),
            "{line}"
        );
    }
    let mut json = doctor(&server.url());
    let ran = ProgramRun::of(&json.arg("--json").output().unwrap());
    let names = Schema::new().check(&ran);
    assert_eq!(names.iter().filter(|name| *name == "check").count(), 11);
}

#[test]
fn address_and_user_that_cannot_be_used_are_named() {
    let server = server();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let address = server.address();
    let wrong_password = format!("http://admin:wrong@{address}");
    let nobody = format!("http://{address}");
    let encrypted = format!("https://admin:{PASSWORD}@{address}");
    for (url, check, finding, remedy) in [
        (
            format!("http://127.0.0.1:{port}"),
            "server",
            "cannot connect",
            "does CouchDB run",
        ),
        (
            "http://there.is.no.such.host.invalid:5984".into(),
            "server",
            "there.is.no",
            "does CouchDB run",
        ),
        (
            "127.0.0.1:5984".into(),
            "connection",
            "the CouchDB URL",
            "http://user:password@",
        ),
        (
            wrong_password,
            "user",
            "password is incorrect",
            "check the user name and the password",
        ),
        (
            nobody,
            "user",
            "nobody may not list the databases",
            "administrator",
        ),
        (encrypted, "server", "cannot connect", "http://"),
    ] {
        let expected = Broken {
            status: 4,
            check,
            finding,
            remedy,
        };
        let ran = finds(doctor(&url), &expected);
        assert!(ran.out.contains("good     journal"), "{}", ran.out);
    }
    let mut without = program(&["doctor"]);
    without.env_remove("COUCHDB_URL");
    let expected = Broken {
        status: 4,
        check: "connection",
        finding: "/there/is/no/config.ini",
        remedy: "COUCHDB_URL",
    };
    finds(without, &expected);
}

#[test]
fn certificate_of_an_unknown_authority_is_named() {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config));
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut session = rustls::ServerConnection::new(config.clone()).unwrap();
            // The client ends it.
            let _ = session.complete_io(&mut client);
        }
    });
    for (scheme, finding, remedy) in [
        ("https", "certificate", "--ca-file"),
        ("http", "cannot connect", "https://"),
    ] {
        let url = format!("{scheme}://admin:{PASSWORD}@localhost:{port}");
        let expected = Broken {
            status: 4,
            check: "server",
            finding,
            remedy,
        };
        finds(doctor(&url), &expected);
    }
}

#[test]
fn answers_of_a_server_that_is_not_ready_are_explained() {
    let server = server();
    let answer = |path, status, body| Relay {
        answers: vec![Answer { path, status, body }],
        ..Relay::default()
    };
    let reader = Answer {
        path: "/_session",
        status: "200 OK",
        body: r#"{"ok":true,"userCtx":{"name":"reader","roles":[]}}"#,
    };
    let may_not_list = Answer {
        path: "/_all_dbs",
        status: "403 Forbidden",
        body: r#"{"error":"forbidden","reason":"You are not a server admin."}"#,
    };
    let may_not_read = Answer {
        path: "/numbers%2F",
        status: "403 Forbidden",
        body: r#"{"error":"forbidden","reason":"You are not allowed to access this db."}"#,
    };
    let of_reader = |other| Relay {
        answers: vec![reader, other],
        ..Relay::default()
    };
    let decoding = Relay {
        decodes_paths: true,
        ..Relay::default()
    };
    let ok = "200 OK";
    for (relay, status, check, finding, remedy) in [
        (
            answer("/", ok, "<html><title>Welcome to nginx!</title></html>"),
            4,
            "server",
            "Welcome to nginx!",
            "address of CouchDB",
        ),
        (
            decoding,
            4,
            "proxy",
            "seems to decode %2F",
            "AllowEncodedSlashes",
        ),
        (
            of_reader(may_not_list),
            4,
            "user",
            "reader may not list the databases",
            "administrator",
        ),
        (
            of_reader(may_not_read),
            4,
            "user",
            "reader may not read",
            "member of these databases",
        ),
        (
            answer("/_session", ok, reader.body),
            2,
            "user",
            "reader, no administrator",
            "administrator",
        ),
        (
            answer(
                "/_up",
                "404 Object Not Found",
                r#"{"status":"maintenance_mode"}"#,
            ),
            2,
            "nodes",
            "the node that answers is in maintenance mode",
            "another node",
        ),
        (
            answer(
                "/_membership",
                ok,
                r#"{"all_nodes":["couchdb@a"],"cluster_nodes":["couchdb@a","couchdb@b"]}"#,
            ),
            2,
            "nodes",
            "1 of 2 nodes are away: couchdb@b",
            "look like drift",
        ),
        (
            answer("/_node/", ok, "\"true\"\n"),
            2,
            "nodes",
            "in maintenance mode: nonode@nohost",
            "before a command that deletes",
        ),
        (
            answer(
                "/numbers%2F%2B1415/_design/numbers/_info",
                ok,
                r#"{"name":"numbers","view_index":{"updater_running":true,"updates_pending":{"minimum":2,"preferred":2,"total":70000}}}"#,
            ),
            2,
            "indexes",
            "70000 updates are not in the indexes yet",
            "waits until they are built",
        ),
    ] {
        let expected = Broken {
            status,
            check,
            finding,
            remedy,
        };
        finds(doctor(&relay.start(server.address())), &expected);
    }
}

#[test]
fn databases_settings_and_lock_are_checked() {
    let empty = CliServer::start();
    let mut expected = Broken {
        status: 2,
        check: "databases",
        finding: "there is no number database",
        remedy: "is this the cluster",
    };
    finds(doctor(&empty.url()), &expected);

    put(&empty, "/numbers%2F%2B1415", "");
    expected.check = "indexes";
    expected.finding = "1 of 1 number databases have no design document: numbers%2F%2B1415";
    expected.remedy = "kapps_maintenance refresh";
    finds(doctor(&empty.url()), &expected);

    let server = server();
    put(&server, "/tasks", "");
    let dead = r#"{"pvt_type":"numbers_maintenance_lock","holders":[{"run":"0123456789abcdef","command":"purge_deleted",
        "who":"ann","place":"kazoo@a","scope":"exclusive","since":"2026-01-01T00:00:00Z","renewed":"2026-01-01T00:00:00Z",
        "lease_seconds":90}]}"#;
    put(&server, "/tasks/kazoo_numbers_maintenance", dead);
    expected.check = "lock";
    expected.finding = "purge_deleted by ann on kazoo@a";
    expected.remedy = "unlock";
    finds(doctor(&server.url()), &expected);
}

#[test]
fn values_of_the_system_config_that_cannot_be_used_are_named() {
    let server = CliServer::start();
    put(&server, "/system_config", "");
    put(&server, "/numbers%2F%2B1415", "");
    let config =
        r#"{"default":{"e164_converters":{"^(\\d{3":{"prefix":"+"}},"max_delete":"most"}}"#;
    put(&server, "/system_config/number_manager", config);
    let mut expected = Broken {
        status: 2,
        check: "settings",
        finding: "do not compile",
        remedy: "correct the document",
    };
    finds(doctor(&server.url()), &expected);
    expected.finding = "max_delete";
    finds(doctor(&server.url()), &expected);
}

#[test]
fn folder_of_the_journals_is_checked() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let with = |option: &[&str]| {
        let mut doctor = doctor(&server.url());
        doctor.args(option);
        doctor
    };
    let mut expected = Broken {
        status: 4,
        check: "journal",
        finding: path,
        remedy: "another folder",
    };
    let full = format!("ulimit -f 0; exec \"$0\" doctor --journal {path}");
    let mut limited = Command::new("sh");
    let program = with(&[]);
    limited.args(["-c", &full]).arg(program.get_program());
    limited.env("COUCHDB_URL", server.url());
    finds(limited, &expected);

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    finds(with(&["--journal", path]), &expected);

    expected.status = 2;
    expected.finding = "no run can be undone";
    expected.remedy = "keep a journal";
    finds(with(&["--no-journal"]), &expected);
}
