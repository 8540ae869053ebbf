//! The settings of numbers in the system config.

use super::Examination;
use crate::engine::MaxDelete;
use crate::kazoo::{NUMBER_MANAGER, Normaliser};
use crate::report::CheckState;
use couchdb::{DatabaseName, Error, Server};

/// Checks whether the values that commands use can be used.
pub(super) async fn examine(
    examination: &mut Examination<'_>,
    server: &Server,
) -> Result<(), Error> {
    let Some(database) = DatabaseName::new("system_config") else {
        return Ok(());
    };
    let read = examination
        .run
        .cluster
        .system_config_on(server, &database, |config| {
            let max_delete = config.max_delete().map(MaxDelete::of_json);
            (config.converters(), max_delete)
        });
    let values = match read.await {
        Ok(values) => values,
        Err(error) => {
            let state = CheckState::Warning;
            return examination.error("settings", state, error, None).await;
        }
    };
    let Some((converters, max_delete)) = values else {
        let finding =
            format!("no system_config/{NUMBER_MANAGER}: Kazoo's usual converters are used");
        examination.good("settings", finding).await;
        return Ok(());
    };
    let mut wrong = Vec::new();
    if let Some(unusable) = Normaliser::new(&converters).unusable() {
        wrong.push(format!(
            "expressions that do not compile, and match nothing: {unusable}"
        ));
    }
    if let Some(Err(expected)) = max_delete {
        wrong.push(format!("max_delete, {expected}"));
    }
    if wrong.is_empty() {
        let finding = format!("system_config/{NUMBER_MANAGER} can be used");
        examination.good("settings", finding).await;
    } else {
        let finding = format!("system_config/{NUMBER_MANAGER} has {}", wrong.join("; "));
        let remedy = "correct the document; numbers are normalised with these expressions";
        examination.warn("settings", finding, remedy).await;
    }
    Ok(())
}
