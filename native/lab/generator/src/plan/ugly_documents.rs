//! Makes documents ugly for the kinds of ugliness that exclude each other.

use exact_json::{Value, json};

use crate::documents::Document;
use crate::names::{account_database, encoded};
use crate::random::RandomStream;
use crate::ugly::UglyKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentSide {
    Number,
    Account,
}

/// The number of [`odd_assignments`].
pub(super) const ODD_ASSIGNMENTS: usize = 12;

/// Values of `pvt_assigned_to` that are not account ids, some of them derived from one.
pub(super) fn odd_assignments(id: &str) -> [Value; ODD_ASSIGNMENTS] {
    [
        json!(""),
        json!(5),
        json!([id]),
        json!({"id": id}),
        json!(id[1..]),
        json!(format!("{id}0")),
        json!(format!("g{}", &id[1..])),
        json!(account_database(id)),
        json!(encoded(&account_database(id))),
        json!(format!(" {}", &id[1..])),
        json!("undefined"),
        json!(false),
    ]
}

/// Makes a document ugly. `None` is a tombstone. Both sides use the same random stream.
pub(super) fn apply_exclusive_kind(
    kind: UglyKind,
    mut document: Document,
    side: DocumentSide,
    seed: u64,
    index: usize,
) -> Option<Document> {
    let mut random = RandomStream::new(seed, "fate", index as u64);
    let number_side = side == DocumentSide::Number;
    match kind {
        UglyKind::Tombstone => return None,
        UglyKind::SoftDeleted => {
            let (here, value) = match random.below(6) {
                0 | 1 => (true, json!(true)),
                2 => (number_side, json!(true)),
                3 => (!number_side, json!(true)),
                4 => (true, json!("true")),
                _ => (true, json!(false)),
            };
            if here {
                document.insert(String::from("pvt_deleted"), value);
            }
        }
        UglyKind::OddAssignment => {
            let id = document
                .get("pvt_assigned_to")
                .and_then(Value::as_str)
                .map_or_else(|| random.hex(32), String::from);
            let which = random.below(ODD_ASSIGNMENTS + 1);
            let value = odd_assignments(&id).into_iter().nth(which);
            document.insert(
                String::from("pvt_assigned_to"),
                value.unwrap_or(Value::Null),
            );
        }
        UglyKind::UpperCaseAssignment => {
            let id = document.get("pvt_assigned_to").and_then(Value::as_str);
            if let Some(id) = id.map(str::to_uppercase) {
                document.insert(String::from("pvt_assigned_to"), json!(id));
            }
        }
        UglyKind::OddUsedBy => {
            let odd = [
                json!({"callflow": true}),
                json!(["callflow"]),
                json!(1),
                json!(null),
                json!(""),
                json!("callflows"),
                json!("calltrunkflow"),
                json!("Callflow"),
                json!(true),
            ];
            let value = odd[random.below(odd.len())].clone();
            document.insert(String::from("pvt_used_by"), value);
        }
        UglyKind::OddType => {
            let here = match random.below(3) {
                0 => number_side,
                1 => !number_side,
                _ => true,
            };
            let odd = [
                json!(1),
                json!(["number"]),
                json!(null),
                json!("Number"),
                json!({"number": "number"}),
                json!("phone_number"),
            ];
            let value = odd[random.below(odd.len())].clone();
            if here && random.one_in(4) {
                document.remove("pvt_type");
            } else if here {
                document.insert(String::from("pvt_type"), value);
            }
        }
        UglyKind::UsedByBoth => {
            let value = random.pick(&["callflow", "trunkstore", "calltrunkflow"]);
            set_used_by(&mut document, Some(value));
        }
        _ => {}
    }
    Some(document)
}

pub(super) fn set_used_by(document: &mut Document, application: Option<&str>) {
    match application {
        Some(application) => {
            document.insert(String::from("pvt_used_by"), json!(application));
        }
        None => {
            document.remove("pvt_used_by");
        }
    }
}
