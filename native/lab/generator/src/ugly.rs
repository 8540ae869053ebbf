//! Unusual documents and databases in real clusters.

use std::collections::BTreeSet;

/// A kind of ugliness. It is not drift: a command must handle it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UglyKind {
    /// Integers of 20 or more digits in number documents.
    BigIntegers,
    /// Floats that a parser could spell differently: `1.0`, `0.1`.
    Floats,
    /// Objects and arrays nested 60 levels deep.
    DeepNesting,
    /// Names and values outside ASCII.
    Unicode,
    /// A text attachment on a number document (CouchDB compresses it), sometimes with different
    /// content on the account's side.
    TextAttachment,
    /// A binary attachment on a number document.
    BinaryAttachment,
    /// `pvt_features` as a list, text, number or null.
    OddFeatures,
    /// A document of Kazoo 3: without `pvt_type`, with `pvt_number_state`, and with `pvt_features`
    /// as a list of names, some of which were renamed later.
    OldVersion,
    /// `pvt_module_name` as an integer, null, text with spaces, a list, or absent.
    OddCarrier,
    /// Private fields with other types than Kazoo's.
    OddFields,

    /// `pvt_deleted` is true on one side or both, or has another value than `true`.
    SoftDeleted,
    /// Deleted on both sides: only tombstones.
    Tombstone,
    /// `pvt_assigned_to` that is not an account id.
    OddAssignment,
    /// `pvt_assigned_to` in upper-case hexadecimal digits.
    UpperCaseAssignment,
    /// `pvt_used_by` as an object, list, number, null, or a word that is not an application.
    OddUsedBy,
    /// `pvt_type` as a number, list, null, other text, or absent, on one side or both.
    OddType,
    /// The number is in a callflow and in a trunkstore document of the assigned account.
    UsedByBoth,
    /// A callflow or a trunkstore document spells the number without `+1`.
    UnnormalisedUsage,
    /// The number is in a callflow of another account.
    ForeignUsage,

    /// Number documents with an id that is not in E.164: `911`, `4155550100`, `anonymous`, ….
    OddIds,
    /// Ids whose first five characters cannot be part of a database's name.
    IllegalDatabaseName,
    /// Documents of other types with a number for an id.
    OtherTypes,
    /// Callflows whose `numbers` is not a list of strings, or that are soft-deleted.
    OddCallflows,
    /// Trunkstore documents with `servers`, `DIDs` or `enabled` of odd types, or soft-deleted.
    OddTrunkstores,
    /// Month and year databases of accounts, with number documents in them.
    MonthDatabases,
    /// An account database and a number database without design documents.
    NoDesignDocuments,
    /// `numbers/inum` and `numbers/managed`.
    SpecialNumberDatabases,
    /// Databases without any document.
    EmptyDatabases,
    /// Databases with names similar to an account's, and `accounts`.
    OddDatabases,
    /// A custom converter in `system_config/number_manager`.
    Converters,
}

impl UglyKind {
    /// Kinds that change the content of a number document equally on both sides.
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

    /// Kinds that exclude each other and drift: a number has at most one of them.
    pub(crate) const EXCLUSIVE: [Self; 9] = [
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

    /// Kinds of other documents and databases.
    pub(crate) const OVERLAY: [Self; 11] = [
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
        all.extend(Self::EXCLUSIVE);
        all.extend(Self::OVERLAY);
        all
    }
}
