//! Carrier modules.

use super::super::parameter::Parameter::{Number, Prefix, Source, Target};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Journaling};
use super::answer;
use crate::commands::{carrier_usage, convert_carrier};
use crate::selection::NumberDatabases;

const FAMILY: Family = Family::Carriers;

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "carrier_module_usage",
        &[],
        "Counts the numbers of each carrier module, in all number databases.",
        |_| answer!(run => carrier_usage::usage(run, NumberDatabases::All)),
    )
    .fixed_output()
    .main()
    .journals(Journaling::Prunes),
    CommandSpec::new(
        FAMILY,
        "carrier_module_usage",
        &[Prefix],
        "Counts the numbers of each carrier module, in the number databases of a prefix.",
        |given| {
            let databases = given.prefix_or_all()?;
            answer!(run => carrier_usage::usage(run, databases))
        },
    )
    .fixed_output()
    .journals(Journaling::Prunes),
    CommandSpec::new(
        FAMILY,
        "convert_carrier_module",
        &[Source, Target],
        "Converts the numbers of one carrier module to another, in all number databases.",
        |given| {
            let source = given.text("a carrier module", "knm_bandwidth")?;
            let target = given.target()?;
            let of_check = target.clone();
            let prepared = answer!(run => convert_carrier::convert(run, source, target, NumberDatabases::All));
            prepared.map(|prepared| checked(prepared, of_check))
        },
    )
    .indexed()
    .writes()
    .exclusive()
    .reconciles_services()
    .fixed_output()
    .main(),
    CommandSpec::new(
        FAMILY,
        "convert_carrier_module",
        &[Source, Target, Prefix],
        "Converts the numbers of one carrier module to another, in the number databases of a prefix.",
        |given| {
            let source = given.text("a carrier module", "knm_bandwidth")?;
            let target = given.target()?;
            let of_check = target.clone();
            // An invalid target is refused before the other arguments. Only the host knows the valid ones.
            let prepared = match given.prefix_or_all() {
                Ok(databases) => {
                    answer!(run => convert_carrier::convert(run, source, target, databases))
                }
                Err(refusal) => Ok(Prepared::refused(refusal.to_string())),
            };
            prepared.map(|prepared| checked(prepared, of_check))
        },
    )
    .writes()
    .exclusive()
    .reconciles_services()
    .fixed_output()
    .main(),
    CommandSpec::new(
        FAMILY,
        "convert_carrier_module_number",
        &[Number, Target],
        "Converts a number to another carrier module.",
        |given| {
            let number = given.number();
            let target = given.target()?;
            let of_check = target.clone();
            let prepared = match number {
                Ok(number) => answer!(run => convert_carrier::convert_number(run, number, target)),
                Err(refusal) => Ok(Prepared::refused(refusal.to_string())),
            };
            prepared.map(|prepared| checked(prepared, of_check))
        },
    )
    .writes()
    .shared()
    .reconciles_services()
    .fixed_output()
    .main(),
];

fn checked(prepared: Prepared, target: String) -> Prepared {
    prepared.check(move |run| async move { Ok(convert_carrier::bad_target(&run, &target).await) })
}
