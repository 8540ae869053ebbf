//! Number documents, as Kazoo 5 writes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exact_json::{Value, json};

use crate::UglyKind;
use crate::documents::Document;
use crate::names::{encoded, number_database};
use crate::random::RandomStream;

/// 2021-01-01 in Gregorian seconds.
const EPOCH: usize = 63_776_678_400;

const CARRIERS: [&str; 16] = [
    "knm_bandwidth2",
    "knm_bandwidth2",
    "knm_bandwidth2",
    "knm_bandwidth",
    "knm_telnyx",
    "knm_telnyx",
    "knm_flowroute",
    "knm_voip_innovations",
    "knm_vitelity",
    "knm_inventory",
    "knm_managed",
    "knm_other",
    "knm_local",
    "knm_local",
    "knm_mdn",
    "knm_inteliquent",
];

const NAMES: [&str; 12] = [
    "ACME Plumbing",
    "Zoë's Café",
    "Müller & Söhne",
    "Bücherwurm",
    "株式会社サンプル",
    "Łódź Taxi",
    "Northwind",
    "Ирина Петрова",
    "Front Desk",
    "O'Brien \"Sales\"",
    "Support 24/7",
    "Niño\u{301} y Cía",
];

/// The given fields of a number document. The others are random.
pub(crate) struct NumberFields<'a> {
    pub(crate) id: &'a str,
    pub(crate) assigned_to: Option<&'a str>,
    pub(crate) state: &'a str,
    pub(crate) used_by: Option<&'a str>,
    pub(crate) master: &'a str,
}

/// A correct number document.
pub(crate) fn number_document(fields: &NumberFields<'_>, random: &mut RandomStream) -> Document {
    let created = EPOCH + random.below(120_000_000);
    let carrier = random.pick(&CARRIERS);
    let mut document = Document::new();
    let mut set = |key: &str, value: Value| document.insert(String::from(key), value);
    set("_id", json!(fields.id));
    set("pvt_type", json!("number"));
    set("pvt_vsn", json!("1"));
    set("priority", json!(1));
    set("pvt_db_name", json!(encoded(&number_database(fields.id))));
    set("pvt_created", json!(created));
    set("pvt_modified", json!(created + random.below(40_000_000)));
    set("pvt_state", json!(fields.state));
    set("pvt_module_name", json!(carrier));
    set("pvt_carrier_data", carrier_data(carrier, random));
    set("pvt_is_billable", json!(random.one_in(3)));
    set("pvt_ported_in", json!(random.one_in(9)));
    set("pvt_authorizing_account", json!(fields.master));
    if let Some(account) = fields.assigned_to {
        set("pvt_assigned_to", json!(account));
        set("pvt_auth_account", json!(fields.master));
        set("pvt_reserve_history", json!([account, fields.master]));
    } else {
        set("pvt_reserve_history", json!([]));
    }
    if let Some(application) = fields.used_by {
        set("pvt_used_by", json!(application));
    }
    let features = features(carrier, random);
    // Kazoo also writes the visible part of a feature as public fields.
    for (name, value) in &features {
        if name != "local" {
            set(name, value.clone());
        }
    }
    set("pvt_features", Value::Object(features));
    if random.one_in(6) {
        set("pvt_features_allowed", json!(["cnam", "e911", "port"]));
    }
    if random.one_in(8) {
        set("pvt_features_denied", json!(["port", "failover"]));
    }
    if random.one_in(4) {
        set("locality", json!({"country": "US", "province": "CA"}));
    }
    if random.one_in(5) {
        set("carrier_name", json!("Bulk Carrier, Inc."));
    }
    if random.one_in(7) {
        set(
            "custom",
            json!({"ticket": random.below(99_999), "label": random.pick(&NAMES), "tags": ["vip", "2024"]}),
        );
    }
    document
}

fn carrier_data(carrier: &str, random: &mut RandomStream) -> Value {
    match carrier {
        "knm_bandwidth2" | "knm_bandwidth" => json!({
            "order_id": random.hex(24),
            "number_type": "tollfree_or_local",
            "rate_center": {"name": "SAN FRANCISCO", "lata": 722, "state": "CA"}
        }),
        "knm_telnyx" => json!({"order_id": random.hex(16), "region": "us-west"}),
        "knm_vitelity" => json!({"monthly_cost": random.below(300), "has_unlimited_options": null}),
        _ => json!({}),
    }
}

