//! The strategies give small clusters, and shrink a failing one to the documents that matter.
#![cfg(feature = "proptest")]

use crate::common;
use kazoo_numbers_generator::{arbitrary, generate};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

#[test]
fn clusters_are_small() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..50 {
        let options = arbitrary::options()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        assert!((2..=5).contains(&options.accounts), "{options:?}");
        assert!((5..=40).contains(&options.numbers), "{options:?}");
        let cluster = generate(&options).cluster;
        let documents: usize = cluster.databases.values().map(|d| d.documents.len()).sum();
        assert!(documents < 500, "{documents}");
    }
}

#[test]
fn failing_cluster_shrinks_to_relevant_documents() {
    let mut runner = TestRunner::new_with_rng(
        Config {
            max_shrink_iters: 4_000,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let wrong = |cluster: &kazoo_numbers_generator::Cluster| {
        common::audit(cluster)
            .keys()
            .any(|fact| fact.0 == kazoo_numbers_generator::DriftKind::DifferingCopy)
    };
    let failure = runner
        .run(&arbitrary::cluster(), |cluster| {
            proptest::prop_assert!(!wrong(&cluster));
            Ok(())
        })
        .unwrap_err();
    let proptest::test_runner::TestError::Fail(_, cluster) = failure else {
        panic!("{failure}");
    };
    assert!(wrong(&cluster));
    let left = cluster
        .databases
        .values()
        .flat_map(|database| database.documents.keys())
        .filter(|id| !id.starts_with("_design/"))
        .count();
    // The two copies, and documents beyond the number that can be removed.
    assert!(left < 12, "{left}");
}
