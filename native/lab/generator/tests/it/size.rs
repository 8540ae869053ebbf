//! Sizes and times.

use std::time::Instant;

use kazoo_numbers_generator::{Options, Plan, Statistics, UglyKind, generate};

#[test]
fn sizes_are_as_requested() {
    let started = Instant::now();
    let generated = generate(&Options {
        accounts: 500,
        numbers: 50_000,
        number_databases: 100,
        ..Options::default()
    });
    let took = started.elapsed();
    let counts = Statistics::of(&generated.cluster);
    println!("{counts:?}, {} facts, {took:?}", generated.drift.len());
    assert_eq!(counts.accounts, 500);
    // `numbers/managed` is added by the numbers that are assigned twice.
    assert_eq!(counts.number_databases, 101);
    // One in ten numbers has drift, of thirteen kinds; two of the kinds remove the document here.
    assert!((49_000..=50_200).contains(&counts.numbers), "{counts:?}");
    assert!((44_500..=48_000).contains(&counts.copies), "{counts:?}");
    assert!((44_500..=48_000).contains(&counts.assigned), "{counts:?}");
    assert!(counts.documents > 120_000, "{counts:?}");
    let facts = generated.drift.len();
    assert!((5_000..8_000).contains(&facts), "{facts}");
    // It takes one to two seconds, with or without optimisation. The limit allows for a busy
    // machine.
    let limit = 30;
    assert!(took.as_secs() < limit, "{took:?}");
}

#[test]
fn plan_of_half_a_million_numbers_uses_little_memory() {
    let plan = Plan::new(&Options {
        accounts: 500,
        numbers: 500_000,
        number_databases: 100,
        ..Options::default()
    });
    // Number databases, account databases, `numbers/managed` and `system_config`. Documents are
    // built only on request.
    assert_eq!(plan.names().len(), 602);
    let database = plan.database("numbers/+1415");
    assert!(database.documents.len() > 5_000);
}

/// Minimum sizes, and shares that select all numbers.
#[test]
fn extreme_options_are_accepted() {
    for accounts in [0, 1, 2] {
        for numbers in [0, 1, 3] {
            for number_databases in [0, 1, 2] {
                for share in [0.0, 1.0, f64::NAN, 7.0] {
                    let options = Options {
                        accounts,
                        numbers,
                        number_databases,
                        drift: share,
                        ugly: UglyKind::all(),
                        ugly_share: share,
                        ..Options::default()
                    };
                    let counts = Statistics::of(&generate(&options).cluster);
                    assert!(counts.accounts >= accounts.max(1), "{options:?}");
                    assert!(
                        counts.number_databases >= number_databases.max(1),
                        "{options:?}"
                    );
                }
            }
        }
    }
    let many = Plan::new(&Options {
        number_databases: 5_000,
        numbers: 10,
        ..Options::default()
    });
    let prefixes = many
        .names()
        .iter()
        .filter(|name| name.starts_with("numbers/"))
        .count();
    assert_eq!(prefixes, 790);
}
