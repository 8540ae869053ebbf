//! Names that try to escape their database, and servers with arbitrary answers.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases of each property.

use kazoo_numbers_testkit::cases::run_cases;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{FaultyServer, ProxiedServer, RunSettings, call};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kazoo_numbers::command;
use kazoo_numbers::kazoo::{Classification, DatabaseName, KazooDatabase};
use kazoo_numbers_faults::{Exchange, Interceptor, Schedule};
use kazoo_numbers_generator::{Cluster, Database};
use kazoo_numbers_model::{Argument, Call};
use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::net::TcpListener;

const PASSWORD: &str = "n0t-t0-be-5een";
/// `admin:` and the password, encoded for the header.
const ENCODED: &str = "YWRtaW46bjB0LXQwLWJlLTVlZW4=";

const RUN_SETTINGS: RunSettings = RunSettings {
    read: 7,
    insert: 3,
    at_once: 4,
    memory: 3000,
};

/// Texts with a meaning in a path.
fn name() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "account/",
        "account%2F",
        "numbers/",
        "numbers%2F",
        "+1415",
        "..",
        "/",
        "%2e%2e",
        "%2E",
        "%252F",
        "%00",
        "\0",
        "\r\n",
        "_users",
        "_replicator",
        "?",
        "#",
        "\\",
        "é",
        "\u{ff0f}",
        "abcdef0123456789abcdef0123456789",
        "ab/cd/ef0123456789abcdef0123456789",
        "-202601",
        "+",
    ]);
    prop_oneof![
        4 => vec(pieces, 1..6).prop_map(|pieces| pieces.concat()),
        2 => any::<String>(),
        1 => select(vec![
            "account/../_users", "numbers/../_users", "numbers%2F%2e%2e%2F_users",
            "account%2f..%2f_users", "../_users", "/", "+1415/../_users", "+1415%2F..%2F_users",
            "+1415\r\nX: y", "+1415?rev=1", "+1415#", "_users", "+\0\0\0\0",
        ]).prop_map(str::to_owned),
        1 => "[.+/%a-z]{1,3}".prop_map(|piece| piece.repeat(65_536 / piece.len())),
    ]
}

