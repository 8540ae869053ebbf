//! How the program finds and reaches CouchDB, and its errors if it cannot.

use std::io::{BufRead, BufReader, Read};

use std::thread;
use std::time::Duration;

use kazoo_numbers::couchdb::Method;
use kazoo_numbers_testkit::server::{PASSWORD, send};

use crate::relay::Relay;
use crate::support::{CliServer, Piped, ProgramRun, program};

/// Sends a PUT request to the test server.
fn put(server: &CliServer, path: &str, body: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = (!body.is_empty()).then(|| body.to_owned());
    let answer = runtime.block_on(send(&server.url(), Method::PUT, path, body));
    assert!(answer.status.is_success(), "{path}: {}", answer.status);
}

/// A server with one number of one carrier.
fn one_number() -> CliServer {
    let server = CliServer::start();
    put(&server, "/numbers%2F%2B1415", "");
    let number = r#"{"pvt_type":"number","pvt_module_name":"knm_local"}"#;
    put(&server, "/numbers%2F%2B1415/%2B14155550101", number);
    server
}

/// Runs `carrier_module_usage` with this config.ini, with `$HOST` and `$PORT` replaced.
fn usage_with(server: &CliServer, ini: &str) -> ProgramRun {
    let address = server.address();
    let (host, port) = address.split_once(':').unwrap();
    let text = ini
        .replace("$HOST", host)
        .replace("$PORT", port)
        .replace("$PASS", PASSWORD);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut program = program(&["carrier_module_usage"]);
    ProgramRun::of(&program.env("KAZOO_CONFIG", file.path()).output().unwrap())
}

#[test]
fn config_ini_is_read_as_kazoo_reads_it() {
    let server = one_number();
    for ini in [
        "[bigcouch]\ncompact_automatically = true\nip = \"$HOST\" ; a load balancer\nport = $PORT ; its port\n\
         username = \"admin\"\npassword = \"$PASS\"\n\n[zone]\nname = \"local\"\n",
        "\u{feff}[bigcouch]\r\nip=$HOST\r\nport=$PORT\r\nusername=admin\r\npassword=$PASS\r\n",
        "[bigcouch]\nzone = east\nip = 127.0.0.9\nport = 1\n\n[bigcouch]\nip = $HOST\nport = $PORT\n\
         username = admin\npassword = $PASS\n",
        "[data]\nconfig = other\n[bigcouch]\nip = 127.0.0.9\n[other]\nip = $HOST\nport = $PORT\n\
         username = admin\npassword = $PASS\n[other]\nhost = db.example.com\nip = 127.0.0.9\n",
    ] {
        let ran = usage_with(&server, ini);
        assert_eq!(ran.status, 0, "{ini}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("knm_local: 1"), "{ini}: {}", ran.out);
    }
    let wrong = "[bigcouch]\nip = $HOST\nport = $PORT\nusername = admin\npassword = %41\n";
    let ran = usage_with(&server, wrong);
    assert_eq!(ran.status, 4);
    assert!(
        ran.err
            .contains("unauthorized: Name or password is incorrect."),
        "{}",
        ran.err
    );
    assert!(ran.err.contains(" (from /"), "{}", ran.err);
}

#[test]
fn conversion_warnings_are_on_standard_error() {
    let server = one_number();
    let misfiled = r#"{"pvt_type":"number","pvt_module_name":"knm_local"}"#;
    put(&server, "/numbers%2F%2B1415/%2B12025550101", misfiled);
    let ran = server.run(&["convert_carrier_module", "knm_local", "knm_bandwidth"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        lines,
        [
            "attempt to convert numbers with carrier module knm_local to knm_bandwidth2 in database numbers%2F%2B1415",
            "updated carrier module to knm_bandwidth2 for 1:",
            "+14155550101",
            "updating carrier module failed for 0:",
            "ok",
        ]
    );
    assert!(
        ran.err.contains("warning: ") && ran.err.contains("+12025550101"),
        "{}",
        ran.err
    );
}

/// An outage is announced after some seconds, and retries take longer than a test can wait.
#[test]
fn outage_in_a_command_with_fixed_output_is_announced_on_standard_error() {
    let mut running = program(&["--couchdb", "http://127.0.0.1:1", "carrier_module_usage"]).piped();
    let mut line = String::new();
    let mut err = BufReader::new(running.stderr.take().unwrap());
    let read = thread::spawn(move || {
        err.read_line(&mut line).unwrap();
        line
    });
    let mut out = running.stdout.take().unwrap();
    let printed = thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    });
    // Long enough for the announcement. A run without it is stopped as well.
    for _ in 0..200 {
        if read.is_finished() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let line = read.join().unwrap();
    assert!(line.starts_with("warning: cannot "), "{line:?}");
    assert!(line.contains("trying again for"), "{line:?}");
    assert_eq!(printed.join().unwrap(), "");
}

#[test]
fn environment_proxies_are_ignored() {
    let server = one_number();
    let mut program = server.program(&["carrier_module_usage"]);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        program.env(name, "http://127.0.0.1:9");
        program.env(name.to_uppercase(), "http://127.0.0.1:9");
    }
    let ran = ProgramRun::of(&program.output().unwrap());
    assert!(
        ran.status == 0 && ran.out.contains("knm_local: 1"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn invalid_expression_does_not_stop_run() {
    let server = one_number();
    put(&server, "/system_config", "");
    let config = r#"{"default":{"reconcile_regex":"^(?:\\+33\\d{9})|(?:0\\d{9})$","e164_converters":{
        "^0(\\d{9})$":{"prefix":"+33"},"^+33(\\d{9})$":{"prefix":"+33"}}}}"#;
    put(&server, "/system_config/number_manager", config);
    let account = "000a11ce00000000000000000000000a";
    let database = format!("/account%2F00%2F0a%2F{}", &account[4..]);
    put(&server, &database, "");
    let callflow = r#"{"pvt_type":"callflow","numbers":["+33612345678"]}"#;
    put(&server, &format!("{database}/flow"), callflow);
    let ran = server.run(&["app_using", "0612345678", account]);
    assert!(
        ran.out.contains("<<\"callflow\">>"),
        "{}{}",
        ran.out,
        ran.err
    );
    let message = format!("{}{}", ran.out, ran.err);
    assert_eq!(message.matches("do not compile").count(), 1, "{message}");
    assert!(message.contains("\"^+33(\\\\d{9})$\""), "{message}");
}