fn features(carrier: &str, random: &mut RandomStream) -> Document {
    let mut features = Document::new();
    if matches!(carrier, "knm_local" | "knm_mdn") {
        let content = if random.one_in(4) {
            json!({"ext": random.below(9_999)})
        } else {
            json!({})
        };
        features.insert(String::from("local"), content);
    }
    if random.one_in(3) {
        features.insert(
            String::from("cnam"),
            json!({"display_name": random.pick(&NAMES), "inbound_lookup": random.one_in(2)}),
        );
    }
    if random.one_in(5) {
        features.insert(
            String::from("e911"),
            json!({
                "street_address": format!("{} Market St", 1 + random.below(2_000)),
                "extended_address": "Suite #100",
                "locality": "San Francisco",
                "region": "CA",
                "postal_code": "94105",
                "caller_name": random.pick(&NAMES),
                "activated_time": "2023-04-05T06:07:08Z"
            }),
        );
    }
    if random.one_in(7) {
        features.insert(
            String::from("prepend"),
            json!({"enabled": true, "name": random.pick(&NAMES)}),
        );
    }
    if random.one_in(10) {
        features.insert(
            String::from("failover"),
            json!({"sip": "sip:backup@pbx.example.org", "e164": null}),
        );
    }
    features
}

/// Numbers that an inexact parser changes, in CouchDB's spelling.
const BIG: &str = r#"{"order": 12345678901234567890, "limit": 18446744073709551616, "debt": -98765432109876543210, "long": 1234567890123456789012345678901234567890}"#;
const FLOATS: &str =
    r#"{"rate": 1.0, "fee": 0.1, "credit": -2.5, "weights": [0.25, 100000.0, 3.0]}"#;

/// Makes the content of a document ugly.
pub(crate) fn uglify(document: &mut Document, kind: UglyKind, random: &mut RandomStream) {
    let mut set = |key: &str, value: Value| {
        document.insert(String::from(key), value);
    };
    match kind {
        UglyKind::BigIntegers => {
            set("pvt_billing", parsed(BIG));
            set("balance", parsed("100000000000000000001"));
        }
        UglyKind::Floats => {
            set("pvt_rates", parsed(FLOATS));
            set("version", parsed("1.0"));
        }
        UglyKind::DeepNesting => {
            let mut nest = json!("bottom");
            for level in 0..60 {
                nest = if level % 2 == 0 {
                    json!([nest])
                } else {
                    json!({"n": nest})
                };
            }
            set("nest", nest);
        }
        UglyKind::Unicode => {
            set(
                "naïve \u{1f4de}",
                json!("\u{0}\u{1f}\u{7f}\u{2028}\u{feff}é e\u{301} \u{1f9ff}"),
            );
            set(
                "pvt_схема",
                json!({"ключ": "значение", "": "empty key", "/~\"\\": "\\u0041"}),
            );
        }
        UglyKind::TextAttachment => {
            let text = format!(
                "Signed letter of authorization no. {}\n",
                random.below(9_999)
            );
            set(
                "_attachments",
                attachment("letter of authorization.txt", "text/plain", text.as_bytes()),
            );
        }
        UglyKind::BinaryAttachment => {
            let bytes: Vec<u8> = (0..300).map(|at| (at * 7 % 256) as u8 ^ 0x80).collect();
            set(
                "_attachments",
                attachment("räkning/1.pdf", "application/pdf", &bytes),
            );
        }
        UglyKind::OddFeatures => {
            let value = random.below(5);
            set(
                "pvt_features",
                [
                    json!(["cnam", "e911"]),
                    json!("local"),
                    json!(null),
                    json!(7),
                    json!([]),
                ][value]
                    .clone(),
            );
        }
        UglyKind::OldVersion => {
            set("prepend", json!({"name": "ACME", "enabled": true}));
            set("cnam", json!({"display_name": "ACME Plumbing"}));
            set("failover", json!({"e164": "+14155550199", "sip": ""}));
            set(
                "dash_e911",
                json!({"caller_name": "X", "postal_code": "94105"}),
            );
            let lists = [
                json!(["local"]),
                json!(["dash_e911", "outbound_cnam", "local"]),
                json!(["inbound_lookup", "failover", "force_outbound"]),
                json!(["vitelity_e911", "prepend", "port"]),
                json!(["ringback", "telnyx_e911", "sms"]),
                json!([]),
            ];
            set("pvt_features", lists[random.below(lists.len())].clone());
            if random.one_in(3) {
                set("pvt_features_denied", json!(["e911", "cnam", "prepend"]));
            }
            document.remove("pvt_type");
            if let Some(state) = document.remove("pvt_state") {
                document.insert(String::from("pvt_number_state"), state);
            }
        }
        UglyKind::OddCarrier => {
            let value = random.below(7);
            let carriers = [
                json!(42),
                json!(null),
                json!("knm carrier, \"old\""),
                json!(["knm_local"]),
                json!({"module": "knm_local"}),
                json!(""),
                json!(true),
            ];
            if random.one_in(5) {
                document.remove("pvt_module_name");
            } else {
                set("pvt_module_name", carriers[value].clone());
            }
        }
        UglyKind::OddFields => {
            set("pvt_created", json!("yesterday"));
            set("pvt_modified", json!(null));
            set("pvt_db_name", json!(["numbers", 1]));
            set("pvt_reserve_history", json!({"0": null}));
            set("pvt_features_allowed", json!("cnam"));
            set("pvt_features_denied", json!({"port": true}));
            set("pvt_authorizing_account", json!(12));
            if random.one_in(2) {
                set("pvt_state", json!(["in_service"]));
            }
        }
        _ => {}
    }
}

