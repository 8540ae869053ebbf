//! Commands with an index find and leave what they find and leave without one, whatever happened to the cluster between them.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases, `KAZOO_NUMBERS_SEED` the seed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exact_json::{Value, json};
use kazoo_numbers::command::{CommandSpec, Effect};
use kazoo_numbers::couchdb::{
    Client, HttpSettings, Method, Operation, Request, ServerUrl, Transport,
};
use kazoo_numbers::report::{Audit, Event};
use kazoo_numbers::run::{IndexAsks, IndexSettings, MaxDelete, Settings};
use kazoo_numbers_generator::names::account_of_database;
use kazoo_numbers_generator::{
    Cluster, ClusterServer, Database, Document, Options, Revisions, generate,
};
use kazoo_numbers_model::{self as model, Call};
use kazoo_numbers_sandbox::{Endpoint, SandboxConfig};
use kazoo_numbers_testkit::cases::{self, Fixture};
use kazoo_numbers_testkit::command::{
    CommandRun, arguments, call_with, clusters, settings, unix_seconds,
};
use kazoo_numbers_testkit::local::{LocalTestServer, URL};
use kazoo_numbers_testkit::server::{TestServer, external_url};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tempfile::TempDir;

use crate::model::differences;

/// The embedded server in this process, or the one at `COUCHDB_URL`.
struct Server {
    url: String,
    transport: Option<Arc<dyn Transport>>,
    clusters: ClusterServer,
    client: Client,
    real: Option<TestServer>,
}

impl Fixture for Server {
    async fn begin() -> Self {
        let (url, transport, real) = if external_url().is_some() {
            let real = TestServer::start().await;
            (real.url.clone(), None, Some(real))
        } else {
            let local = LocalTestServer::start();
            (URL.to_owned(), Some(local.transport), None)
        };
        Self::at(url, transport, real)
    }

    async fn end(self) {
        if let Some(real) = self.real {
            real.end().await;
        }
    }
}

impl Server {
    fn at(url: String, transport: Option<Arc<dyn Transport>>, real: Option<TestServer>) -> Self {
        let clusters = match &transport {
            Some(transport) => ClusterServer::over(&url, transport.clone()),
            None => ClusterServer::at(&url),
        };
        let settings = HttpSettings {
            transport: transport.clone(),
            ..HttpSettings::default()
        };
        Self {
            clusters: clusters.unwrap(),
            client: Client::new(ServerUrl::parse(&url).unwrap(), &settings, Arc::default())
                .unwrap(),
            url,
            transport,
            real,
        }
    }

    async fn read(&self) -> (Cluster, Revisions) {
        self.clusters.read().await.unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) {
        let request = Request::write(Operation::CONNECT, method, path);
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let response = self.client.send(&request).await.unwrap();
        assert!(response.status.is_success(), "{path}: {response:?}");
    }

    fn settings(&self, index: Option<&Path>) -> Settings {
        let mut settings = Settings {
            index: index.map(|directory| IndexSettings::of(directory.to_owned())),
            // Random clusters are small, and most of their copies can be wrong.
            max_delete: Some(MaxDelete::Off),
            ..settings()
        };
        settings.http.transport.clone_from(&self.transport);
        settings
    }

    async fn call(&self, call: &Call, index: Option<&Path>) -> CommandRun {
        let settings = self.settings(index);
        call_with(&self.url, &call.function, &arguments(call), settings).await
    }

    async fn audit(&self, parts: &[String], index: Option<&Path>) -> (Audit, u64) {
        let parts = match parts {
            [] => Vec::new(),
            parts => vec![model::Argument::List(parts.to_vec())],
        };
        audit_of(self.call(&Call::new("audit", parts), index).await)
    }

    /// An audit that asks the feed of updates.
    async fn recent_audit(&self, index: &Path) -> Audit {
        let settings = Settings {
            index: Some(IndexSettings::of(index.to_owned()).asking(IndexAsks::Feed)),
            ..self.settings(None)
        };
        audit_of(call_with(&self.url, "audit", &[], settings).await).0
    }

    /// Begins the feed of updates, unless it exists.
    async fn begin_feed(&self) {
        let request = Request::write(Operation::CONNECT, Method::PUT, "/_global_changes");
        self.client.send(&request).await.unwrap();
    }
}

