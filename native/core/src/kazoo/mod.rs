//! Kazoo's conventions: names of databases, forms of numbers, fields of documents, configuration. No other module knows them.

mod account;
mod carrier;
mod database;
mod features;
mod gregorian;
mod normalise;
mod number;
mod system_config;
mod usage;

pub use account::AccountId;
pub use carrier::{ALL_CARRIERS, is_valid_target, stored_target, wants_local_feature};
pub use database::{
    Classification, KazooDatabase, encoded_number_database_of, number_database_of,
    number_databases_of, unprefixed_number_databases,
};
pub(crate) use database::{account_argument, decoded};
pub use document::DatabaseName;
pub use features::{current_feature_name, features_of_list, public_fields_of};
pub use gregorian::{GREGORIAN_UNIX_EPOCH, gregorian_seconds};
pub use normalise::{Converters, Normaliser};
pub use number::{NumberFacts, UsedBy};
pub(crate) use number::{has_attachment_stubs, range_after_numbers, range_of_numbers};
pub use system_config::{DEFAULT_FEATURES_ALLOWED, DOCUMENT as NUMBER_MANAGER, SystemConfig};
pub use usage::{App, AppUsage, NumberUse, Usage};
