//! Design documents with the same views as Kazoo's, written for this project.

use exact_json::{Value, json};

use crate::documents::{Document, object};

/// The design document of a new number database: the file that the library installs.
const NUMBERS: &str = include_str!("../../../../priv/couchdb/numbers.json");

/// `_design/numbers` of a number database.
#[must_use]
pub fn number_database_design() -> Document {
    exact_json::from_str(NUMBERS).map_or_else(|_| Document::new(), object)
}

/// The design documents of an account database.
pub(crate) fn account_designs() -> Vec<Document> {
    [numbers(), callflows(), trunkstore(), maintenance()]
        .into_iter()
        .map(object)
        .collect()
}

fn numbers() -> Value {
    json!({
        "_id": "_design/numbers",
        "language": "javascript",
        "views": {
            "assigned_to": {
                "map": "function(doc) { if (doc.pvt_type === 'number' && doc.pvt_deleted !== true && doc.pvt_assigned_to) { emit(doc.pvt_assigned_to, null); } }"
            },
            "list_by_app": {
                "map": "function(doc) { if (doc.pvt_type === 'number' && doc.pvt_deleted !== true && doc.pvt_used_by) { emit(doc.pvt_used_by, null); } }"
            },
            "list_by_number": {
                "map": "function(doc) { if (doc.pvt_type === 'number' && doc.pvt_deleted !== true) { emit(doc._id, { assigned_to: doc.pvt_assigned_to, state: doc.pvt_state, used_by: doc.pvt_used_by }); } }"
            }
        }
    })
}

fn callflows() -> Value {
    json!({
        "_id": "_design/callflows",
        "language": "javascript",
        "views": {
            "listing_by_number": {
                "map": "function(doc) { if (doc.pvt_type === 'callflow' && doc.pvt_deleted !== true && Array.isArray(doc.numbers)) { doc.numbers.forEach(function(number) { if (typeof number === 'string') { emit(number, null); } }); } }"
            },
            "listing_by_pattern": {
                "map": "function(doc) { if (doc.pvt_type === 'callflow' && doc.pvt_deleted !== true && Array.isArray(doc.patterns)) { doc.patterns.forEach(function(pattern) { emit(pattern, null); }); } }"
            }
        }
    })
}

/// `lookup_did` uses `Iterator`, which the current engine of CouchDB does not have, as Kazoo's own
/// view does. It throws for every document and emits nothing.
fn trunkstore() -> Value {
    json!({
        "_id": "_design/trunkstore",
        "language": "javascript",
        "views": {
            "crossbar_listing": {
                "map": "function(doc) { if (doc.pvt_type === 'sys_info' && doc.pvt_deleted !== true) { emit(doc._id, { name: doc.name, servers: doc.servers }); } }",
                "reduce": "_count"
            },
            "lookup_did": {
                "map": "function(doc) { if (doc.pvt_type !== 'sys_info' || doc.pvt_deleted === true) { return; } var servers = Iterator(doc.servers), dids, did; try { while (true) { dids = Iterator(servers.next()[1].DIDs); try { while (true) { did = dids.next(); emit(did[0], { did: did[0], options: did[1] }); } } catch (end_of_dids) { } } } catch (end_of_servers) { } }"
            }
        }
    })
}

fn maintenance() -> Value {
    json!({
        "_id": "_design/maintenance",
        "language": "javascript",
        "views": {
            "listing_by_type": {
                "map": "function(doc) { if (doc.pvt_type) { emit(doc.pvt_type, null); } }",
                "reduce": "_count"
            }
        }
    })
}