/// An audit and the number of documents that it read. `taken_at` is the time by which changes can be missing, in seconds.
fn audit_of(ran: CommandRun) -> (Audit, u64) {
    let audit = ran.events.iter().find_map(|event| match event {
        Event::Audit(audit) => Some(&**audit),
        _ => None,
    });
    let audit = audit.unwrap_or_else(|| panic!("{:#?}", ran.lines));
    let audit = Audit {
        taken_at: audit.taken_at - audit.as_of,
        as_of: 0,
        history: Vec::new(),
        ..audit.clone()
    };
    (audit, ran.finished.unwrap().summary.documents_read)
}

fn path(database: &str, end: &str) -> String {
    let escaped = database.replace('/', "%2F").replace('+', "%2B");
    format!("/{escaped}{end}")
}

/// An event in a cluster between two commands.
#[derive(Clone, Debug)]
enum Happening {
    /// Other writers change documents.
    Edits(Vec<Edit>),
    /// A database is deleted, and created again with documents of the other cluster.
    Recreated(Index),
    /// A database is deleted.
    Deleted(Index),
    /// A document is purged.
    Purged(Index, Index),
    /// A command of this library writes, with the index.
    Command((Call, Index)),
}

/// A change of one document.
#[derive(Clone, Debug)]
struct Edit {
    database: Index,
    document: Index,
    change: EditChange,
}

#[derive(Clone, Copy, Debug)]
enum EditChange {
    /// The document of the other cluster, or its deletion.
    Other,
    /// The document of another database that has the id.
    Copy,
    Deletion,
    /// Another field changes, so its copy differs.
    Field,
    /// A second leaf.
    Conflict,
}

fn edit() -> impl Strategy<Value = Edit> {
    let change = prop_oneof![
        3 => Just(EditChange::Other),
        2 => Just(EditChange::Copy),
        1 => Just(EditChange::Deletion),
        2 => Just(EditChange::Field),
        1 => Just(EditChange::Conflict),
    ];
    let made = |(database, document, change)| Edit {
        database,
        document,
        change,
    };
    (any::<Index>(), any::<Index>(), change).prop_map(made)
}

/// A command that changes documents and uses the index, with the choice of an account.
fn call() -> impl Strategy<Value = (Call, Index)> {
    let specs = kazoo_numbers::command::commands();
    let specs = specs.filter(|spec| spec.uses_index && spec.effect != Effect::Reads);
    let of_all = |spec: &&CommandSpec| spec.parameters.is_empty();
    let names = specs.filter(of_all).map(|spec| spec.name);
    let names: Vec<&str> = names.chain([CONVERT, FIX]).collect();
    let carrier = || select(["knm_local", "knm_bandwidth2", "knm_telnyx"].as_slice());
    let call = (select(names), carrier(), carrier()).prop_map(|(name, from, to)| {
        let modules = [from, to].map(|module| model::Argument::Text(module.to_owned()));
        let given = if name == CONVERT { &modules[..] } else { &[] };
        Call::new(name, given.to_vec())
    });
    (call, any::<Index>())
}

/// The call with its account, if it needs one. `None`: the cluster has no account.
fn with_account((call, choice): &(Call, Index), now: &Cluster) -> Option<Call> {
    if call.function != FIX {
        return Some(call.clone());
    }
    let accounts = now.account_databases();
    let accounts: Vec<String> = accounts.filter_map(account_of_database).collect();
    let account = choice.get(non_empty(&accounts)?).clone();
    Some(Call::new(FIX, [model::Argument::Text(account)]))
}

const FIX: &str = "fix_account_db_numbers";

const CONVERT: &str = "convert_carrier_module";

fn events() -> impl Strategy<Value = Vec<Happening>> {
    let event = prop_oneof![
        6 => prop::collection::vec(edit(), 0..8).prop_map(Happening::Edits),
        1 => any::<Index>().prop_map(Happening::Recreated),
        1 => any::<Index>().prop_map(Happening::Deleted),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(database, document)| Happening::Purged(database, document)),
        1 => call().prop_map(Happening::Command),
    ];
    prop::collection::vec(event, 1..5)
}

/// A cluster, another with which it is mixed, and what happens.
type Case = (Cluster, Cluster, Vec<Happening>);

fn cases() -> impl Strategy<Value = Case> {
    (clusters(), clusters(), events())
}

