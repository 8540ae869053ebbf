//! The documents of an account other than numbers: those that use numbers and some that do not.

use exact_json::{Value, json};

use crate::documents::{Document, object};
use crate::names::{account_database, encoded};
use crate::random::RandomStream;

const FIRST: [&str; 8] = [
    "Ada", "Béla", "Chidi", "Dörte", "Emīls", "Fatıma", "Grace", "Hồng",
];
const LAST: [&str; 8] = [
    "Nováková",
    "O'Neill",
    "Smith",
    "Þórsson",
    "Yılmaz",
    "García",
    "李",
    "Weiß",
];
const TRADES: [&str; 8] = [
    "Bakery", "Dental", "Legal", "Motors", "Realty", "Schools", "Telecom", "Clinic",
];

/// Makes the documents of one account.
pub(crate) struct AccountWriter<'a> {
    /// The account's id.
    pub(crate) account: &'a str,
    /// The random values of these documents.
    pub(crate) random: RandomStream,
}

/// A number as a callflow or trunkstore document spells it, and whether this use counts.
pub(crate) struct Did {
    pub(crate) number: String,
    pub(crate) enabled: bool,
}

impl AccountWriter<'_> {
    fn document(&mut self, kind: &str, content: Value) -> Document {
        let mut document = Document::new();
        document.insert(String::from("_id"), json!(self.random.hex(32)));
        document.extend(object(content));
        let created = 63_776_678_400 + self.random.below(100_000_000);
        let private = json!({
            "pvt_type": kind,
            "pvt_account_id": self.account,
            "pvt_account_db": encoded(&account_database(self.account)),
            "pvt_vsn": "1",
            "pvt_created": created,
            "pvt_modified": created + self.random.below(30_000_000),
            "pvt_request_id": self.random.hex(32)
        });
        document.extend(object(private));
        document
    }

    /// The account's own document. Its id is the account id.
    pub(crate) fn account(&mut self, master: &str, index: usize) -> Document {
        let name = format!(
            "{} {} {index}",
            self.random.pick(&LAST),
            self.random.pick(&TRADES)
        );
        let mut document = self.document(
            "account",
            json!({
                "name": name,
                "realm": format!("a{index}.sip.example.org"),
                "timezone": "America/Los_Angeles",
                "language": "en-us",
                "caller_id": {"internal": {"name": name}},
                "pvt_enabled": true,
                "pvt_reseller_id": master,
                "pvt_tree": if self.account == master { json!([]) } else { json!([master]) }
            }),
        );
        document.insert(String::from("_id"), json!(self.account));
        document
    }

    /// A user with a device and a voicemail box.
    pub(crate) fn person(&mut self, extension: usize) -> [Document; 3] {
        let (first, last) = (self.random.pick(&FIRST), self.random.pick(&LAST));
        let user = self.document(
            "user",
            json!({
                "first_name": first,
                "last_name": last,
                "username": format!("user{extension}"),
                "priv_level": "user",
                "presence_id": extension.to_string(),
                "enabled": true
            }),
        );
        let owner = user.get("_id").cloned().unwrap_or_default();
        let device = self.document(
            "device",
            json!({
                "name": format!("{first}'s phone"),
                "device_type": "sip_device",
                "owner_id": owner,
                "mac_address": "00:15:65:aa:bb:cc",
                "sip": {"method": "password", "username": format!("u{extension}"), "expire_seconds": 300},
                "media": {"audio": {"codecs": ["PCMU", "G722"]}}
            }),
        );
        let mailbox = self.document(
            "vmbox",
            json!({
                "name": format!("{last}'s mailbox"),
                "mailbox": extension.to_string(),
                "owner_id": owner,
                "messages": [],
                "is_setup": false
            }),
        );
        [user, device, mailbox]
    }

    /// A callflow for these numbers and extensions.
    pub(crate) fn callflow(&mut self, numbers: &[String]) -> Document {
        let (user, mailbox) = (self.random.hex(32), self.random.hex(32));
        let name = format!("Reception {}", self.random.below(99));
        self.document(
            "callflow",
            json!({
                "name": name,
                "numbers": numbers,
                "patterns": [],
                "flow": {
                    "module": "user",
                    "data": {"id": user, "timeout": 20, "can_call_self": false},
                    "children": {"_": {"module": "voicemail", "data": {"action": "compose", "id": mailbox}, "children": {}}}
                },
                "contact_list": {"exclude": false}
            }),
        )
    }

    /// The callflows that every account has: no match, and the feature codes.
    pub(crate) fn standard_callflows(&mut self) -> [Document; 2] {
        let no_match = self.document(
            "callflow",
            json!({
                "name": "NoMatch",
                "numbers": ["no_match"],
                "patterns": [],
                "flow": {"module": "offnet", "data": {}, "children": {}}
            }),
        );
        let voicemail = self.document(
            "callflow",
            json!({
                "featurecode": {"name": "voicemail[action=check]", "number": "97"},
                "numbers": ["*97"],
                "patterns": ["^\\*97([0-9]{0,})$"],
                "flow": {"module": "voicemail", "data": {"action": "check"}, "children": {}}
            }),
        );
        [no_match, voicemail]
    }

    /// A trunkstore document with these numbers on up to three servers. A number whose use does not
    /// count is on a disabled server. `servers` is a list, or sometimes an object. `odd` adds
    /// servers with unusual values of `enabled`, some of which are equal to `false` in JavaScript.
    pub(crate) fn trunkstore(&mut self, dids: &[Did], odd: bool) -> Document {
        let mut servers: Vec<Value> = Vec::new();
        let used: Vec<&Did> = dids.iter().filter(|did| did.enabled).collect();
        let idle: Vec<&Did> = dids.iter().filter(|did| !did.enabled).collect();
        let share = 1 + used.len() / (1 + self.random.below(3));
        for part in used.chunks(share) {
            let enabled = match self.random.below(if odd { 6 } else { 2 }) {
                0 => Some(json!(true)),
                1 => None,
                2 => Some(json!("false")),
                3 => Some(json!(null)),
                4 => Some(json!(1)),
                _ => Some(json!({})),
            };
            servers.push(self.server(part, enabled));
        }
        if !idle.is_empty() || self.random.one_in(4) {
            let disabled = match self.random.below(if odd { 4 } else { 1 }) {
                0 => json!(false),
                1 => json!(0),
                2 => json!(""),
                _ => json!(0.0),
            };
            servers.push(self.server(&idle, Some(disabled)));
        }
        let servers = if self.random.one_in(4) {
            let members = servers.into_iter().enumerate();
            Value::Object(
                members
                    .map(|(at, server)| (format!("pbx{at}"), server))
                    .collect(),
            )
        } else {
            Value::Array(servers)
        };
        let realm = format!("{}.trunks.example.org", self.random.hex(6));
        self.document(
            "sys_info",
            json!({
                "name": "Trunks",
                "account": {"auth_realm": realm, "credits": {"prepay": "0.0"}, "trunks": "5", "inbound_trunks": "5"},
                "call_restriction": {},
                "servers": servers
            }),
        )
    }

    /// A server. Kazoo also writes `enabled` among the server's options; both places have the same
    /// value.
    fn server(&mut self, dids: &[&Did], enabled: Option<Value>) -> Value {
        let mut held = Document::new();
        for did in dids {
            let options = if self.random.one_in(3) {
                json!({"failover": {"e164": "+14155550199"}, "options": {"force_outbound": false}})
            } else {
                json!({})
            };
            held.insert(did.number.clone(), options);
        }
        let mut server = json!({
            "server_name": format!("PBX {}", self.random.below(99)),
            "server_type": "freeswitch",
            "DIDs": held,
            "auth": {"auth_method": "password", "auth_user": format!("t{}", self.random.hex(6)), "auth_password": self.random.hex(12)},
            "options": {"delay": 0, "inbound_format": "e.164", "international": false, "media_handling": "bypass"},
            "monitor": {"monitor_enabled": false}
        });
        if let Some(enabled) = enabled {
            server["options"]["enabled"] = enabled.clone();
            server["enabled"] = enabled;
        }
        server
    }

    /// A document of another type, with a given id and type.
    pub(crate) fn other(&mut self, id: &str, kind: Value, content: Value) -> Document {
        let mut document = self.document("", content);
        document.insert(String::from("_id"), json!(id));
        document.insert(String::from("pvt_type"), kind);
        document
    }
}
