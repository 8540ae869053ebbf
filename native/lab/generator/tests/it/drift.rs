//! Compares the generator's list of drift with an independent audit.

use crate::common;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Fact, audit};
use kazoo_numbers_generator::{Drift, DriftKind, Options, UglyKind, generate};

fn listed(drift: &[Drift]) -> BTreeMap<Fact, Vec<String>> {
    let mut facts = BTreeMap::new();
    for fact in drift {
        let mut fields = fact.fields.clone();
        fields.sort();
        let key = (
            fact.kind,
            fact.number.clone(),
            fact.account.clone(),
            fact.databases[0].clone(),
        );
        assert_eq!(facts.insert(key, fields), None, "listed once: {fact:?}");
    }
    facts
}

fn plain(seed: u64) -> Options {
    Options {
        ugly: BTreeSet::new(),
        ..Options::tiny(seed)
    }
}

#[test]
fn drift_list_is_complete_without_ugliness() {
    for seed in 0..300 {
        let generated = generate(&plain(seed));
        assert_eq!(
            listed(&generated.drift),
            audit(&generated.cluster),
            "seed {seed}"
        );
    }
    let large = Options {
        accounts: 40,
        numbers: 4_000,
        number_databases: 30,
        drift: 0.3,
        ..Options::default()
    };
    let generated = generate(&large);
    assert_eq!(listed(&generated.drift), audit(&generated.cluster));
}

#[test]
fn drift_list_is_correct_with_ugliness() {
    let mut listed_facts = 0;
    for seed in 0..300 {
        let generated = generate(&Options::tiny(seed));
        let found = audit(&generated.cluster);
        for (fact, fields) in listed(&generated.drift) {
            assert_eq!(found.get(&fact), Some(&fields), "seed {seed}: {fact:?}");
            listed_facts += 1;
        }
    }
    assert!(listed_facts > 1_000, "{listed_facts}");
}

#[test]
fn single_kind_of_drift_causes_only_its_consequences() {
    for kind in DriftKind::ALL {
        let options = Options {
            kinds: BTreeSet::from([kind]),
            drift: 0.3,
            accounts: 5,
            numbers: 200,
            number_databases: 4,
            ..Options::default()
        };
        let found: BTreeSet<DriftKind> = generate(&options)
            .drift
            .iter()
            .map(|drift| drift.kind)
            .collect();
        let consequences: &[DriftKind] = match kind {
            DriftKind::WrongUsedByInNumberDatabase | DriftKind::WrongUsedByInAccount => {
                &[DriftKind::DifferingCopy]
            }
            DriftKind::WrongAccount | DriftKind::FormerAccount => {
                &[DriftKind::WrongUsedByInAccount]
            }
            DriftKind::OnlyInAccount => &[
                DriftKind::WrongAccount,
                DriftKind::WrongUsedByInAccount,
                DriftKind::Contested,
            ],
            DriftKind::Misfiled => &[DriftKind::OnlyInAccount],
            _ => &[],
        };
        let mut expected: BTreeSet<DriftKind> = consequences.iter().copied().collect();
        expected.insert(kind);
        assert_eq!(found, expected, "{kind:?}");
    }
}

#[test]
fn all_requested_kinds_of_drift_occur() {
    let generated = generate(&Options {
        numbers: 40,
        drift: 0.5,
        accounts: 3,
        number_databases: 3,
        ..Options::default()
    });
    let found: BTreeSet<DriftKind> = generated.drift.iter().map(|drift| drift.kind).collect();
    assert_eq!(found, DriftKind::all());
    for kind in DriftKind::ALL {
        assert_eq!(DriftKind::from_name(kind.name()), Some(kind));
    }
}

#[test]
fn cluster_without_requested_drift_has_none() {
    for options in [
        Options {
            drift: 0.0,
            ..Options::default()
        },
        Options {
            kinds: BTreeSet::new(),
            ..Options::default()
        },
    ] {
        let generated = generate(&options);
        assert_eq!(generated.drift, []);
        assert_eq!(audit(&generated.cluster), BTreeMap::new());
    }
}

/// Several accounts hold a number that is missing in its number database: with equal and different
/// copies, assigned to the account or not, with and without a number database.
#[test]
fn numbers_only_in_accounts_occur_in_every_form() {
    let generated = generate(&Options {
        kinds: BTreeSet::from([DriftKind::OnlyInAccount]),
        drift: 0.5,
        accounts: 5,
        numbers: 400,
        ugly: BTreeSet::from([UglyKind::TextAttachment]),
        ..Options::default()
    });
    let cluster = &generated.cluster;
    let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for drift in &generated.drift {
        if [DriftKind::OnlyInAccount, DriftKind::Contested].contains(&drift.kind) {
            let database = drift.databases[0].as_str();
            holders.entry(&drift.number).or_default().push(database);
        }
    }
    let (mut equal, mut different, mut nobodys, mut homeless, mut dead) = (0, 0, 0, 0, 0);
    for (number, databases) in holders {
        let copies: Vec<_> = databases
            .iter()
            .map(|database| (database, cluster.document(database, number).unwrap()))
            .collect();
        if copies.len() > 1 {
            let same = copies.windows(2).all(|pair| pair[0].1 == pair[1].1);
            equal += usize::from(same);
            different += usize::from(!same);
            nobodys += usize::from(copies.iter().all(|(database, copy)| {
                let account = common::assigned(copy).unwrap();
                kazoo_numbers_generator::names::account_database(&account) != **database
            }));
        }
        let home = kazoo_numbers_generator::names::number_database(number);
        match cluster.databases.get(&home) {
            None => homeless += 1,
            Some(database) => dead += usize::from(database.deleted.contains(number)),
        }
    }
    for count in [equal, different, nobodys, homeless, dead] {
        assert!(count > 0, "{equal} {different} {nobodys} {homeless} {dead}");
    }
}
