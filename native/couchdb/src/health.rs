//! Facts that a server reports about itself: version, user, nodes, maintenance, indexes. Each is asked for once, without retries.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::{is_not_found, parsed, unexpected};
use super::body::LARGEST_STATUS;
use super::error::{Error, Operation};
use super::kind::Kind;
use super::pages::in_query;
use super::request::{Request, Response};
use super::server::Server;
use document::DatabaseName;

/// The product behind an address (`GET /`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The version: `3.4.3`.
    pub version: String,
    /// The vendor's name: `The Apache Software Foundation`.
    pub vendor: Option<String>,
}

/// The user of the requests (`GET /_session`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct UserContext {
    /// The name. `None`: requests carry no user.
    pub name: Option<String>,
    /// The roles; `_admin` may do everything.
    #[serde(default)]
    pub roles: BTreeSet<String>,
}

/// The nodes of a cluster (`GET /_membership`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Nodes {
    /// The nodes that the asked one is connected to, itself included.
    #[serde(rename = "all_nodes")]
    pub connected: BTreeSet<String>,
    /// The nodes that belong to the cluster.
    #[serde(rename = "cluster_nodes")]
    pub members: BTreeSet<String>,
}

/// The state of a view index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// The design document does not exist.
    NoDesign,
    /// This many updates of the database are not in the index yet; old servers do not count them.
    Pending(Option<u64>),
}

#[derive(Deserialize)]
struct Root {
    couchdb: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    vendor: Vendor,
}

#[derive(Default, Deserialize)]
struct Vendor {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    #[serde(rename = "userCtx")]
    user: UserContext,
}

#[derive(Deserialize)]
struct Status {
    status: String,
}

#[derive(Deserialize)]
struct DesignInfo {
    view_index: IndexInfo,
}

#[derive(Deserialize)]
struct IndexInfo {
    updates_pending: Option<UpdatesPending>,
}

#[derive(Deserialize)]
struct UpdatesPending {
    total: u64,
}

impl Server {
    /// The product behind the address.
    ///
    /// # Errors
    /// Any: no answer, or one that is not CouchDB's.
    pub async fn product(&self) -> Result<Product, Error> {
        let root: Root = self.ask("/", "CouchDB").await?;
        if root.couchdb != "Welcome" {
            let line = "the server does not introduce itself as CouchDB";
            return Err(Error::new(Kind::BadAnswer, Operation::CONNECT, line));
        }
        Ok(Product {
            version: root.version,
            vendor: root.vendor.name,
        })
    }

    /// The user of the requests.
    ///
    /// # Errors
    /// Any; [`Kind::Unauthorized`]: the user or the password is wrong.
    pub async fn user(&self) -> Result<UserContext, Error> {
        let session: Session = self.ask("/_session", "_session").await?;
        Ok(session.user)
    }

    /// The nodes of the cluster.
    ///
    /// # Errors
    /// Any; [`Kind::Forbidden`]: only administrators may read them.
    pub async fn nodes(&self) -> Result<Nodes, Error> {
        self.ask("/_membership", "_membership").await
    }

    /// Whether the asked node is in maintenance mode (`GET /_up`).
    ///
    /// # Errors
    /// Any.
    pub async fn is_in_maintenance(&self) -> Result<bool, Error> {
        let request = status("/_up");
        self.send_and_read(&request, |response| {
            let is_answer = [StatusCode::OK, StatusCode::NOT_FOUND].contains(&response.status);
            match serde_json::from_slice::<Status>(&response.body) {
                Ok(up) if is_answer => Ok(up.status == "maintenance_mode"),
                Ok(_) | Err(_) => Err(unexpected(Operation::CONNECT, &response, "_up", None)),
            }
        })
        .await
    }

    /// The maintenance mode of a node: `true`, `nolb` or `false`. `None`: it is not set, or this server does not say.
    ///
    /// # Errors
    /// Any; the node may be away.
    pub async fn maintenance_mode(&self, node: &str) -> Result<Option<String>, Error> {
        let path = format!("/_node/{}/_config/couchdb/maintenance_mode", in_query(node));
        self.send_and_read(&status(&path), |response| {
            if response.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            read(&response, "_config").map(Some)
        })
        .await
    }

    /// The state of the views of a design document (without `_design/`).
    ///
    /// # Errors
    /// Any; [`Kind::DatabaseNotFound`].
    pub async fn index(&self, database: &DatabaseName, design: &str) -> Result<Index, Error> {
        let path = format!("/_design/{}/_info", in_query(design));
        let request = status(&path).of(database);
        let index = self.send_and_read(&request, |response| {
            if is_not_found(&response) {
                return Ok(Index::NoDesign);
            }
            let info: DesignInfo = read(&response, "_info")?;
            let pending = info.view_index.updates_pending;
            Ok(Index::Pending(pending.map(|pending| pending.total)))
        });
        index.await.map_err(|error| error.in_database(database))
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, Error> {
        self.send_and_read(&status(path), |response| read(&response, what))
            .await
    }
}

fn status(path: &str) -> Request<'_> {
    Request::read(Operation::CONNECT, Method::GET, path).at_most(LARGEST_STATUS)
}

fn read<T: DeserializeOwned>(response: &Response, what: &str) -> Result<T, Error> {
    if !response.status.is_success() {
        return Err(unexpected(Operation::CONNECT, response, what, None));
    }
    parsed(Operation::CONNECT, response, what)
}