/// The documents that an edit writes, by database; each is `None` if it is deleted.
fn written(
    now: &Cluster,
    other: &Cluster,
    edit: &Edit,
) -> Option<(String, String, Option<Document>)> {
    let names: Vec<&String> = now.databases.keys().collect();
    let name = *edit.database.get(non_empty(&names)?);
    let here = now.databases.get(name)?;
    let there = other.databases.get(name);
    let ids = here.documents.keys();
    let ids = ids.chain(there.into_iter().flat_map(|there| there.documents.keys()));
    let ids: BTreeSet<&String> = ids.filter(|id| !id.starts_with("_design/")).collect();
    let ids: Vec<&String> = ids.into_iter().collect();
    let id = *edit.document.get(non_empty(&ids)?);
    let document = match edit.change {
        EditChange::Other => there.and_then(|there| there.documents.get(id)).cloned(),
        EditChange::Copy => {
            let mut others = now.databases.iter().filter(|(other, _)| *other != name);
            others
                .find_map(|(_, database)| database.documents.get(id))
                .cloned()
        }
        EditChange::Deletion => None,
        EditChange::Field | EditChange::Conflict => {
            let mut document = here.documents.get(id)?.clone();
            document.insert("edited".to_owned(), json!(unix_seconds()));
            Some(document)
        }
    };
    Some((name.clone(), id.clone(), document))
}

fn non_empty<T>(all: &[T]) -> Option<&[T]> {
    (!all.is_empty()).then_some(all)
}

async fn apply(server: &Server, other: &Cluster, event: &Happening, index: &Path) {
    match event {
        Happening::Edits(edits) => {
            for edit in edits {
                let (now, revisions) = server.read().await;
                let Some((name, id, document)) = written(&now, other, edit) else {
                    continue;
                };
                let rev = revisions.get(&name).and_then(|known| known.get(&id));
                let is_live = now.document(&name, &id).is_some();
                let mut document = match document {
                    Some(document) => Value::Object(document),
                    None if is_live => json!({"_id": id, "_deleted": true}),
                    None => continue,
                };
                let mut body = json!({});
                if matches!(edit.change, EditChange::Conflict) {
                    document["_rev"] = json!(format!("1-{}", "0".repeat(32)));
                    body["new_edits"] = json!(false);
                } else if let Some(rev) = rev.filter(|_| is_live) {
                    document["_rev"] = json!(rev);
                }
                body["docs"] = json!([document]);
                let path = path(&name, "/_bulk_docs");
                server.send(Method::POST, &path, Some(body)).await;
            }
        }
        Happening::Recreated(choice) => {
            let (now, _) = server.read().await;
            let names: Vec<&String> = now.databases.keys().collect();
            let Some(names) = non_empty(&names) else {
                return;
            };
            let name = *choice.get(names);
            server.send(Method::DELETE, &path(name, ""), None).await;
            let database = other.databases.get(name).cloned();
            let database: Database = database.unwrap_or_default();
            let databases = [(name.clone(), database)].into();
            server.clusters.load(&Cluster { databases }).await.unwrap();
        }
        Happening::Deleted(choice) => {
            let (now, _) = server.read().await;
            let names: Vec<&String> = now.databases.keys().collect();
            if let Some(names) = non_empty(&names) {
                let name = *choice.get(names);
                server.send(Method::DELETE, &path(name, ""), None).await;
            }
        }
        Happening::Purged(database, document) => {
            let (_, revisions) = server.read().await;
            let known: Vec<_> = revisions
                .iter()
                .filter(|(_, known)| !known.is_empty())
                .collect();
            let Some(known) = non_empty(&known) else {
                return;
            };
            let (name, known) = database.get(known);
            let all: Vec<_> = known.iter().collect();
            let (id, rev) = document.get(&all);
            let mut body = json!({});
            body[id.as_str()] = json!([rev]);
            server
                .send(Method::POST, &path(name, "/_purge"), Some(body))
                .await;
        }
        Happening::Command(call) => {
            let (now, _) = server.read().await;
            if let Some(call) = with_account(call, &now) {
                server.call(&call, Some(index)).await;
            }
        }
    }
}

#[derive(Default)]
struct Reads {
    with: AtomicU64,
    without: AtomicU64,
}

impl Reads {
    fn add(&self, with: u64, without: u64) {
        self.with.fetch_add(with, Ordering::Relaxed);
        self.without.fetch_add(without, Ordering::Relaxed);
    }