/// `_attachments` with one attachment.
pub(crate) fn attachment(name: &str, content_type: &str, content: &[u8]) -> Value {
    json!({name: {"content_type": content_type, "data": STANDARD.encode(content)}})
}

fn parsed(text: &str) -> Value {
    exact_json::from_str(text).unwrap_or_default()
}

/// How a copy differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Carrier,
    State,
    Features,
    Public,
    Modified,
    Spelling,
    Lost,
    SoftDeleted,
    Attachment,
}

impl Difference {
    pub(crate) const ALL: [Self; 9] = [
        Self::Carrier,
        Self::State,
        Self::Features,
        Self::Public,
        Self::Modified,
        Self::Spelling,
        Self::Lost,
        Self::SoftDeleted,
        Self::Attachment,
    ];

    /// The fields that differ after [`Difference::apply`].
    pub(crate) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Carrier => &["pvt_module_name"],
            Self::State => &["pvt_state"],
            Self::Features => &["pvt_features"],
            Self::Public => &["forwarding", "note"],
            Self::Modified => &["pvt_modified"],
            Self::Spelling => &["priority"],
            Self::Lost => &["pvt_is_billable", "pvt_ported_in"],
            Self::SoftDeleted => &["pvt_deleted"],
            Self::Attachment => &["_attachments"],
        }
    }

    /// Makes a copy differ, whatever its content.
    pub(crate) fn apply(self, document: &mut Document) {
        let mut set = |key: &str, value: Value| {
            document.insert(String::from(key), value);
        };
        match self {
            Self::Carrier => set("pvt_module_name", json!("knm_level3")),
            Self::State => set("pvt_state", json!("port_in")),
            Self::Features => set("pvt_features", json!({"ringback": {"early": "tone"}})),
            Self::Public => {
                set("note", json!("changed here only"));
                set("forwarding", json!({"to": [1, 2, {"deep": null}]}));
            }
            Self::Modified => set("pvt_modified", json!(EPOCH - 1)),
            // The other side has `1`.
            Self::Spelling => set("priority", parsed("1.0")),
            Self::Lost => {
                document.remove("pvt_is_billable");
                document.remove("pvt_ported_in");
            }
            Self::SoftDeleted => set("pvt_deleted", json!(true)),
            Self::Attachment => set(
                "_attachments",
                attachment(
                    "letter of authorization.txt",
                    "text/plain",
                    b"an older letter\n",
                ),
            ),
        }
    }
}
