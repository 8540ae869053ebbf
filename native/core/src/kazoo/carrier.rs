//! Carrier modules: the valid targets of a conversion, and their features.

/// The carrier modules that Kazoo 5 ships (docs/specification.md#carrier-targets); inside Kazoo,
/// `knm_carriers:all_modules/0` is asked instead.
pub const ALL_CARRIERS: [&str; 26] = [
    "knm_bandwidth2",
    "knm_bandwidth",
    "knm_inum",
    "knm_local",
    "knm_inventory",
    "knm_managed",
    "knm_mdn",
    "knm_other",
    "knm_reserved",
    "knm_reserved_reseller",
    "knm_simwood",
    "knm_telnyx",
    "knm_vitelity",
    "knm_voip_innovations",
    "knm_voxbone",
    "knm_didww",
    "knm_flowroute",
    "knm_inteliquent",
    "knm_it_vocal",
    "knm_level3",
    "knm_o1",
    "knm_peerless",
    "knm_thinq",
    "knm_verizon",
    "knm_windstream",
    "knm_ziron",
];

/// Whether a module is a valid target of a conversion. `known`: the modules that the host knows.
pub fn is_valid_target(target: &str, known: Option<&[String]>) -> bool {
    match known {
        Some(known) => known.iter().any(|module| module == target),
        None => ALL_CARRIERS.contains(&target),
    }
}

/// The stored name of a target: `knm_bandwidth` is stored as its successor `knm_bandwidth2`.
pub fn stored_target(target: &str) -> &str {
    if target == "knm_bandwidth" {
        "knm_bandwidth2"
    } else {
        target
    }
}

/// Whether numbers of this module have the feature `local`.
pub fn wants_local_feature(module: &str) -> bool {
    matches!(module, "knm_local" | "knm_mdn")
}
