//! What real clusters hold beside well-made documents.

use std::collections::BTreeSet;

/// A kind of ugliness. It is not drift: a command has to live with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UglyKind {
    /// Integers of 20 digits and more in number documents.
    BigIntegers,
    /// Floats that a parser could respell: `1.0`, `0.1`.
    Floats,
    /// Objects and arrays sixty levels deep.
    DeepNesting,
    /// Names and values beyond ASCII.
    Unicode,
    /// A text attachment on a number document (CouchDB compresses it); sometimes another content
    /// on the account's side.
    TextAttachment,
    /// A binary attachment on a number document.
    BinaryAttachment,
    /// `pvt_features` as a list, text, number or null.
    OddFeatures,
    /// As Kazoo 3 wrote it: without `pvt_type`, with `pvt_number_state`, and `pvt_features` as a
    /// list of names, some of which Kazoo renamed later.
    OldVersion,
    /// `pvt_module_name` as an integer, null, text with spaces, a list, or absent.
    OddCarrier,
    /// Private fields of other types than Kazoo writes.
    OddFields,

    /// `pvt_deleted` is true on one side or both; or is set to what is not `true`.
    SoftDeleted,
    /// Deleted on both sides: tombstones only.
    Tombstone,
    /// `pvt_assigned_to` that is no account id.
    OddAssignment,
    /// `pvt_assigned_to` in upper-case hexadecimal digits.
    UpperCaseAssignment,
    /// `pvt_used_by` as an object, list, number, null, or a word that is no application.
    OddUsedBy,
    /// `pvt_type` as a number, list, null, other text, or absent, on one side or both.
    OddType,
    /// In a callflow and in a trunkstore document of the assigned account.
    UsedByBoth,
    /// A callflow or a trunkstore document spells the number without `+1`.
    UnnormalisedUsage,
    /// In a callflow of an account that the number is not assigned to.
    ForeignUsage,

    /// Number documents whose id is no E.164 number: `911`, `4155550100`, `anonymous`, …
    OddIds,
    /// Ids whose first five characters cannot be part of a database's name.
    IllegalDatabaseName,
    /// Documents of other types with a number for an id.
    OtherTypes,
    /// Callflows whose `numbers` is no list of strings, or that are soft-deleted.
    OddCallflows,
    /// Trunkstore documents with `servers`, `DIDs` or `enabled` of odd types, or soft-deleted.
    OddTrunkstores,
    /// Month and year databases of accounts, with number documents in them.
    MonthDatabases,
    /// An account database and a number database without design documents.
    NoDesignDocuments,
    /// `numbers/inum` and `numbers/managed`.
    SpecialNumberDatabases,
    /// Databases with nothing in them, design documents neither.
    EmptyDatabases,
    /// Databases whose names only look like an account's, and `accounts`.
    OddDatabases,
    /// A converter of its own in `system_config/number_manager`.
    Converters,
}

impl UglyKind {
    /// Those that change the content of a number document on both sides alike.
    pub(crate) const CONTENT: [Self; 10] = [
        Self::BigIntegers,
        Self::Floats,
        Self::DeepNesting,
        Self::Unicode,
        Self::TextAttachment,
        Self::BinaryAttachment,
        Self::OddFeatures,
        Self::OldVersion,
        Self::OddCarrier,
        Self::OddFields,
    ];

    /// Those that decide what becomes of a number, so that a number has only one of them, and
    /// no drift beside.
    pub(crate) const FATE: [Self; 9] = [
        Self::SoftDeleted,
        Self::Tombstone,
        Self::OddAssignment,
        Self::UpperCaseAssignment,
        Self::OddUsedBy,
        Self::OddType,
        Self::UsedByBoth,
        Self::UnnormalisedUsage,
        Self::ForeignUsage,
    ];

    /// Those that lie beside the numbers: databases, other documents.
    pub(crate) const BESIDE: [Self; 11] = [
        Self::OddIds,
        Self::IllegalDatabaseName,
        Self::OtherTypes,
        Self::OddCallflows,
        Self::OddTrunkstores,
        Self::MonthDatabases,
        Self::NoDesignDocuments,
        Self::SpecialNumberDatabases,
        Self::EmptyDatabases,
        Self::OddDatabases,
        Self::Converters,
    ];

    /// The set of every kind.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        let mut all = BTreeSet::new();
        all.extend(Self::CONTENT);
        all.extend(Self::FATE);
        all.extend(Self::BESIDE);
        all
    }
}
