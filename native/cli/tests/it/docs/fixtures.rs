//! The clusters of the pages.

use exact_json::{Value, json};
use kazoo_numbers_generator::names::{account_database, encoded, number_database};
use kazoo_numbers_generator::{Cluster, Document};

const ACME: &str = "4b87ccf02d8846f06c3b1f0e04e76bfd";
const BOLT: &str = "0123456789abcdef0123456789abcdef";
const GONE: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// Noon of 2026-11-02 and of 2026-11-20, as Kazoo writes times.
const OLD: u64 = 63_960_840_000;
const NEW: u64 = 63_962_395_200;

pub(super) fn named(name: &str) -> Cluster {
    match name {
        "empty" => Cluster::default(),
        "imported_account" => imported_account(),
        "carrier_changed" => carrier_changed(),
        "split_brain" => split_brain(),
        "restored_backup" => restored_backup(),
        "deleted_account" => deleted_account(),
        "ported_numbers" => ported_numbers(),
        "kazoo_3" => kazoo_3(),
        "symptoms" => symptoms(),
        _ => panic!("there is no fixture {name}"),
    }
}

/// A cluster with the accounts Acme and Bolt.
struct Scene(Cluster);

impl Scene {
    fn new() -> Self {
        let mut scene = Self(Cluster::default());
        scene.account(ACME, "Acme");
        scene.account(BOLT, "Bolt");
        scene
    }

    fn insert(&mut self, database: String, document: Value) {
        let databases = &mut self.0.databases;
        databases
            .entry(database)
            .or_default()
            .insert(document.as_object().unwrap().clone());
    }

    fn account(&mut self, id: &str, name: &str) {
        let document = json!({"_id": id, "pvt_type": "account", "name": name});
        self.insert(account_database(id), document);
    }

    /// Routes calls to these numbers.
    fn callflow(&mut self, account: &str, numbers: &[&str]) {
        let document = json!({
            "_id": "0b52a3f1c47d4e2f9a6b8c7d5e4f3a21",
            "pvt_type": "callflow",
            "numbers": numbers,
            "flow": {"module": "menu"}
        });
        self.insert(account_database(account), document);
    }

    /// The document of the number database.
    fn number(&mut self, number: &str, account: &str, other: Value) {
        let document = number_document(number, account, other);
        self.insert(number_database(number), document);
    }

    /// The copy in an account, which claims to be of this account.
    fn copy(&mut self, number: &str, account: &str, other: Value) {
        let document = number_document(number, account, other);
        self.insert(account_database(account), document);
    }

    fn in_sync(&mut self, number: &str, account: &str, other: &Value) {
        self.number(number, account, other.clone());
        self.copy(number, account, other.clone());
    }
}

