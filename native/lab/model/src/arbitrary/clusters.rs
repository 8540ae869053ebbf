//! Small clusters in which little is as it should be.

use exact_json::{Value, json};
use kazoo_numbers_generator::{Cluster, Database, Document};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::names;

const ACCOUNTS: [&str; 3] = [
    "aa000000000000000000000000000001",
    "bb000000000000000000000000000002",
    "cc000000000000000000000000000003",
];

/// Numbers, and ids that are none but may lie in account databases.
const IDS: [&str; 9] = [
    "+14155550100",
    "+14155550101",
    "+14155550102",
    "+12025550100",
    "+442071838750",
    "+883510000000001",
    "4155550100",
    "911",
    "sip-user",
];

const NUMBER_DATABASES: [&str; 5] = [
    "numbers/+1202",
    "numbers/+1415",
    "numbers/+4420",
    "numbers/inum",
    "numbers/managed",
];

/// What lies in one of the places where a number may lie.
#[derive(Clone, Debug)]
enum Place {
    Nothing,
    Tombstone,
    /// The document that all places share.
    Same,
    Another(Value),
    SoftDeleted,
    OtherType,
}

#[derive(Clone, Debug)]
struct Number {
    document: Value,
    home: Place,
    accounts: Vec<Place>,
    /// A copy in the number database of another prefix.
    misfiled: bool,
    /// Documents in the databases that take any number.
    special: Vec<Place>,
}

/// A cluster of up to three accounts and four number databases.
pub fn cluster() -> impl Strategy<Value = Cluster> {
    (
        vec(number(), IDS.len()),
        vec(proptest::bool::weighted(0.9), ACCOUNTS.len()),
        vec(proptest::bool::weighted(0.8), NUMBER_DATABASES.len()),
        vec(vec(application(), 0..4), ACCOUNTS.len()),
        prop_oneof![6 => Just(None), 1 => system_config().prop_map(Some)],
    )
        .prop_map(|(numbers, accounts, databases, applications, config)| {
            let mut cluster = Cluster::default();
            let existing = NUMBER_DATABASES.iter().zip(databases);
            for (name, _) in existing.filter(|(_, exists)| *exists) {
                let database = cluster.databases.entry((*name).to_owned()).or_default();
                put(database, "_design/numbers", json!({"views": {}}));
            }
            for (index, id) in ACCOUNTS.iter().enumerate() {
                if !accounts[index] {
                    continue;
                }
                let name = names::database_of_account(id);
                let month = cluster.databases.entry(format!("{name}-202601"));
                put(
                    month.or_default(),
                    IDS[0],
                    json!({"pvt_type": "number", "pvt_assigned_to": id}),
                );
                let database = cluster.databases.entry(name).or_default();
                for (position, document) in applications[index].iter().enumerate() {
                    put(database, &format!("app-{position}"), document.clone());
                }
            }
            for (id, number) in IDS.iter().zip(numbers) {
                place(&mut cluster, id, &number);
            }
            if let Some(config) = config {
                let database = cluster.databases.entry("system_config".to_owned());
                put(database.or_default(), "number_manager", config);
            }
            cluster
        })
}

fn place(cluster: &mut Cluster, id: &str, number: &Number) {
    if let Some(database) = names::database_of(id).and_then(|home| cluster.databases.get_mut(&home))
    {
        fill(database, id, &number.document, &number.home);
    }
    for (name, place) in ["numbers/inum", "numbers/managed"]
        .iter()
        .zip(&number.special)
    {
        if let Some(database) = cluster.databases.get_mut(*name) {
            fill(database, id, &number.document, place);
        }
    }
    for (account, place) in ACCOUNTS.iter().zip(&number.accounts) {
        let name = names::database_of_account(account);
        if let Some(database) = cluster.databases.get_mut(&name) {
            fill(database, id, &number.document, place);
        }
    }
    if number.misfiled
        && !id.starts_with("+1202")
        && let Some(database) = cluster.databases.get_mut("numbers/+1202")
    {
        fill(database, id, &number.document, &Place::Same);
    }
}

fn fill(database: &mut Database, id: &str, shared: &Value, place: &Place) {
    let document = match place {
        Place::Nothing => return,
        Place::Tombstone => {
            database.deleted.insert(id.to_owned());
            return;
        }
        Place::Same => shared.clone(),
        Place::Another(document) => document.clone(),
        Place::SoftDeleted => with(shared, "pvt_deleted", Value::Bool(true)),
        Place::OtherType => with(shared, "pvt_type", Value::from("user")),
    };
    put(database, id, document);
}

fn put(database: &mut Database, id: &str, fields: Value) {
    let mut document = Document::new();
    document.insert("_id".to_owned(), Value::from(id));
    if let Value::Object(fields) = fields {
        document.extend(fields);
    }
    database.documents.insert(id.to_owned(), document);
}

fn with(document: &Value, key: &str, value: Value) -> Value {
    let mut document = document.clone();
    if let Value::Object(fields) = &mut document {
        fields.insert(key.to_owned(), value);
    }
    document
}