#[test]
fn decoding_proxy_is_reported_once() {
    let server = one_number();
    let account = "000a11ce00000000000000000000000a";
    put(
        &server,
        &format!("/account%2F00%2F0a%2F{}", &account[4..]),
        "",
    );
    let relay = Relay {
        decodes_paths: true,
        ..Relay::default()
    };
    let url = relay.start(server.address());
    for line in [
        &["copy_number_dbs_to_accounts"][..],
        &["fix_account_db_numbers", account],
        &["carrier_module_usage"],
    ] {
        let mut program = program(line);
        let ran = ProgramRun::of(&program.env("COUCHDB_URL", &url).output().unwrap());
        assert_eq!(ran.status, 2, "{line:?}: {}{}", ran.out, ran.err);
        let message = format!("{}{}", ran.out, ran.err);
        assert_eq!(
            message.matches("seems to decode %2F or %2B").count(),
            1,
            "{line:?}: {message}"
        );
    }
    // A missing database is not a reason to suspect a proxy.
    let ran = server.run(&["fix_account_db_numbers", "00000000000000000000000000000000"]);
    assert!(!format!("{}{}", ran.out, ran.err).contains("proxy"));
}

#[test]
fn certificate_file_is_set_by_option_or_environment() {
    let file = "/there/is/no/certificate.pem";
    let url = "https://127.0.0.1:1";
    for ran in [
        program(&[
            "--couchdb",
            url,
            "--ca-file",
            file,
            "copy_number_dbs_to_accounts",
        ])
        .output(),
        program(&[
            "copy_number_dbs_to_accounts",
            "--couchdb",
            url,
            "--ca-file",
            file,
        ])
        .output(),
        program(&["copy_number_dbs_to_accounts", "--couchdb", url])
            .env("COUCHDB_CA_FILE", file)
            .output(),
    ] {
        let ran = ProgramRun::of(&ran.unwrap());
        assert_eq!(ran.status, 4);
        let start = "error: cannot connect to CouchDB on https://127.0.0.1:1 (from --couchdb): ";
        assert!(ran.err.starts_with(start), "{}", ran.err);
        assert!(
            ran.err.contains(file) && ran.err.contains("\nhint: "),
            "{}",
            ran.err
        );
    }
    let mut empty = program(&["all_features"]);
    let ran = ProgramRun::of(&empty.env("COUCHDB_CA_FILE", "").output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.err);
}

#[test]
fn invisible_characters_are_shown_with_clean_number() {
    let ran = program(&["fix_numbers_apps_in_numbdb", "+1 (415)\u{200b}555-0100"]).output();
    let ran = ProgramRun::of(&ran.unwrap());
    assert_eq!(ran.status, 1);
    assert_eq!(ran.out, "");
    assert!(
        ran.err.contains(r#""+1 (415)\u{200b}555-0100""#),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("did you mean +14155550100?"),
        "{}",
        ran.err
    );
}
