//! The answer for a feature that Kazoo does not know.

use super::answer::{Answer, Returned};
use super::ending::Ending;
use crate::engine::Run;
use crate::plan::KNOWN_FEATURES;
use crate::report::{Event, Features};

/// Prints the features that Kazoo knows.
pub(super) async fn print_known(run: &Run) {
    let features = KNOWN_FEATURES.map(str::to_owned).to_vec();
    run.reporter
        .send(Event::Features(Features::Known { features }))
        .await;
}

/// The answer for an unknown feature; `None` for a known one.
pub(super) async fn unknown(run: &Run, feature: &str) -> Option<Answer> {
    if KNOWN_FEATURES.contains(&feature) {
        return None;
    }
    let line = format!("Feature '{feature}' is not a known feature.");
    run.reporter.error(line, None).await;
    print_known(run).await;
    Some(Answer::Ended(Returned::NoReturn, Ending::Usage))
}
