//! Small clusters with much drift.

use exact_json::{Value, json};
use kazoo_numbers_generator::{Cluster, Database, Document};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::names;

const ACCOUNTS: [&str; 3] = [
    "aa000000000000000000000000000001",
    "bb000000000000000000000000000002",
    "cc000000000000000000000000000003",
];

/// Numbers, and other ids that account databases may hold.
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

/// The state of a number in one database.
#[derive(Clone, Debug)]
enum PlaceState {
    Nothing,
    Tombstone,
    /// The document that is the same in all places.
    Same,
    Another(Value),
    SoftDeleted,
    OtherType,
    /// The shared document with losing leaves.
    Conflicted(Vec<LeafState>),
}

/// A losing leaf.
#[derive(Clone, Debug)]
enum LeafState {
    /// Equal to the winner.
    Same,
    /// The winner without one field.
    Without(&'static str),
    With(&'static str, Value),
    Another(Value),
}

#[derive(Clone, Debug)]
struct NumberCase {
    document: Value,
    home: PlaceState,
    accounts: Vec<PlaceState>,
    /// A copy in the number database of another prefix.
    misfiled: bool,
    /// Documents in the databases that accept any number.
    special: Vec<PlaceState>,
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

fn place(cluster: &mut Cluster, id: &str, number: &NumberCase) {
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
        fill(database, id, &number.document, &PlaceState::Same);
    }
}

fn fill(database: &mut Database, id: &str, shared: &Value, place: &PlaceState) {
    let document = match place {
        PlaceState::Nothing => return,
        PlaceState::Tombstone => {
            database.deleted.insert(id.to_owned());
            return;
        }
        PlaceState::Same => shared.clone(),
        PlaceState::Another(document) => document.clone(),
        PlaceState::SoftDeleted => with(shared, "pvt_deleted", Value::Bool(true)),
        PlaceState::OtherType => with(shared, "pvt_type", Value::from("user")),
        PlaceState::Conflicted(leaves) => {
            for leaf in leaves {
                let leaf = match leaf {
                    LeafState::Same => shared.clone(),
                    LeafState::Without(field) => without(shared, field),
                    LeafState::With(field, value) => with(shared, field, value.clone()),
                    LeafState::Another(document) => document.clone(),
                };
                database.insert_conflict(with_id(id, leaf));
            }
            shared.clone()
        }
    };
    put(database, id, document);
}

fn put(database: &mut Database, id: &str, fields: Value) {
    database.insert(with_id(id, fields));
}

fn with_id(id: &str, fields: Value) -> Document {
    let mut document = Document::new();
    document.insert("_id".to_owned(), Value::from(id));
    if let Value::Object(fields) = fields {
        document.extend(fields);
    }
    document
}

fn without(document: &Value, key: &str) -> Value {
    let mut document = document.clone();
    if let Value::Object(fields) = &mut document {
        fields.shift_remove(key);
    }
    document
}

fn with(document: &Value, key: &str, value: Value) -> Value {
    let mut document = document.clone();
    if let Value::Object(fields) = &mut document {
        fields.insert(key.to_owned(), value);
    }
    document
}

fn number() -> impl Strategy<Value = NumberCase> {
    (
        number_document(),
        place_strategy(),
        vec(place_strategy(), ACCOUNTS.len()),
        proptest::bool::weighted(0.05),
        vec(
            prop_oneof![6 => Just(PlaceState::Nothing), 1 => place_strategy()],
            2,
        ),
        // A change of the whole number: none, claimed by several accounts, or unassigned.
        prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2)],
    )
        .prop_map(|(document, home, accounts, misfiled, special, variant)| {
            let mut number = NumberCase {
                document,
                home,
                accounts,
                misfiled,
                special,
            };
            let claim = |account: &str| {
                let claim = with(&number.document, "pvt_assigned_to", Value::from(account));
                PlaceState::Another(with(&claim, "pvt_state", Value::from("in_service")))
            };
            if variant > 0 {
                number.accounts = ACCOUNTS.iter().map(|account| claim(account)).collect();
                number.accounts.truncate(3 - usize::from(variant));
                number.accounts.resize(ACCOUNTS.len(), PlaceState::Same);
            }
            if variant == 1 {
                number.home = PlaceState::Nothing;
                number.special = vec![PlaceState::Nothing, PlaceState::Nothing];
            } else if variant == 2 {
                let released = without(&number.document, "pvt_assigned_to");
                number.home =
                    PlaceState::Another(with(&released, "pvt_state", Value::from("aging")));
            }
            number
        })
}

fn place_strategy() -> impl Strategy<Value = PlaceState> {
    prop_oneof![
        4 => Just(PlaceState::Nothing),
        8 => Just(PlaceState::Same),
        4 => number_document().prop_map(PlaceState::Another),
        1 => Just(PlaceState::Tombstone),
        1 => Just(PlaceState::SoftDeleted),
        2 => Just(PlaceState::OtherType),
        3 => vec(leaf(), 1..3).prop_map(PlaceState::Conflicted),
    ]
}

/// Leaves that agree with the winner, or differ in a property that decides.
fn leaf() -> impl Strategy<Value = LeafState> {
    let one_field = select(vec![
        ("pvt_assigned_to", json!(ACCOUNTS[0])),
        ("pvt_assigned_to", json!(ACCOUNTS[1])),
        ("pvt_state", json!("deleted")),
        ("pvt_state", json!("in_service")),
        ("pvt_deleted", json!(true)),
        ("pvt_type", json!("user")),
        ("pvt_used_by", json!("callflow")),
        ("note", json!("of another leaf")),
    ]);
    prop_oneof![
        3 => Just(LeafState::Same),
        3 => one_field.prop_map(|(field, value)| LeafState::With(field, value)),
        1 => select(vec!["pvt_assigned_to", "pvt_state", "pvt_used_by"]).prop_map(LeafState::Without),
        1 => number_document().prop_map(LeafState::Another),
    ]
}