    fn assert_fewer(self) {
        let (with, without) = (self.with.into_inner(), self.without.into_inner());
        println!("documents read: {with} with an index, {without} without");
        assert!(with < without, "the index is used: {with} of {without}");
    }
}

/// Compares audits, with a short answer.
fn same(found: &Audit, expected: &Audit, after: &dyn std::fmt::Debug) -> Result<(), TestCaseError> {
    let not_in = |one: &Audit, other: &Audit| -> Vec<String> {
        let findings = one
            .findings
            .iter()
            .filter(|finding| !other.findings.contains(finding));
        findings.map(|finding| format!("{finding:?}")).collect()
    };
    let (more, less) = (not_in(found, expected), not_in(expected, found));
    prop_assert!(
        found == expected,
        "after {after:?}\nonly with an index: {more:#?}\nonly without: {less:#?}\nnumbers {:?} and {:?}",
        (
            &found.numbers,
            found.assigned,
            found.in_sync,
            found.unchecked,
            &found.unread
        ),
        (
            &expected.numbers,
            expected.assigned,
            expected.in_sync,
            expected.unchecked,
            &expected.unread
        ),
    );
    Ok(())
}

async fn check_audits(server: &Server, case: &Case, reads: &Reads) -> Result<(), TestCaseError> {
    let (cluster, other, events) = case;
    server.clusters.replace(cluster).await.unwrap();
    let folder = TempDir::new().unwrap();
    let index = folder.path();
    server.audit(&[], Some(index)).await;
    // The feed of a real server is late.
    let recent = server.real.is_none().then(|| TempDir::new().unwrap());
    if let Some(recent) = &recent {
        server.begin_feed().await;
        // The first makes the index, the second learns the states.
        for _ in 0..2 {
            server.recent_audit(recent.path()).await;
        }
    }
    for event in events {
        apply(server, other, event, index).await;
        let (expected, without) = server.audit(&[], None).await;
        let (found, with) = server.audit(&[], Some(index)).await;
        same(&found, &expected, event)?;
        reads.add(with, without);
        if let Some(recent) = &recent {
            let found = server.recent_audit(recent.path()).await;
            same(
                &Audit {
                    taken_at: 0,
                    ..found
                },
                &expected,
                event,
            )?;
        }
        let (now, _) = server.read().await;
        let mut parts = now.account_databases().chain(now.number_databases());
        if let Some(part) = parts.next() {
            let parts = [part.to_owned()];
            let (expected, _) = server.audit(&parts, None).await;
            let (found, _) = server.audit(&parts, Some(index)).await;
            same(&found, &expected, &(&parts, event))?;
        }
    }
    Ok(())
}

#[test]
fn audit_with_index_finds_what_it_finds_without() {
    let reads = Reads::default();
    cases::run_cases::<Server, _, _>("audit with index", 60, cases, |runtime, server, case| {
        runtime.block_on(check_audits(server, &case, &reads))
    });
    reads.assert_fewer();
}

/// A command after changes leaves what the model leaves, with the same counts and failures: it decides from documents that it read.
async fn check_command(
    server: &Server,
    case: &Case,
    call: &(Call, Index),
    reads: &Reads,
) -> Result<(), TestCaseError> {
    let (cluster, other, events) = case;
    server.clusters.replace(cluster).await.unwrap();
    let folder = TempDir::new().unwrap();
    server.audit(&[], Some(folder.path())).await;
    for event in events {
        apply(server, other, event, folder.path()).await;
    }
    let before = server.read().await;
    let Some(call) = &with_account(call, &before.0) else {
        return Ok(());
    };
    let expected = model::run(&before.0, call, model::Now::marker());
    let dry_run = Settings {
        dry_run: true,
        ..server.settings(None)
    };
    let planned = call_with(&server.url, &call.function, &arguments(call), dry_run).await;
    let started = unix_seconds();
    let ran = server.call(call, Some(folder.path())).await;
    let after = server.read().await;
    let times = [started, unix_seconds()];
    let mut all = differences(call, &expected, &ran, [&before, &after], times);
    // Warnings of numbers, in no order.
    let warnings = |ran: &CommandRun| -> BTreeSet<String> {
        let lines = ran
            .lines
            .iter()
            .filter(|line| line.starts_with("warning: "));
        lines.cloned().collect()
    };
    let (warned, wanted) = (warnings(&ran), warnings(&planned));
    if warned != wanted {
        all.push(format!("warned {warned:#?}, not {wanted:#?}"));
    }
    prop_assert!(all.is_empty(), "{call}\n{all:#?}\n{:#?}", ran.lines);
    let read = |ran: &CommandRun| {
        ran.finished
            .as_ref()
            .map_or(0, |end| end.summary.documents_read)
    };
    reads.add(read(&ran), read(&planned));
    Ok(())
}

