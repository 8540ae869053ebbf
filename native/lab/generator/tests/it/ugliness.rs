//! Checks that the documents show every kind of ugliness.

use std::collections::BTreeSet;

use crate::common::{assigned, is_live_number, text, usage};
use exact_json::Value;
use kazoo_numbers_generator::names::{
    account_database, account_of_database, encoded, is_account_id, number_database,
};
use kazoo_numbers_generator::{Cluster, Database, Document, Options, UglyKind, generate};

fn with(ugly: BTreeSet<UglyKind>) -> Cluster {
    generate(&Options {
        accounts: 5,
        numbers: 200,
        number_databases: 4,
        drift: 0.0,
        ugly,
        ugly_share: 0.3,
        ..Options::default()
    })
    .cluster
}

fn documents(cluster: &Cluster) -> impl Iterator<Item = (&str, &Document)> {
    cluster
        .databases
        .iter()
        .flat_map(|(name, database)| database.documents.values().map(move |d| (name.as_str(), d)))
}

fn any(cluster: &Cluster, sign: impl Fn(&str, &Document) -> bool) -> bool {
    documents(cluster).any(|(name, document)| sign(name, document))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Numbers in their spelling.
fn numbers(value: &Value) -> Vec<String> {
    match value {
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(members) => members.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

fn spelled(cluster: &Cluster, sign: impl Fn(&str) -> bool) -> bool {
    any(cluster, |_, document| {
        numbers(&Value::Object(document.clone()))
            .iter()
            .any(|number| sign(number))
    })
}

fn attachment(cluster: &Cluster, kind: &str) -> bool {
    any(cluster, |_, document| {
        let attachments = document.get("_attachments").and_then(Value::as_object);
        attachments
            .into_iter()
            .flat_map(|all| all.values())
            .any(|attachment| attachment.get("content_type").and_then(Value::as_str) == Some(kind))
    })
}

fn typed(document: &Document, kind: &str) -> bool {
    text(document, "pvt_type") == Some(kind)
}

fn other_than_text(document: &Document, key: &str) -> bool {
    document.get(key).is_some_and(|value| !value.is_string())
}

fn shows(kind: UglyKind, cluster: &Cluster) -> bool {
    let number = |document: &Document| typed(document, "number");
    match kind {
        UglyKind::BigIntegers => spelled(cluster, |text| {
            text.len() >= 20 && text.bytes().all(|b| b.is_ascii_digit())
        }),
        UglyKind::Floats => {
            spelled(cluster, |text| text == "1.0") && spelled(cluster, |t| t == "0.1")
        }
        UglyKind::DeepNesting => any(cluster, |_, d| depth(&Value::Object(d.clone())) > 50),
        UglyKind::Unicode => any(cluster, |_, d| {
            number(d) && d.keys().any(|key| !key.is_ascii())
        }),
        UglyKind::TextAttachment => attachment(cluster, "text/plain"),
        UglyKind::BinaryAttachment => attachment(cluster, "application/pdf"),
        UglyKind::OddFeatures => any(cluster, |_, d| {
            number(d)
                && d.get("pvt_features")
                    .is_none_or(|features| !features.is_object())
        }),
        UglyKind::OldVersion => {
            ["numbers/", "account/"].iter().all(|side| {
                any(cluster, |name, d| {
                    name.starts_with(side)
                        && is_live_number(d)
                        && !d.contains_key("pvt_type")
                        && text(d, "pvt_number_state").is_some()
                })
            }) && any(cluster, |_, d| {
                let features = d.get("pvt_features").and_then(Value::as_array);
                features.is_some_and(|list| list.contains(&Value::from("dash_e911")))
            })
        }
        UglyKind::OddCarrier => {
            any(cluster, |_, d| {
                number(d) && other_than_text(d, "pvt_module_name")
            }) && any(cluster, |_, d| {
                number(d) && !d.contains_key("pvt_module_name")
            })
        }
        UglyKind::OddFields => any(cluster, |_, d| {
            number(d) && text(d, "pvt_created").is_some()
        }),
        UglyKind::SoftDeleted => {
            let deleted = |side: &'static str| {
                any(cluster, |name, d| {
                    name.starts_with(side) && d.get("pvt_deleted") == Some(&Value::Bool(true))
                })
            };
            deleted("numbers/")
                && deleted("account/")
                && any(cluster, |_, d| {
                    d.get("pvt_deleted").is_some_and(|v| v == "true")
                })
        }
        UglyKind::Tombstone => {
            let dead = |side| {
                let mut databases = cluster.databases.iter();
                databases
                    .any(|(name, database)| name.starts_with(side) && !database.deleted.is_empty())
            };
            dead("numbers/") && dead("account/")
        }
        UglyKind::OddAssignment => {
            any(cluster, |_, d| {
                number(d) && other_than_text(d, "pvt_assigned_to")
            }) && any(cluster, |_, d| {
                text(d, "pvt_assigned_to").is_some_and(|id| id.len() == 32) && assigned(d).is_none()
            })
        }
        UglyKind::UpperCaseAssignment => any(cluster, |_, d| {
            let id = text(d, "pvt_assigned_to");
            id.is_some_and(|id| !is_account_id(id)) && assigned(d).is_some()
        }),
        UglyKind::OddUsedBy => {
            any(cluster, |_, d| other_than_text(d, "pvt_used_by"))
                && any(cluster, |_, d| d.get("pvt_used_by") == Some(&Value::Null))
        }
        UglyKind::OddType => {
            any(cluster, |_, d| other_than_text(d, "pvt_type"))
                && any(cluster, |_, d| {
                    text(d, "_id").unwrap().starts_with('+') && !d.contains_key("pvt_type")
                })
        }
        UglyKind::UsedByBoth => cluster.account_databases().any(|name| {
            let used = usage(cluster, &account_of_database(name).unwrap());
            used.values().any(|applications| applications.len() == 2)
        }),
        UglyKind::UnnormalisedUsage => any(cluster, |_, d| {
            let numbers = d.get("numbers").and_then(Value::as_array);
            let mut strings = numbers.into_iter().flatten().filter_map(Value::as_str);
            typed(d, "callflow")
                && strings.any(|n| n.len() == 10 && cluster_has(cluster, &format!("+1{n}")))
        }),
        UglyKind::ForeignUsage => cluster.account_databases().any(|name| {
            let account = account_of_database(name).unwrap();
            usage(cluster, &account).keys().any(|used| {
                let authority = cluster.document(&number_database(used), used);
                authority
                    .and_then(assigned)
                    .is_some_and(|own| own != account)
            })
        }),
        UglyKind::OddIds => {
            any(cluster, |_, d| number(d) && text(d, "_id") == Some("911"))
                && any(cluster, |_, d| {
                    number(d) && text(d, "_id") == Some("4155550100")
                })
                && any(cluster, |_, d| {
                    number(d) && !text(d, "_id").unwrap().is_ascii()
                })
        }
        UglyKind::IllegalDatabaseName => any(cluster, |name, d| {
            let home = number_database(text(d, "_id").unwrap());
            let legal = home
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_$()+-/".contains(&b));
            name.starts_with("account/") && number(d) && !legal
        }),
        UglyKind::OtherTypes => {
            ["numbers/", "account/"].iter().all(|side| {
                any(cluster, |name, d| {
                    name.starts_with(side) && typed(d, "port_request")
                        || typed(d, "device") && text(d, "_id").unwrap().starts_with('+')
                })
            }) && documents(cluster).any(|(name, d)| {
                let id = text(d, "_id").unwrap();
                let other = number_database(id);
                !number(d)
                    && id.starts_with('+')
                    && name.starts_with("account/")
                    && cluster.document(&other, id).is_some_and(is_live_number)
                    || !number(d)
                        && id.starts_with('+')
                        && name == other
                        && any(cluster, |name, d| {
                            name.starts_with("account/")
                                && text(d, "_id") == Some(id)
                                && is_live_number(d)
                        })
            })
        }
        UglyKind::OddCallflows => {
            any(cluster, |_, d| {
                typed(d, "callflow") && d.get("numbers").is_some_and(Value::is_object)
            }) && any(cluster, |_, d| {
                typed(d, "callflow") && d.get("numbers").is_some_and(Value::is_string)
            }) && any(cluster, |_, d| {
                typed(d, "callflow") && d.contains_key("pvt_deleted")
            })
        }
        UglyKind::OddTrunkstores => {
            let servers = |d: &Document| -> Vec<Value> {
                match d.get("servers") {
                    Some(Value::Array(servers)) => servers.clone(),
                    Some(Value::Object(servers)) => servers.values().cloned().collect(),
                    _ => Vec::new(),
                }
            };
            any(cluster, |_, d| {
                typed(d, "sys_info") && d.get("servers").is_some_and(Value::is_string)
            }) && any(cluster, |_, d| {
                servers(d)
                    .iter()
                    .any(|s| s.get("DIDs").is_some_and(Value::is_array))
            }) && any(cluster, |_, d| {
                servers(d).iter().any(|s| {
                    s.get("enabled")
                        .is_some_and(|enabled| !enabled.is_boolean())
                        && s.get("DIDs")
                            .and_then(Value::as_object)
                            .is_some_and(|dids| !dids.is_empty())
                })
            })
        }
        UglyKind::MonthDatabases => ["-202601", "-2026"].iter().all(|suffix| {
            any(cluster, |name, d| {
                let account = name.strip_suffix(suffix).and_then(account_of_database);
                account.is_some() && account_of_database(name).is_none() && is_live_number(d)
            })
        }),
        UglyKind::NoDesignDocuments => {
            let bare = |database: &Database| {
                !database.documents.is_empty()
                    && !database
                        .documents
                        .keys()
                        .any(|id| id.starts_with("_design/"))
            };
            ["numbers/", "account/"].iter().all(|side| {
                cluster
                    .databases
                    .iter()
                    .any(|(name, d)| name.starts_with(side) && bare(d))
            })
        }
        UglyKind::SpecialNumberDatabases => {
            ["numbers/inum", "numbers/managed"].iter().all(|name| {
                cluster
                    .databases
                    .get(*name)
                    .is_some_and(|database| database.documents.len() > 2)
            })
        }
        UglyKind::EmptyDatabases => ["numbers/", "account/"].iter().all(|side| {
            let mut databases = cluster.databases.iter();
            databases.any(|(name, d)| name.starts_with(side) && *d == Database::default())
        }),
        UglyKind::OddDatabases => cluster.databases.contains_key("account/ab/cd/short"),
        UglyKind::Converters => any(cluster, |name, d| {
            name == "system_config" && Value::Object(d.clone()).to_string().contains("+49")
        }),
    }
}

fn cluster_has(cluster: &Cluster, number: &str) -> bool {
    cluster.document(&number_database(number), number).is_some()
}

#[test]
fn ugliness_occurs_only_when_requested() {
    let none = with(BTreeSet::new());
    for kind in UglyKind::all() {
        assert!(!shows(kind, &none), "{kind:?} without being asked for");
        let alone = with(BTreeSet::from([kind]));
        assert!(shows(kind, &alone), "{kind:?} alone");
    }
}

#[test]
fn every_kind_of_ugliness_occurs_with_all_others() {
    let all = generate(&Options {
        ugly: UglyKind::all(),
        ugly_share: 0.3,
        ..Options::default()
    });
    for kind in UglyKind::all() {
        assert!(shows(kind, &all.cluster), "{kind:?}");
    }
}

#[test]
fn every_kind_of_ugliness_occurs_in_tiny_clusters() {
    let mut missing = UglyKind::all();
    for seed in 0..400 {
        let cluster = generate(&Options::tiny(seed)).cluster;
        missing.retain(|kind| !shows(*kind, &cluster));
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn documents_can_be_stored() {
    for seed in 0..100 {
        let cluster = generate(&Options::tiny(seed)).cluster;
        for (name, database) in &cluster.databases {
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            assert!(
                database
                    .deleted
                    .iter()
                    .all(|id| !database.documents.contains_key(id))
            );
            for (id, document) in &database.documents {
                assert_eq!(text(document, "_id"), Some(id.as_str()));
                assert!(id.starts_with("_design/") || !id.starts_with('_'), "{id}");
                let private = document.keys().filter(|key| key.starts_with('_'));
                for key in private {
                    assert!(["_id", "_attachments"].contains(&key.as_str()), "{key}");
                }
            }
        }
    }
}

#[test]
fn database_names_follow_kazoo() {
    let id = "0123456789abcdef0123456789abcdef";
    let database = "account/01/23/456789abcdef0123456789abcdef";
    assert_eq!(account_database(id), database);
    assert_eq!(account_of_database(database).as_deref(), Some(id));
    for other in [
        "account/01/23/456789abcdef0123456789abcdef-202601",
        "account/01/23/456789ABCDEF0123456789abcdef",
        "account/012/3/456789abcdef0123456789abcdef",
        "account/01/23/456789abcdef0123456789abcde",
        "account/01/23/456789abcdef/0123456789abcdef",
        "accounts",
    ] {
        assert_eq!(account_of_database(other), None, "{other}");
    }
    assert_eq!(number_database("+14155550100"), "numbers/+1415");
    assert_eq!(number_database("+1ü5"), "numbers/+1ü5");
    assert_eq!(encoded("numbers/+1415"), "numbers%2F%2B1415");
}
