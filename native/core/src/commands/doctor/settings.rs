//! The settings of numbers in the system config.

use super::Examination;
use crate::engine::MaxDelete;
use crate::kazoo::{Converters, NUMBER_MANAGER, Normaliser, SystemConfig};
use crate::report::CheckState;
use couchdb::{Attachments, DatabaseName, Error, Found, Kind, Server};

/// Checks whether the values that commands use can be used.
pub(super) async fn examine(
    examination: &mut Examination<'_>,
    server: &Server,
) -> Result<(), Error> {
    let Some(database) = DatabaseName::new("system_config") else {
        return Ok(());
    };
    let read = server
        .read_documents(&database, &[NUMBER_MANAGER], Attachments::Stubs, 1)
        .await;
    let document = match read {
        Ok(found) => found.into_iter().next().and_then(Found::present),
        Err(error) if error.kind() == Kind::DatabaseNotFound => None,
        Err(error) => {
            let state = CheckState::Warning;
            return examination.error("settings", state, error, None).await;
        }
    };
    let Some(document) = document else {
        let finding =
            format!("no system_config/{NUMBER_MANAGER}: Kazoo's usual converters are used");
        examination.good("settings", finding).await;
        return Ok(());
    };
    let section = &examination.run.settings.config_section;
    let config = SystemConfig::new(&document, section);
    let converters: Converters = config.converters();
    let mut wrong = Vec::new();
    if let Some(unusable) = Normaliser::new(&converters).unusable() {
        wrong.push(format!(
            "expressions that do not compile, and match nothing: {unusable}"
        ));
    }
    if let Some(Err(expected)) = config.max_delete().map(MaxDelete::of_json) {
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