#[test]
fn command_with_index_leaves_what_the_model_leaves() {
    let reads = Reads::default();
    let cases = || (cases(), call());
    cases::run_cases::<Server, _, _>("command with index", 120, cases, |runtime, server, case| {
        let (case, call) = case;
        runtime.block_on(check_command(server, &case, &call, &reads))
    });
    reads.assert_fewer();
}

/// A server whose data are in a directory, so that they can be replaced by an older copy.
async fn stored(directory: &Path) -> (kazoo_numbers_sandbox::Server, Server) {
    let config = SandboxConfig {
        data: Some(directory.to_owned()),
        ..SandboxConfig::default()
    };
    let sandbox = kazoo_numbers_sandbox::Server::start(config).await.unwrap();
    let server = Server::at(sandbox.url(), None, None);
    (sandbox, server)
}

/// Loads a cluster of one account with 40 numbers, without drift. Returns it, and the ids of the account's numbers.
async fn one_account(server: &Server) -> (Cluster, Vec<String>) {
    let cluster = generate(&Options {
        accounts: 1,
        numbers: 40,
        number_databases: 1,
        drift: 0.0,
        ..Options::default()
    })
    .cluster;
    server.clusters.load(&cluster).await.unwrap();
    let account = cluster.account_databases().next().unwrap();
    let ids = cluster.databases[account].documents.keys();
    let ids = ids.filter(|id| id.starts_with('+')).cloned().collect();
    (cluster, ids)
}

/// Sets the `field` of these documents.
async fn edit_field(server: &Server, database: &str, ids: &[String], field: &str) {
    let (cluster, revisions) = server.read().await;
    for id in ids {
        let mut document = Value::Object(cluster.document(database, id).unwrap().clone());
        document["_rev"] = json!(revisions[database][id]);
        document[field] = json!(field);
        let body = json!({"docs": [document]});
        server
            .send(Method::POST, &path(database, "/_bulk_docs"), Some(body))
            .await;
    }
}

/// The edits after the copy was made, which are the same on both sides, so the index knows no drift, and those after it was restored: of the
/// account's copies, and of the number database. Those are drift that the index must not hide. With as many edits as before, the sequence
/// is the same again; a real CouchDB then reports other sizes, but this server has none.
#[tokio::test]
async fn restored_copy_is_read_completely() {
    for (before, copies, numbers_after, field) in [
        (2, 0..1, 2..3, "another"),
        (1, 0..2, 1..3, "another"),
        (3, 0..0, 3..3, "another"),
        (1, 0..0, 1..1, "another"),
        (5, 0..4, 5..9, "another"),
        (2, 0..9, 2..11, "another"),
        (12, 0..16, 12..28, "another"),
        // All changes that the index remembers of the account were made in other ways; some before them are missing.
        (12, 4..12, 0..12, "one"),
    ] {
        let folder = TempDir::new().unwrap();
        let (data, index) = (folder.path().join("data"), folder.path().join("index"));
        let (sandbox, server) = stored(&data).await;
        let (cluster, ids) = one_account(&server).await;
        let account = cluster.account_databases().next().unwrap();
        let numbers = cluster.number_databases().next().unwrap();
        server.audit(&[], Some(&index)).await;
        sandbox.shutdown().await;
        let copy = std::fs::read_dir(&data).unwrap();
        let copy: Vec<_> = copy.map(|file| file.unwrap().path()).collect();
        let copy: Vec<_> = copy
            .into_iter()
            .map(|path| (std::fs::read(&path).unwrap(), path))
            .collect();

        let (sandbox, server) = stored(&data).await;
        edit_field(&server, account, &ids[..before], "one").await;
        edit_field(&server, numbers, &ids[..before], "one").await;
        let (expected, _) = server.audit(&[], None).await;
        assert_eq!(expected.findings, []);
        let (found, _) = server.audit(&[], Some(&index)).await;
        assert_eq!(found.findings, []);
        sandbox.shutdown().await;
        for (bytes, path) in &copy {
            std::fs::write(path, bytes).unwrap();
        }

        let (sandbox, server) = stored(&data).await;
        // Twice, so that the sequence goes beyond the old one.
        for field in ["a third", "a fourth"] {
            edit_field(&server, account, &ids[copies.clone()], field).await;
        }
        edit_field(&server, numbers, &ids[numbers_after], field).await;
        let (expected, _) = server.audit(&[], None).await;
        assert_eq!(expected.findings.is_empty(), copies.is_empty());
        let (found, _) = server.audit(&[], Some(&index)).await;
        assert_eq!(found.findings, expected.findings, "{before} and {copies:?}");
        sandbox.shutdown().await;
    }
}

