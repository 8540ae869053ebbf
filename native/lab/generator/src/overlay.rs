//! Documents and databases other than numbers, most of them unusual. A cluster has a few of each,
//! whatever its size.

use std::collections::BTreeMap;

use exact_json::{Value, json};

use crate::account_documents::AccountWriter;
use crate::documents::{Database, Document};
use crate::drift::{Drift, DriftKind};
use crate::names::account_database;
use crate::number_documents::{NumberFields, number_document};
use crate::plan::Plan;
use crate::random::RandomStream;
use crate::ugly::UglyKind;

/// Builds these documents by database. They can add databases that are not in the plan.
pub(crate) fn overlay(plan: &mut Plan) -> BTreeMap<String, Database> {
    // The text selects the stream. Another text would change every generated cluster.
    let random = RandomStream::new(plan.options.seed, "beside", 0);
    let mut overlay = Overlay {
        plan,
        random,
        databases: BTreeMap::new(),
    };
    overlay.foreign_uses();
    overlay.assigned_twice();
    for kind in UglyKind::OVERLAY {
        if !overlay.plan.is_ugly(kind) {
            continue;
        }
        match kind {
            UglyKind::OddIds => overlay.odd_ids(),
            UglyKind::IllegalDatabaseName => overlay.illegal_database_names(),
            UglyKind::OtherTypes => overlay.other_types(),
            UglyKind::OddCallflows => overlay.odd_callflows(),
            UglyKind::OddTrunkstores => overlay.odd_trunkstores(),
            UglyKind::MonthDatabases => overlay.month_databases(),
            UglyKind::SpecialNumberDatabases => overlay.special_number_databases(),
            UglyKind::EmptyDatabases => overlay.empty_databases(),
            UglyKind::OddDatabases => overlay.odd_databases(),
            _ => {}
        }
    }
    overlay.databases
}

struct Overlay<'a> {
    plan: &'a mut Plan,
    random: RandomStream,
    databases: BTreeMap<String, Database>,
}

