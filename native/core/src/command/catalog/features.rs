//! Commands for the features of numbers, of the system config, and of resellers.

use super::super::parameter::Parameter::{Account, Feature, Number};
use super::super::spec::{CommandSpec, Family, Returns};
use super::{answer, kazoo};
use crate::commands::{features, system_features};
use crate::selection::{Edit, FeatureList};

const FAMILY: Family = Family::Features;

/// One of the four editors of a number's features.
macro_rules! edit_on_number {
    ($name:literal, $edit:expr, $list:expr, $help:literal) => {
        CommandSpec::new(FAMILY, $name, &[Feature, Number], $help, |given| {
            let (feature, number) = (given.feature()?, given.number()?);
            answer!(run => features::edit_on_number(run, $edit, $list, feature, number))
        })
        .writes()
        .shared()
        .reconciles_services()
        .returns(Returns::NoReturn)
    };
}

/// One of the commands that write the system config. They change no numbers.
macro_rules! edit_on_system {
    ($name:literal, $edit:expr, $help:literal) => {
        CommandSpec::new(FAMILY, $name, &[Feature], $help, |given| {
            let feature = given.feature()?;
            answer!(run => system_features::edit(run, $edit, feature))
        })
        .writes()
        .returns(Returns::NoReturn)
    };
}

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "reset_allowed_features_to_defaults_on_system_config",
        &[],
        "Sets the features that the system config allows to the ten defaults.",
        |_| answer!(run => system_features::reset(run)),
    )
    .writes()
    .returns(Returns::NoReturn),
    CommandSpec::new(
        FAMILY,
        "all_features",
        &[],
        "Lists the features that there are.",
        |_| answer!(run => features::all(run)),
    )
    .returns(Returns::NoReturn)
    .local(),
    CommandSpec::new(
        FAMILY,
        "feature_permissions_on_number",
        &[Number],
        "Shows which features are allowed and denied on a number.",
        |given| {
            let number = given.number()?;
            answer!(run => features::show_on_number(run, number))
        },
    )
    .returns(Returns::NoReturn)
    .main(),
    edit_on_number!(
        "add_allowed_feature_on_number",
        Edit::Add,
        FeatureList::Allowed,
        "Adds a feature to those allowed on a number."
    ),
    edit_on_number!(
        "add_denied_feature_on_number",
        Edit::Add,
        FeatureList::Denied,
        "Adds a feature to those denied on a number."
    ),
    edit_on_number!(
        "remove_allowed_feature_on_number",
        Edit::Remove,
        FeatureList::Allowed,
        "Removes a feature from those allowed on a number."
    ),
    edit_on_number!(
        "remove_denied_feature_on_number",
        Edit::Remove,
        FeatureList::Denied,
        "Removes a feature from those denied on a number."
    ),
    CommandSpec::new(
        FAMILY,
        "feature_permissions_on_system_config",
        &[],
        "Shows which features the system config allows.",
        |_| answer!(run => system_features::show(run)),
    )
    .returns(Returns::NoReturn)
    .main(),
    edit_on_system!(
        "add_allowed_feature_on_system_config",
        Edit::Add,
        "Adds a feature to those that the system config allows."
    ),
    edit_on_system!(
        "remove_allowed_feature_on_system_config",
        Edit::Remove,
        "Removes a feature from those that the system config allows."
    ),
    CommandSpec::new(
        FAMILY,
        "ensure_adminonly_features_are_reachable",
        &[],
        "Adds carrier_name to the features that the system config allows, where it is missing.",
        |_| answer!(run => system_features::ensure_admin_only(run)),
    )
    .writes()
    .returns(Returns::NoReturn),
    kazoo::row(
        FAMILY,
        "feature_permissions_on_reseller_of",
        &[Account],
        "Shows which features are allowed and denied by an account's reseller.",
    )
    .returns(Returns::NoReturn),
    kazoo::row(
        FAMILY,
        "add_allowed_feature_on_reseller_of",
        &[Feature, Account],
        "Adds a feature to those allowed by an account's reseller.",
    )
    .returns(Returns::NoReturn),
    kazoo::row(
        FAMILY,
        "add_denied_feature_on_reseller_of",
        &[Feature, Account],
        "Adds a feature to those denied by an account's reseller.",
    )
    .returns(Returns::NoReturn),
    kazoo::row(
        FAMILY,
        "remove_allowed_feature_on_reseller_of",
        &[Feature, Account],
        "Removes a feature from those allowed by an account's reseller.",
    )
    .returns(Returns::NoReturn),
    kazoo::row(
        FAMILY,
        "remove_denied_feature_on_reseller_of",
        &[Feature, Account],
        "Removes a feature from those denied by an account's reseller.",
    )
    .returns(Returns::NoReturn),
];