/// The changes come with the last known ones. Only if all of those changed again, the server must be asked for them.
#[tokio::test]
async fn changed_database_is_asked_once() {
    let (folder, index) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (sandbox, server) = stored(folder.path()).await;
    let (cluster, ids) = one_account(&server).await;
    let account = cluster.account_databases().next().unwrap();
    server.audit(&[], Some(index.path())).await;
    for (edited, questions_of_revisions) in [
        (&ids[..20], 0),
        (&ids[..3], 0),
        (&ids[..9], 0),
        (&ids[..9], 1),
    ] {
        edit_field(&server, account, edited, &edited.len().to_string()).await;
        sandbox.reset_stats();
        let (found, _) = server.audit(&[], Some(index.path())).await;
        assert_eq!(found.numbers.looked_at, 40);
        let stats = sandbox.stats();
        assert_eq!(stats.requests("GET", Endpoint::Changes), 1);
        let asked = stats.requests("POST", Endpoint::Maintenance);
        assert_eq!(asked, questions_of_revisions, "{} edits", edited.len());
    }
    sandbox.shutdown().await;
}

/// An audit that asks the feed sees what changed, says how late the feed can be, and asks only the databases that are in it. It asks each
/// database after the feed was made again, and after a command of ours wrote.
#[tokio::test]
async fn recent_audit_asks_what_is_in_the_feed() {
    let (folder, index) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (sandbox, server) = stored(folder.path()).await;
    let (cluster, ids) = one_account(&server).await;
    let account = cluster.account_databases().next().unwrap();
    let audit = async || {
        sandbox.reset_stats();
        let audit = server.recent_audit(index.path()).await;
        assert_eq!(audit.numbers.looked_at, 40);
        let stats = sandbox.stats();
        let asked = ["GET", "POST"].map(|method| {
            stats.requests(method, Endpoint::DbUpdates) + stats.requests(method, Endpoint::DbsInfo)
        });
        (audit.findings.len(), audit.taken_at, asked)
    };
    // The index is made. There is no feed.
    assert_eq!(audit().await, (0, 0, [0, 1]));
    server.begin_feed().await;
    // Questions: the age of the feed, the sample, the databases.
    assert_eq!(audit().await, (0, 0, [1, 3]));
    assert_eq!(audit().await, (0, 5, [1, 2]));
    edit_field(&server, account, &ids[..1], "one").await;
    assert_eq!(audit().await, (1, 5, [1, 3]));
    assert_eq!(audit().await, (1, 5, [1, 2]));

    let feed = "/_global_changes";
    server.send(Method::DELETE, feed, None).await;
    edit_field(&server, account, &ids[1..2], "one").await;
    assert_eq!(audit().await.0, 2);
    edit_field(&server, account, &ids[2..3], "one").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    server.send(Method::PUT, feed, None).await;
    assert_eq!(audit().await, (3, 0, [1, 3]));
    assert_eq!(audit().await, (3, 5, [1, 2]));

    // Other commands do not, whatever the settings say.
    let settings = Settings {
        dry_run: true,
        index: Some(IndexSettings::of(index.path().to_owned()).asking(IndexAsks::Feed)),
        ..server.settings(None)
    };
    sandbox.reset_stats();
    call_with(&server.url, "repair", &[], settings).await;
    assert_eq!(sandbox.stats().requests("GET", Endpoint::DbUpdates), 0);

    // A folder of somebody else in the same directory is left alone.
    let other = index.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("server-key.pem"), "").unwrap();
    let repair = Call::new("copy_number_dbs_to_accounts", Vec::new());
    server.call(&repair, Some(index.path())).await;
    assert_eq!(audit().await, (0, 0, [1, 3]));
    assert!(other.join("server-key.pem").exists());
    sandbox.shutdown().await;
}
