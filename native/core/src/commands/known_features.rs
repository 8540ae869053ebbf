//! The answer for a feature that Kazoo does not know.

use super::answer::{Answer, Returned};
use crate::engine::Run;
use crate::plan::KNOWN_FEATURES;

/// Prints the features that Kazoo knows.
pub(super) async fn print_known(run: &Run) {
    run.reporter.output("Known features:".to_owned()).await;
    run.reporter
        .output(format!("\t{}", KNOWN_FEATURES.join(" ")))
        .await;
}

/// The answer for an unknown feature; `None` for a known one.
pub(super) async fn unknown(run: &Run, feature: &str) -> Option<Answer> {
    if KNOWN_FEATURES.contains(&feature) {
        return None;
    }
    run.reporter
        .output(format!("Feature '{feature}' is not a known feature."))
        .await;
    print_known(run).await;
    Some(Answer::Only(Returned::NoReturn))
}
