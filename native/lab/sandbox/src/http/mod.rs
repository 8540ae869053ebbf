//! HTTP: routing, and one file for each endpoint.
//!
//! Paths are parsed by hand, because CouchDB has its own rules (a raw plus is a space, an escaped
//! slash belongs to a name, dots have no meaning) and clients must be tested against them.

mod all_docs;
mod attachments;
pub(crate) mod bulk;
mod bulk_get;
mod changes;
pub(crate) mod databases;
mod documents;
mod find;
mod http_answer;
mod locals;
mod maintenance;
mod options;
mod request;
mod revs;
mod sandbox;
mod server_info;
mod session;
mod view;

pub(crate) use http_answer::HttpAnswer;
pub(crate) use request::{Request, escape};

use crate::access;
use crate::auth::{User, Users};
use crate::ranks::Ranks;
use crate::request_error::RequestError;
use crate::stats::{Endpoint, StatsRecorder};
use crate::store::{Database, Store};
use crate::views::index::Indexes;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response};
use changes::LongPoll;
use http_body_util::{BodyExt as _, Limited};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// The largest request body in bytes. Batches of a client are far smaller.
pub(crate) const MAX_BODY: usize = 1 << 30;

/// The largest body before authentication. It is sufficient for a login.
const MAX_BODY_BEFORE_LOGIN: usize = 1 << 16;

/// The user, and the CouchDB handler that identified the user.
type Identity = (User, &'static str);

/// The state that requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) accounts: Users,
    pub(crate) stats: StatsRecorder,
    pub(crate) ranks: Ranks,
    pub(crate) indexes: Indexes,
    pub(crate) uuid: String,
    /// Accepted host names in addition to addresses.
    hosts: Vec<String>,
    /// Databases that were written since they were opened, see [`crate::update::Update`].
    written: Mutex<HashSet<u64>>,
    threads: Threads,
}

/// Where the store is used, which blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Threads {
    /// On Tokio's threads for blocking work.
    Pool,
    /// On the thread that handles the request. The order of requests is then the order of calls.
    Caller,
}

impl App {
    pub(crate) fn new(
        store: Store,
        accounts: Users,
        uuid: String,
        hosts: Vec<String>,
        threads: Threads,
    ) -> Self {
        Self {
            threads,
            store,
            accounts,
            uuid,
            hosts,
            stats: StatsRecorder::default(),
            ranks: Ranks::default(),
            indexes: Indexes::default(),
            written: Mutex::default(),
        }
    }

    /// Whether the `Host` header is allowed. A malicious web page can point its host name to this
    /// machine, but the browser still sends that name (DNS rebinding). A client without the header
    /// is not a browser.
    fn is_allowed_host(&self, target: Option<&str>, headers: &HeaderMap) -> bool {
        let named = headers
            .get_all("host")
            .iter()
            .map(|value| value.to_str().ok().and_then(host_name));
        named.chain(target.map(host_name)).all(|name| {
            name.is_some_and(|name| {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<IpAddr>().is_ok()
                    || self
                        .hosts
                        .iter()
                        .any(|host| host.eq_ignore_ascii_case(name))
            })
        })
    }

    /// Runs work that blocks.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        match self.threads {
            Threads::Caller => work(),
            Threads::Pool => tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
                let reason = "the request could not be served";
                Err(RequestError::new(500, "unknown_error", reason))
            }),
        }
    }

    fn was_written(&self, db: u64) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.contains(&db)
    }

    pub(crate) fn note_written(&self, db: u64) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(db);
    }

    fn database(&self, name: &str) -> Result<Database, RequestError> {
        let database = self.store.reader()?.database(name)?;
        database.ok_or_else(RequestError::no_database)
    }
}

/// The name in a `Host` header, without port and IPv6 brackets.
fn host_name(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map(|(address, _)| address);
    }
    host.split(':').next()
}

/// Handles a request.
pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let raw_path = parts.uri.path().to_owned();
    let path = request::split_path(&raw_path);
    let endpoint = Endpoint::of(path.as_deref().unwrap_or_default());
    let database = endpoint.database(path.as_deref().unwrap_or_default());
    let method = parts.method.clone();
    if !app.is_allowed_host(parts.uri.host(), &parts.headers) {
        let reason = "The Host header names another server.";
        return HttpAnswer::failure(&RequestError::forbidden(reason)).into_response();
    }
    let identity = identify(&app, &parts.headers, remote.ip()).await;
    let limit = match &identity {
        Ok((user, _)) if user.name.is_some() || user.is_admin() => MAX_BODY,
        _ => MAX_BODY_BEFORE_LOGIN,
    };
    let Ok(body) = Limited::new(body, limit).collect().await else {
        return HttpAnswer::failure(&RequestError::too_large()).into_response();
    };
    let body = body.to_bytes();
    let received = body.len();
    let raw_query = parts.uri.query().map(str::to_owned);
    let request = path.map(|path| Request {
        method: parts.method,
        path,
        query: request::split_query(raw_query.as_deref().unwrap_or_default()),
        raw_path,
        raw_query,
        headers: parts.headers,
        body,
        remote: remote.ip(),
    });
    let answer = match request {
        Ok(request) => match identity {
            Ok(identity) => answer(Arc::clone(&app), request, identity).await,
            Err(failure) => HttpAnswer::failure(&failure),
        },
        Err(failure) => HttpAnswer::failure(&failure),
    };
    if endpoint != Endpoint::Sandbox {
        let database = database.as_deref();
        app.stats
            .record(&method, endpoint, database, received, answer.length());
    }
    answer.into_response()
}