/// A number that a callflow of its account uses. `null` removes a field.
fn number_document(number: &str, account: &str, other: Value) -> Value {
    let mut document = json!({
        "_id": number,
        "pvt_type": "number",
        "pvt_db_name": encoded(&number_database(number)),
        "pvt_assigned_to": account,
        "pvt_module_name": "knm_telnyx",
        "pvt_state": "in_service",
        "pvt_used_by": "callflow",
        "pvt_modified": OLD
    });
    let fields: &mut Document = document.as_object_mut().unwrap();
    for (name, value) in other.as_object().unwrap() {
        match value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    document
}

fn none() -> Value {
    json!({})
}

/// Bolt came from another cluster. Only its account database was copied.
fn imported_account() -> Cluster {
    let mut scene = Scene::new();
    let numbers = ["+12025550110", "+12025550111", "+12025550112"];
    for number in numbers {
        scene.copy(number, BOLT, none());
    }
    scene.copy("+14155550101", BOLT, none());
    scene.copy(
        "+12025550119",
        BOLT,
        json!({"cnam": {"display_name": "Bolt"}}),
    );
    scene.copy("+12025550119", ACME, none());
    scene.in_sync("+14155550100", ACME, &none());
    scene.in_sync("+14155550101", ACME, &none());
    scene.callflow(
        BOLT,
        &[
            "+12025550110",
            "+12025550111",
            "+12025550112",
            "+12025550119",
        ],
    );
    scene.callflow(ACME, &["+14155550100", "+14155550101", "+12025550119"]);
    scene.0
}

fn carrier_changed() -> Cluster {
    let mut scene = Scene::new();
    let old = json!({"pvt_module_name": "knm_bandwidth2"});
    scene.in_sync("+14155550100", ACME, &old);
    scene.in_sync("+14155550101", ACME, &old);
    scene.in_sync("+14155550102", BOLT, &old);
    scene.in_sync("+12025550110", BOLT, &old);
    scene.in_sync("+12025550111", BOLT, &none());
    scene.number(
        "+14155550103",
        ACME,
        json!({"pvt_module_name": "knm_bandwidth2", "pvt_assigned_to": null, "pvt_used_by": null, "pvt_state": "available"}),
    );
    scene.callflow(ACME, &["+14155550100", "+14155550101"]);
    scene.callflow(BOLT, &["+14155550102", "+12025550110", "+12025550111"]);
    scene.0
}

/// Two halves of a cluster went on apart: one gave a number to Bolt, the other one changed it for Acme.
fn split_brain() -> Cluster {
    let mut scene = Scene::new();
    scene.in_sync("+14155550100", ACME, &none());
    scene.number(
        "+14155550101",
        ACME,
        json!({"cnam": {"display_name": "Acme"}, "pvt_modified": OLD}),
    );
    let leaf = number_document("+14155550101", BOLT, json!({"pvt_modified": NEW}));
    let database = scene.0.databases.get_mut("numbers/+1415").unwrap();
    database.insert_conflict(leaf.as_object().unwrap().clone());
    scene.copy(
        "+14155550101",
        ACME,
        json!({"cnam": {"display_name": "Acme"}}),
    );
    scene.copy("+14155550101", BOLT, json!({"pvt_modified": NEW}));
    scene.callflow(ACME, &["+14155550100"]);
    scene.callflow(BOLT, &["+14155550101"]);
    scene.0
}

/// `numbers/+1415` is older than the accounts.
fn restored_backup() -> Cluster {
    let mut scene = Scene::new();
    scene.in_sync("+14155550100", ACME, &none());
    scene.number("+14155550101", ACME, none());
    scene.copy(
        "+14155550101",
        ACME,
        json!({"cnam": {"display_name": "Acme"}, "pvt_modified": NEW}),
    );
    scene.copy("+14155550102", ACME, json!({"pvt_modified": NEW}));
    scene.number("+14155550103", ACME, none());
    scene.copy("+14155550103", BOLT, json!({"pvt_modified": NEW}));
    scene.callflow(ACME, &["+14155550100", "+14155550101", "+14155550102"]);
    scene.callflow(BOLT, &["+14155550103"]);
    scene.0
}

fn deleted_account() -> Cluster {
    let mut scene = Scene::new();
    scene.in_sync("+14155550100", ACME, &none());
    scene.number("+14155550101", GONE, none());
    scene.number("+14155550102", GONE, none());
    scene.callflow(ACME, &["+14155550100"]);
    scene.0
}

fn ported_numbers() -> Cluster {
    let mut scene = Scene::new();
    scene.in_sync("+14155550100", ACME, &none());
    // Ported in; the copy still has the state of the port.
    scene.number("+14155550101", ACME, json!({"pvt_ported_in": true}));
    scene.copy(
        "+14155550101",
        ACME,
        json!({"pvt_ported_in": true, "pvt_state": "port_in"}),
    );
    // Moved from Acme to Bolt.
    scene.number("+14155550102", BOLT, none());
    scene.copy("+14155550102", ACME, none());
    // Ported out.
    scene.number(
        "+14155550103",
        ACME,
        json!({"pvt_assigned_to": null, "pvt_state": "released", "pvt_used_by": "callflow"}),
    );
    scene.copy("+14155550103", ACME, none());
    scene.callflow(ACME, &["+14155550100", "+14155550101"]);
    scene.callflow(BOLT, &["+14155550102"]);
    scene.0
}

/// Documents as Kazoo 3 wrote them.
fn kazoo_3() -> Cluster {
    let mut scene = Scene::new();
    let old = json!({
        "pvt_type": null,
        "pvt_state": null,
        "pvt_used_by": null,
        "pvt_number_state": "in_service",
        "pvt_module_name": "knm_bandwidth",
        "pvt_features": ["cnam"]
    });
    scene.in_sync("+14155550100", ACME, &old);
    scene.number("+14155550101", ACME, old.clone());
    scene.number("+14155550102", BOLT, json!({"pvt_assigned_to": "Bolt"}));
    let mut misfiled = number_document("+12025550110", BOLT, none());
    misfiled["pvt_db_name"] = json!(encoded("numbers/+1415"));
    scene.insert("numbers/+1415".into(), misfiled);
    scene.callflow(ACME, &["+14155550100", "+14155550101"]);
    scene.0
}

fn symptoms() -> Cluster {
    let mut scene = Scene::new();
    // Does not ring: of another account, in no number database, of an account without a database.
    scene.in_sync("+14155550100", BOLT, &none());
    scene.copy("+14155550100", ACME, none());
    scene.copy("+14155550101", ACME, none());
    scene.number("+14155550102", GONE, none());
    // Missing in Monster UI.
    scene.number("+14155550103", ACME, none());
    // Billed wrongly: of a former account, and by the wrong application.
    scene.number(
        "+14155550104",
        ACME,
        json!({"pvt_assigned_to": null, "pvt_state": "available", "pvt_used_by": null}),
    );
    scene.copy("+14155550104", ACME, none());
    scene.in_sync("+14155550105", ACME, &json!({"pvt_used_by": "trunkstore"}));
    scene.in_sync("+14155550106", ACME, &none());
    let used = [
        "+14155550101",
        "+14155550103",
        "+14155550105",
        "+14155550106",
    ];
    scene.callflow(ACME, &used);
    scene.callflow(BOLT, &["+14155550100"]);
    scene.0
}