fn number() -> impl Strategy<Value = Number> {
    (
        number_document(),
        place_strategy(),
        vec(place_strategy(), ACCOUNTS.len()),
        proptest::bool::weighted(0.05),
        vec(
            prop_oneof![6 => Just(Place::Nothing), 1 => place_strategy()],
            2,
        ),
    )
        .prop_map(|(document, home, accounts, misfiled, special)| Number {
            document,
            home,
            accounts,
            misfiled,
            special,
        })
}

fn place_strategy() -> impl Strategy<Value = Place> {
    prop_oneof![
        4 => Just(Place::Nothing),
        8 => Just(Place::Same),
        4 => number_document().prop_map(Place::Another),
        1 => Just(Place::Tombstone),
        1 => Just(Place::SoftDeleted),
        2 => Just(Place::OtherType),
    ]
}

fn number_document() -> impl Strategy<Value = Value> {
    let assigned = prop_oneof![
        6 => select(&ACCOUNTS[..]).prop_map(Value::from),
        1 => select(&ACCOUNTS[..]).prop_map(|id| Value::from(id.to_uppercase())),
        1 => Just(Value::from("dd000000000000000000000000000004")),
        1 => select(vec![Value::Null, json!(""), json!("nobody"), json!(7)]),
    ];
    let used_by = select(vec![
        json!("callflow"),
        json!("trunkstore"),
        json!("calltrunkflow"),
        Value::Null,
    ]);
    let module = select(vec![
        json!("knm_local"),
        json!("knm_bandwidth"),
        json!("knm_bandwidth2"),
        json!("knm_telnyx"),
        Value::Null,
        json!(7),
    ]);
    let features = select(vec![
        json!({"local": {}}),
        json!({"local": {"kept": 1.0}, "cnam": {}}),
        json!({"cnam": {}}),
        json!({}),
        json!("none"),
    ]);
    (
        prop::option::weighted(0.85, assigned),
        prop::option::of(used_by),
        prop::option::weighted(0.8, module),
        prop::option::of(features),
        prop::option::weighted(0.2, payload()),
    )
        .prop_map(|(assigned, used_by, module, features, payload)| {
            let mut document = json!({"pvt_type": "number", "pvt_modified": 63_800_000_000_u64});
            for (key, value) in [
                ("pvt_assigned_to", assigned),
                ("pvt_used_by", used_by),
                ("pvt_module_name", module),
                ("pvt_features", features),
            ] {
                if let Some(value) = value {
                    document = with(&document, key, value);
                }
            }
            if let Some((key, value)) = payload {
                document = with(&document, key, value);
            }
            document
        })
}

/// What a copy must keep as it is: numbers by their digits, text of any script, attachments.
fn payload() -> impl Strategy<Value = (&'static str, Value)> {
    let spelled = |text: &str| exact_json::from_str(text).unwrap_or(Value::Null);
    let attachment = |data: &str| json!({"a.txt": {"content_type": "text/plain", "data": data}});
    select(vec![
        ("size", spelled("1")),
        ("size", spelled("1.0")),
        ("size", spelled("12345678901234567890")),
        ("name", json!("ünïcode ☎")),
        ("_attachments", attachment("aGk=")),
        ("_attachments", attachment("aG8=")),
    ])
}

/// A document that names numbers: a callflow, or a trunkstore account.
fn application() -> impl Strategy<Value = Value> {
    let ids = || vec(select(&IDS[..]), 0..4);
    let deleted = prop_oneof![8 => Just(false), 1 => Just(true)];
    let enabled = select(vec![None, Some(json!(true)), Some(json!(false))]);
    let document = prop_oneof![
        ids().prop_map(|numbers| json!({"pvt_type": "callflow", "numbers": numbers})),
        (ids(), enabled, any::<bool>()).prop_map(|(numbers, enabled, is_array)| {
            let mut dids = json!({});
            for number in numbers {
                dids = with(&dids, number, json!({}));
            }
            let mut server = json!({ "DIDs": dids });
            if let Some(enabled) = enabled {
                server = with(&server, "enabled", enabled);
            }
            let servers = if is_array {
                json!([server])
            } else {
                json!({ "one": server })
            };
            json!({"pvt_type": "sys_info", "servers": servers})
        }),
    ];
    (document, deleted).prop_map(|(document, deleted)| {
        if deleted {
            with(&document, "pvt_deleted", Value::Bool(true))
        } else {
            document
        }
    })
}

fn system_config() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"default": {"features": {"allow": ["sms"], "deny": []}}}),
        json!({"default": {"e164_converters": {
            r"^0?(\d{10})$": {"prefix": "+1"}, r"^9(\d+)$": {"prefix": "+44", "suffix": "0"}}}}),
        json!({"default": {"reconcile_regex": r"^\+?1?\d{10}$"}}),
        json!({"other@node": {"features": {"allow": []}}}),
    ])
}