fn argument() -> impl Strategy<Value = Argument> {
    prop_oneof![
        3 => name().prop_map(Argument::Text),
        1 => vec(name(), 0..3).prop_map(Argument::List),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    (any::<Index>(), vec(argument(), 4)).prop_map(|(which, mut arguments)| {
        let specs: Vec<_> = command::commands().collect();
        let spec = which.get(&specs);
        arguments.truncate(spec.parameters.len());
        Call::new(spec.name, arguments)
    })
}

/// Databases that some of the names refer to.
fn cluster() -> Cluster {
    let names = [
        "numbers/+1415",
        "account/ab/cd/ef0123456789abcdef0123456789",
        "account/ab/cd/ef0123456789abcdef0123456789-202601",
    ];
    let mut cluster = Cluster::default();
    for name in names {
        let database = Database::default();
        cluster.databases.insert(name.to_owned(), database);
    }
    cluster
}

/// Records the path of each request.
#[derive(Default)]
struct RequestLog(Mutex<Vec<String>>);

impl Interceptor for RequestLog {
    fn after_answer<'a>(&'a self, exchange: Exchange<'a>) -> BoxFuture<'a, ()> {
        self.0.lock().unwrap().push(exchange.request.target.clone());
        async {}.boxed()
    }
}

/// The error of a path that this library must never request.
fn path_error(target: &str) -> Option<String> {
    let error = |why: &str| Some(format!("{why}: {target:?}"));
    let path = target.split('?').next().unwrap_or_default();
    let Some((database, rest)) = path.strip_prefix('/').map(|path| {
        path.split_once('/')
            .map_or((path, None), |(database, rest)| (database, Some(rest)))
    }) else {
        return error("no path");
    };
    // `""` and `_membership` identify the cluster; `doctor` asks for the last two.
    let of_server = [
        "_all_dbs",
        "_dbs_info",
        "",
        "_membership",
        "_session",
        "_up",
    ];
    if of_server.contains(&database) && rest.is_none() {
        return None;
    }
    let is_setting = |rest: &str| {
        let node = rest.strip_suffix("/_config/couchdb/maintenance_mode");
        node.is_some_and(|node| !node.contains('/'))
    };
    if database == "_node" && rest.is_some_and(is_setting) {
        return None;
    }
    // The lock document of this version and of the previous one.
    let lock = [
        ("tasks", Some("kazoo%5Fnumbers%5Fmaintenance")),
        ("kazoo_numbers_maintenance", Some("lock")),
    ];
    if lock.contains(&(database, rest)) {
        return None;
    }
    let documents = ["_all_docs", "_all_docs/queries", "_bulk_docs"];
    let indexes = [
        "_design/numbers/_info",
        "_design/numbers/_view/module_name",
        "_design/numbers/_view/assigned_to/queries",
    ];
    if rest.is_some_and(|rest| !indexes.contains(&rest) && !documents.contains(&rest)) {
        return error("neither a database nor its documents");
    }
    let plain = percent_decode_str(database).decode_utf8().unwrap();
    let ours = DatabaseName::new(&plain).is_some_and(|name| {
        matches!(
            name.classification(),
            Classification::Numbers | Classification::Account(_)
        ) || name.plain() == "system_config"
    });
    let number_database = plain.strip_prefix("numbers/");
    if !ours || plain.contains("..") || number_database.is_some_and(|rest| rest.contains('/')) {
        return error("not a database of numbers or of an account");
    }
    None
}

#[test]
fn name_never_escapes_its_database() {
    run_cases("names", 400, calls, |rt, server: &ProxiedServer, given| {
        rt.block_on(async {
            server.set(&cluster()).await;
            let request = Arc::new(RequestLog::default());
            server
                .proxy
                .arm_with(Schedule::quiet(), Some(request.clone()));
            let ran = call(&server.target(), &given, &RUN_SETTINGS).await;
            server.proxy.disarm().await;
            let shown = format!("{given:?}").chars().take(300).collect::<String>();
            let Some(ran) = ran else {
                return Err(TestCaseError::fail(format!("{shown} does not finish")));
            };
            for target in request.0.lock().unwrap().iter() {
                if let Some(wrong) = path_error(target) {
                    return Err(TestCaseError::fail(format!("{shown}: {wrong}")));
                }
            }
            for line in &ran.lines {
                let control = line.chars().any(|c| c.is_control() && c != '\t');
                prop_assert!(!control, "{shown}: {line:?}");
            }
            Ok(())
        })
    });
}

/// One answer of a fake server.
#[derive(Clone, Debug)]
struct FakeAnswer {
    status: u16,
    body: String,
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,40}(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| exact_json::Value::from(text).to_string()),
        select(vec![
            r#""+14155550100""#,
            r#""numbers/+1415""#,
            r#""../_users""#,
            r#""1-x""#,
            r#""account/ab/cd/ef0123456789abcdef0123456789""#,
            r#""not_found""#,
            r#""conflict""#,
        ])
        .prop_map(str::to_owned),
        (1..20_000_usize).prop_map(|deep| format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
    ];
    let key = select(vec![
        "rows",
        "id",
        "key",
        "value",
        "rev",
        "doc",
        "error",
        "reason",
        "deleted",
        "ok",
        "_id",
        "db_name",
        "total_rows",
        "pvt_type",
        "pvt_assigned_to",
        "_attachments",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            vec((key.clone(), inner), 0..6).prop_map(|all| {
                let fields: Vec<String> = all
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn fake_answer() -> impl Strategy<Value = FakeAnswer> {
    let row = r#"{"id":"+14155550100","key":"+14155550100","value":{"rev":"1-917fa2381192822767f010b95b45325b"},"doc":{"_id":"+14155550100","_rev":"1-917fa2381192822767f010b95b45325b","pvt_type":"number","pvt_assigned_to":"abcdef0123456789abcdef0123456789"}}"#;
    let like_couchdb = select(vec![
        r#"["numbers/+1415","account/ab/cd/ef0123456789abcdef0123456789"]"#.to_owned(),
        r#"["numbers/../_users","../..","","account/","_users"]"#.to_owned(),
        format!(r#"{{"total_rows":1,"offset":0,"rows":[{row}]}}"#),
        format!(r#"{{"rows":[{row},{row}]}}"#),
        r#"{"rows":[]}"#.to_owned(),
        r#"{"db_name":"numbers/+1415"}"#.to_owned(),
        r#"{"ok":true}"#.to_owned(),
        r#"[{"ok":true,"id":"+14155550100","rev":"2-x"}]"#.to_owned(),
        r#"[{"id":"+14155550100","error":"conflict","reason":"x"}]"#.to_owned(),
        r#"{"error":"not_found","reason":"Database does not exist."}"#.to_owned(),
    ]);
    let damaged =
        (like_couchdb.clone(), any::<Index>(), any::<char>()).prop_map(|(text, at, with)| {
            let at = at.index(text.chars().count());
            text.chars()
                .enumerate()
                .map(|(place, char)| if place == at { with } else { char })
                .collect()
        });
    let body = prop_oneof![4 => like_couchdb, 3 => damaged, 3 => json(), 1 => any::<String>()];
    let status = prop_oneof![
        6 => Just(200),
        2 => Just(201),
        1 => select(vec![202, 204, 301, 302, 304, 400, 403, 404, 405, 409, 412, 413, 500, 503]),
    ];
    (status, body).prop_map(|(status, body)| FakeAnswer { status, body })
}

/// Serves the answers one after the other, in a cycle.
async fn serve_answers(listener: TcpListener, answers: Vec<FakeAnswer>) {
    let turn = Arc::new(AtomicUsize::new(0));
    let answers: Arc<[FakeAnswer]> = answers.into();
    while let Ok((stream, _)) = listener.accept().await {
        let (turn, answers) = (turn.clone(), answers.clone());
        let service = service_fn(move |_| {
            let answer = &answers[turn.fetch_add(1, Ordering::Relaxed) % answers.len()];
            let response = Response::builder()
                .status(answer.status)
                .header("location", "http://127.0.0.1:1/")
                .body(Full::new(Bytes::from(answer.body.clone())));
            async move { Ok::<_, Infallible>(response.unwrap()) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn commands() -> impl Strategy<Value = Call> {
    let text = |text: &str| Argument::Text(text.to_owned());
    let account = "abcdef0123456789abcdef0123456789";
    select(vec![
        Call::new("copy_number_dbs_to_accounts", []),
        Call::new("copy_accounts_to_number_dbs", []),
        Call::new("fix_apps_for_number_dbs", []),
        Call::new("fix_account_db_numbers", [text(account)]),
        Call::new("fix_number", [text(account), text("+14155550100")]),
        Call::new("remove_wrong_assigned_from_accounts", []),
        Call::new("destructively_remove_from_account_db_if_not_in_numdb", []),
        Call::new("carrier_module_usage", []),
        Call::new(
            "convert_carrier_module",
            [text("knm_local"), text("knm_telnyx")],
        ),
        Call::new("reset_allowed_features_to_defaults_on_system_config", []),
        Call::new("audit", []),
    ])
}

/// The number of panics of the library in this process.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn arbitrary_answers_cause_no_panic_and_no_password_in_output() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic
            .location()
            .is_some_and(|at| at.file().contains("native/core/src"))
        {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        before(panic);
    }));
    let cases = || (commands(), vec(fake_answer(), 1..12));
    run_cases(
        "answers",
        400,
        cases,
        |rt, _: &ProxiedServer, (given, answers)| {
            rt.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                let address = listener.local_addr().unwrap();
                let server = tokio::spawn(serve_answers(listener, answers.clone()));
                let url = format!("http://admin:{PASSWORD}@{address}");
                let ran = call(&url.as_str().into(), &given, &RUN_SETTINGS).await;
                server.abort();
                let Some(ran) = ran else {
                    return Err(TestCaseError::fail(format!(
                        "{given} does not finish: {answers:?}"
                    )));
                };
                prop_assert_eq!(
                    PANICS.load(Ordering::SeqCst),
                    0,
                    "{} panicked: {:?}",
                    given,
                    answers
                );
                let output = format!("{:?} {:?}", ran.lines, ran.finished);
                prop_assert!(
                    !output.contains(PASSWORD) && !output.contains(ENCODED),
                    "{output}"
                );
                Ok(())
            })
        },
    );
}

/// Checks `path_error` itself.
#[test]
fn path_error_detects_escaped_path() {
    for path in [
        "/_users",
        "/_users/_all_docs",
        "/account%2F..%2F_users",
        "/numbers%2F%2B1415/..",
        "/numbers%2F%2B1415/_security",
        "/_all_dbs/x",
        "/_session/x",
        "/_node/a%40b/_config/admins",
        "/_node/a/b/_config/couchdb/maintenance_mode",
        "/tasks/_all_docs",
        "/tasks/lock",
        "/%2e%2e",
        "/numbers%2Fa%2Fb",
        "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789-202601",
    ] {
        assert!(path_error(path).is_some(), "{path}");
    }
    for path in [
        "/",
        "/_membership",
        "/_node/a%40b/_config/couchdb/maintenance_mode",
        "/_all_dbs?startkey=1",
        "/numbers%2F%2B1415",
        "/numbers%2F%2B1415/_bulk_docs",
        "/account%2Fab%2Fcd%2Fef0123456789abcdef0123456789/_all_docs?limit=2",
    ] {
        assert_eq!(path_error(path), None);
    }
}