impl Overlay<'_> {
    fn put(&mut self, database: &str, document: Document) {
        let name = String::from(database);
        self.databases.entry(name).or_default().insert(document);
    }

    fn any_account(&mut self) -> String {
        let at = self.random.below(self.plan.accounts.len());
        self.plan.accounts[at].clone()
    }

    fn first_number_database(&self) -> String {
        format!("numbers/{}", self.plan.prefixes[0])
    }

    fn number_document(&mut self, id: &str, assigned_to: Option<&str>) -> Document {
        let fields = NumberFields {
            id,
            assigned_to,
            state: if assigned_to.is_some() {
                "in_service"
            } else {
                "available"
            },
            used_by: None,
            master: self.plan.master(),
        };
        number_document(&fields, &mut self.random)
    }

    fn writer<'s>(&mut self, account: &'s str) -> AccountWriter<'s> {
        let seed = self.plan.options.seed;
        let random = RandomStream::new(seed, "beside scribe", self.random.below(1 << 30) as u64);
        AccountWriter { account, random }
    }

    fn foreign_uses(&mut self) {
        for (at, number) in self.plan.foreign_uses() {
            let account = self.plan.accounts[at].clone();
            let callflow = self.writer(&account).callflow(&[number]);
            self.put(&account_database(&account), callflow);
        }
    }

    fn assigned_twice(&mut self) {
        let managed = "numbers/managed";
        for (at, document) in self.plan.assigned_twice() {
            self.put(managed, crate::number_database_design());
            let account = account_database(&self.plan.accounts[at]);
            self.put(&account, document.clone());
            self.put(managed, document);
        }
    }

    fn odd_ids(&mut self) {
        let prefix = self.plan.prefixes[0].clone();
        let home = self.first_number_database();
        let ids = [
            String::from("911"),
            String::from("4155550100"),
            String::from("+1"),
            String::from("+"),
            String::from("anonymous"),
            String::from("41"),
            prefix.clone(),
            format!("{prefix}/555#0100"),
            format!("{prefix}%2F555 \"0\"?rev=1"),
            format!("{prefix}ünïcödé"),
            format!("{prefix}\u{1f4de}"),
        ];
        for id in ids {
            let account = self.any_account();
            let assigned = self.random.one_in(2).then_some(account.as_str());
            let document = self.number_document(&id, assigned);
            // The document is in the account, in the number database or in both.
            let place = self.random.below(3);
            if place != 0 {
                self.put(&account_database(&account), document.clone());
            }
            if place != 1 {
                if !id.starts_with(&prefix) {
                    self.plan.drift.push(Drift {
                        kind: DriftKind::Misfiled,
                        number: id.clone(),
                        account: assigned.map(String::from),
                        databases: vec![home.clone(), crate::names::number_database(&id)],
                        fields: Vec::new(),
                    });
                }
                self.put(&home, document);
            }
        }
    }

    fn illegal_database_names(&mut self) {
        for id in ["\u{260e}\u{1f4de}123456", "ABCDEFG", "+14 1555", "ünïcödé"] {
            let account = self.any_account();
            let document = self.number_document(id, Some(&account));
            self.put(&account_database(&account), document);
        }
    }

    fn other_types(&mut self) {
        let kinds = [
            json!("device"),
            json!("port_request"),
            json!(["number"]),
            json!(7),
        ];
        for (variant, kind) in kinds.into_iter().enumerate() {
            let id = self.plan.fresh_number(0);
            let account = self.any_account();
            let database = account_database(&account);
            let content = json!({"name": "not a number", "pvt_assigned_to": account, "pvt_used_by": "callflow"});
            let other = self.writer(&account).other(&id, kind, content);
            // The other side has nothing, a number document, or a document of another type.
            let overlay = match variant % 3 {
                0 => None,
                1 => Some(self.number_document(&id, Some(&account))),
                _ => Some(other.clone()),
            };
            let home = self.first_number_database();
            let (here, there) = if self.random.one_in(2) {
                (database, home)
            } else {
                (home, database)
            };
            self.put(&here, other);
            if let Some(document) = overlay {
                self.put(&there, document);
            }
        }
    }

    fn odd_callflows(&mut self) {
        let idle = self.plan.unused_numbers(12);
        let mut variant = 0;
        let mut places: Vec<(usize, String)> = idle;
        while places.len() < 9 {
            let at = self.random.below(self.plan.accounts.len());
            places.push((at, self.plan.fresh_number(0)));
        }
        for (at, number) in places {
            let account = self.plan.accounts[at].clone();
            let mut callflow = self.writer(&account).callflow(&[]);
            let mut set = |key: &str, value: Value| callflow.insert(String::from(key), value);
            // None of these uses the number.
            match variant % 9 {
                0 => set("numbers", json!(number)),
                1 => set("numbers", json!({number: true})),
                2 => set("numbers", json!(null)),
                3 => set(
                    "numbers",
                    json!([[number], {"number": number}, 911, null, "1002"]),
                ),
                4 => {
                    set("numbers", json!([number]));
                    set("pvt_deleted", json!(true))
                }
                5 => {
                    set("numbers", json!([number]));
                    set("pvt_type", json!(["callflow"]))
                }
                6 => {
                    set("numbers", json!([]));
                    set(
                        "patterns",
                        json!([format!("^\\{number}$"), "^\\+?1415([0-9]*)$"]),
                    )
                }
                7 => set(
                    "numbers",
                    json!([" ", "", "undefined", "no_match", "*5", "1003"]),
                ),
                _ => {
                    set("numbers", json!(7));
                    set("flow", json!([]))
                }
            };
            variant += 1;
            self.put(&account_database(&account), callflow);
        }
    }

    fn odd_trunkstores(&mut self) {
        let mut places = self.plan.unused_numbers(30);
        places.reverse();
        while places.len() < 8 {
            let at = self.random.below(self.plan.accounts.len());
            places.push((at, self.plan.fresh_number(0)));
        }
        for (variant, (at, number)) in places.into_iter().enumerate().take(12) {
            let account = self.plan.accounts[at].clone();
            let mut scribe = self.writer(&account);
            let mut trunkstore = scribe.trunkstore(&[], false);
            let mut set = |key: &str, value: Value| trunkstore.insert(String::from(key), value);
            // None of these uses the number.
            match variant % 8 {
                0 => set("servers", json!(null)),
                1 => set("servers", json!("pbx1.example.org")),
                2 => set("servers", json!([null, 5, number, [], {}, {"DIDs": null}])),
                3 => set("servers", json!([{"DIDs": [number, 1]}])),
                4 => set(
                    "servers",
                    json!({"first": {"DIDs": number}, "second": false}),
                ),
                5 => {
                    set("servers", json!([{"DIDs": {number: {}}}]));
                    set("pvt_deleted", json!(true))
                }
                6 => {
                    set("servers", json!([{"DIDs": {number: {}}}]));
                    set("pvt_type", json!("sys_info_draft"))
                }
                _ => set(
                    "servers",
                    json!({"only": {"enabled": false, "options": {"enabled": false}, "DIDs": {number: null}}}),
                ),
            };
            self.put(&account_database(&account), trunkstore);
        }
    }

    fn month_databases(&mut self) {
        for variant in 0..2.min(self.plan.accounts.len()) {
            let account = self.any_account();
            for suffix in ["-202601", "-2026"] {
                let name = format!("{}{suffix}", account_database(&account));
                let known = self.plan.fresh_number(0);
                for assigned in [None, Some(account.as_str())] {
                    let id = if assigned.is_some() {
                        known.clone()
                    } else {
                        format!("+1415555{variant:04}")
                    };
                    let document = self.number_document(&id, assigned);
                    self.put(&name, document);
                }
                let record = json!({"duration_seconds": 61, "request": "14155550100@sip.example.org", "call_direction": "inbound"});
                let id = format!("202601-{}", self.random.hex(32));
                let record = self.writer(&account).other(&id, json!("cdr"), record);
                self.put(&name, record);
            }
        }
    }

    fn special_number_databases(&mut self) {
        let account = self.any_account();
        for (database, ids) in [
            (
                "numbers/inum",
                ["+883510001200001", "+883510001200002", "883510"],
            ),
            (
                "numbers/managed",
                ["+18885550142", "+442079460999", "managed-1"],
            ),
        ] {
            self.put(database, crate::number_database_design());
            for (variant, id) in ids.into_iter().enumerate() {
                let assigned = (variant > 0).then_some(account.as_str());
                let mut document = self.number_document(id, assigned);
                let carrier = database.replace("numbers/", "knm_");
                document.insert(String::from("pvt_module_name"), json!(carrier));
                if variant == 1 {
                    self.put(&account_database(&account), document.clone());
                }
                self.put(database, document);
            }
        }
    }

    fn empty_databases(&mut self) {
        let empty = self.random.hex(32);
        for name in [account_database(&empty), String::from("numbers/+1999")] {
            self.databases.entry(name).or_default();
        }
    }

    fn odd_databases(&mut self) {
        let master = String::from(self.plan.master());
        let document = self.writer(&master).account(&master, 0);
        self.put("accounts", document);
        let stray = self.number_document("+14155550123", Some(&master));
        for name in ["account/ab/cd/short", "numbers_backup", "port_requests"] {
            self.put(name, stray.clone());
        }
    }
}