/// Identifies the user by the headers alone. The body of an unknown user is not read.
async fn identify(
    app: &Arc<App>,
    headers: &HeaderMap,
    remote: IpAddr,
) -> Result<Identity, RequestError> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let (authorization, cookie) = (text("authorization"), text("cookie"));
    let users = Arc::clone(app);
    app.run(move || {
        users.accounts.identify(
            &users.store,
            authorization.as_deref(),
            cookie.as_deref(),
            remote,
        )
    })
    .await
}

/// Runs the request where the store may block. Waiting for changes happens
/// here and occupies no thread.
async fn answer(app: Arc<App>, request: Request, identity: Identity) -> HttpAnswer {
    let request = Arc::new(request);
    let identity = Arc::new(identity);
    let waiting = Arc::new(LongPoll::new(&request));
    let mut commits = app.store.commits();
    loop {
        commits.mark_unchanged();
        let routed = {
            let (routes, request, waiting) = (app.clone(), request.clone(), waiting.clone());
            let identity = identity.clone();
            app.run(move || route(&routes, &request, &identity, &waiting))
        };
        match routed.await {
            Ok(Some(answer)) => return answer,
            Ok(None) => {
                let left = waiting.left();
                // Either there is a change or the time is over. The loop finds out.
                let _ = tokio::time::timeout(left, commits.changed()).await;
            }
            Err(failure) => return HttpAnswer::failure(&failure),
        }
    }
}

/// Routes a request. `None` means to try again after the next write.
fn route(
    app: &App,
    request: &Request,
    (user, handler): &Identity,
    waiting: &LongPoll,
) -> Result<Option<HttpAnswer>, RequestError> {
    let answer = match request.part(0) {
        _ if request.path.is_empty() => server_info::welcome(app, request),
        "_up" => server_info::up(request),
        "_uuids" => server_info::uuids(request),
        "_session" => session::session(app, request, user, handler),
        "_active_tasks" => server_info::active_tasks(request, user),
        "_membership" => server_info::membership(request, user),
        "_all_dbs" => databases::all_dbs(app, request, user),
        "_dbs_info" => databases::dbs_info(app, request, user),
        "_db_updates" => databases::db_updates(app, request, user),
        "_sandbox" => sandbox::sandbox(app, request, user),
        _ if request.path.len() == 1 => databases::database(app, request, user),
        _ => return in_database(app, request, user, waiting),
    };
    answer.map(Some)
}

fn in_database(
    app: &App,
    request: &Request,
    user: &User,
    waiting: &LongPoll,
) -> Result<Option<HttpAnswer>, RequestError> {
    let db = app.database(request.part(0))?;
    access::must_be_member(&db, user)?;
    let depth = request.path.len();
    let answer = match (request.part(1), depth) {
        ("_all_docs", 2) => all_docs::all_docs(app, request, &db),
        ("_all_docs", 3) if request.part(2) == "queries" => all_docs::queries(app, request, &db),
        ("_design_docs", 2) => all_docs::design_docs(app, request, &db),
        ("_local_docs", 2) => locals::local_docs(app, request, &db),
        ("_bulk_docs", 2) => bulk::bulk_docs(app, request, &db, user),
        ("_bulk_get", 2) => bulk_get::bulk_get(app, request, &db),
        ("_changes", 2) => return changes::changes(app, request, &db, waiting),
        ("_find", 2) => find::find(app, request, &db),
        ("_index", _) => find::index(app, request, &db, user),
        ("_security", 2) => databases::security(app, request, &db, user),
        ("_revs_diff", 2) => revs::revs_diff(app, request, &db),
        ("_missing_revs", 2) => revs::missing_revs(app, request, &db),
        ("_purge", 2) => revs::purge(app, request, &db, user),
        ("_ensure_full_commit", 2) => maintenance::ensure_full_commit(request, &db),
        ("_compact", _) => maintenance::compact(app, request, &db, user),
        ("_view_cleanup", 2) => maintenance::view_cleanup(app, request, &db, user),
        ("_revs_limit", 2) => maintenance::revs_limit(app, request, &db, user),
        ("_purged_infos_limit", 2) => maintenance::purged_infos_limit(request),
        ("_shards", 2) => maintenance::shards(request, &db),
        ("_local", _) => locals::local(app, request, &db, user),
        (part, _) if part.starts_with("_local/") => locals::local(app, request, &db, user),
        _ => documents::route(app, request, &db, user),
    };
    answer.map(Some)
}