fn number_document() -> impl Strategy<Value = Value> {
    let assigned = prop_oneof![
        6 => select(&ACCOUNTS[..]).prop_map(Value::from),
        1 => select(&ACCOUNTS[..]).prop_map(|id| Value::from(id.to_uppercase())),
        1 => Just(Value::from("dd000000000000000000000000000004")),
        1 => Just(Value::Null),
        1 => select(vec![
            json!(""),
            json!("nobody"),
            json!(7),
            json!(false),
            json!({"id": ACCOUNTS[0]}),
            json!([ACCOUNTS[0]]),
            json!(names::encoded(&names::database_of_account(ACCOUNTS[0]))),
            json!(names::database_of_account(ACCOUNTS[1])),
        ]),
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
        json!([]),
        json!(["local"]),
        json!(["cnam", "local", "port"]),
        json!(["dash_e911", "outbound_cnam"]),
        json!(["inbound_lookup", "failover", "vitelity_e911"]),
        json!(["prepend", "force_outbound", "ringback", "sms"]),
        json!(["telnyx_e911", "e911", "mms"]),
        json!({"e911": {"a": 1}, "inbound_cnam": {}, "prepend": {"enabled": true}}),
        json!({"failover": {"e164": "+1"}, "sms": {}, "ringback": {}}),
    ]);
    let state = select(vec![
        ("pvt_state", "in_service"),
        ("pvt_state", "available"),
        ("pvt_state", "deleted"),
        ("pvt_state", "discovery"),
        ("pvt_number_state", "in_service"),
        ("pvt_number_state", "deleted"),
        ("pvt_number_state", "discovery"),
    ]);
    let denied = select(vec![
        json!(["e911", "cnam"]),
        json!(["prepend", "failover", "port"]),
        json!(["inbound_cnam", "outbound_cnam", "local"]),
        json!(["ringback", "force_outbound", "sms", "mms"]),
        json!(["inbound_lookup"]),
        json!([]),
        json!("cnam"),
    ]);
    (
        prop::option::weighted(0.85, assigned),
        prop::option::of(used_by),
        prop::option::weighted(0.8, module),
        prop::option::of(features),
        prop::option::weighted(0.2, payload()),
        prop::option::weighted(0.6, state),
        prop::option::weighted(0.2, denied),
        prop::option::weighted(0.3, vec(public_feature(), 1..4)),
        proptest::bool::weighted(0.85),
    )
        .prop_map(|fields| {
            let (assigned, used_by, module, features, payload, state, denied, public, typed) =
                fields;
            let mut document = json!({"pvt_modified": 63_800_000_000_u64});
            if typed {
                document = with(&document, "pvt_type", Value::from("number"));
            }
            if let Some((key, value)) = state {
                document = with(&document, key, Value::from(value));
            }
            for (key, value) in public.into_iter().flatten() {
                document = with(&document, key, value);
            }
            for (key, value) in [
                ("pvt_assigned_to", assigned),
                ("pvt_used_by", used_by),
                ("pvt_module_name", module),
                ("pvt_features", features),
                ("pvt_features_denied", denied),
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

/// Public fields that belong to features.
fn public_feature() -> impl Strategy<Value = (&'static str, Value)> {
    select(vec![
        ("e911", json!({"caller_name": "Front Desk"})),
        ("dash_e911", json!({"caller_name": "X", "locality": "Y"})),
        ("vitelity_e911", json!({"caller_name": "Z"})),
        (
            "cnam",
            json!({"display_name": "ACME", "inbound_lookup": true}),
        ),
        ("cnam", json!({"display_name": "", "other": 1})),
        ("prepend", json!({"enabled": true, "name": "ACME"})),
        ("prepend", json!({"enabled": "true", "number": "1", "x": 1})),
        ("failover", json!({"e164": "+14155550199", "sip": ""})),
        ("ringback", json!({"early": "a.wav", "transfer": null})),
        ("ringback", json!({"early": "NULL", "transfer": 0})),
        ("failover", json!({"e164": "undefined", "sip": "0"})),
        ("cnam", json!({"display_name": "0"})),
        ("sms", json!(0.0)),
        ("force_outbound", json!(true)),
        ("force_outbound", json!("false")),
        ("sms", json!({"enabled": true})),
        ("port", json!({"carrier": 1})),
    ])
}

/// Fields that a copy must preserve exactly: digits of numbers, any script, attachments.
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

/// A document with numbers: a callflow or a trunkstore account.
fn application() -> impl Strategy<Value = Value> {
    let ids = || vec(select(&IDS[..]), 0..4);
    let deleted = prop_oneof![8 => Just(false), 1 => Just(true)];
    let enabled = select(vec![
        None,
        Some(json!(true)),
        Some(json!(false)),
        Some(json!(0)),
        Some(json!(0.0)),
        Some(json!("")),
        Some(json!("0")),
        Some(json!("false")),
        Some(Value::Null),
        Some(json!([])),
        Some(json!({})),
    ]);
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
        json!({"default": {"features": {"allow": ["port", "carrier_name", "port"]}}}),
        json!({"default": {"features": {"allow": []}}}),
        json!({"default": {"features": {"deny": ["sms"]}}}),
        json!({"default": {"e164_converters": {
            r"^0?(\d{10})$": {"prefix": "+1"}, r"^9(\d+)$": {"prefix": "+44", "suffix": "0"}}}}),
        json!({"default": {"reconcile_regex": r"^\+?1?\d{10}$"}}),
        json!({"other@node": {"features": {"allow": []}}}),
    ])
}
