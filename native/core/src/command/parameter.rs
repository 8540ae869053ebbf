//! The parameters of commands: their names, descriptions and examples.

/// The meaning of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// An account, in any form.
    Account,
    /// A list of accounts.
    Accounts,
    /// A number database, in any form.
    Database,
    /// A list of number databases.
    Databases,
    /// The first characters of a number.
    Prefix,
    /// A phone number.
    Number,
    /// A list of phone numbers.
    Numbers,
    /// A number database or a phone number.
    DatabaseOrNumber,
    /// The carrier module that numbers have.
    Source,
    /// The carrier module that numbers get.
    Target,
    /// A feature.
    Feature,
    /// The id of a run, as `runs` lists it.
    Run,
    /// The word that turns off a safeguard of `undo`.
    Insistence,
    /// The scope of an audit: an account, a number database, a prefix or a number.
    AuditTarget,
    /// Accounts, number databases, prefixes or numbers.
    Parts,
    /// The id of a run in progress, as `status` prints it.
    RunInProgress,
    /// A saved plan: its id, or its file.
    Plan,
    /// The word that leaves documents alone that changed since the plan was made.
    SkipStale,
    /// The word that shows each document of a plan.
    Full,
    /// Requests a second, or `off`.
    RequestRate,
    /// The word that removes the lock of a run that is alive.
    Anyway,
    /// The name of a function.
    Function,
    /// The name of a function that can be planned.
    PlannedFunction,
    /// The arguments for the function that another parameter names.
    OfFunction,
    /// An argument that only Kazoo understands.
    Other,
}

impl Parameter {
    /// Whether the parameter accepts a list.
    pub fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Accounts | Self::Databases | Self::Numbers | Self::AuditTarget | Self::Parts
        )
    }

    /// Its name in usage lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Accounts => "ACCOUNT…",
            Self::Database => "NUMBER_DB",
            Self::Databases => "NUMBER_DB…",
            Self::Prefix => "PREFIX",
            Self::Number => "NUMBER",
            Self::Numbers => "NUMBER…",
            Self::DatabaseOrNumber => "NUMBER_DB|NUMBER",
            Self::Source => "SOURCE",
            Self::Target => "TARGET",
            Self::Feature => "FEATURE",
            Self::Run => "RUN",
            Self::Plan => "PLAN",
            Self::SkipStale => "skip_stale",
            Self::Full => "full",
            Self::Insistence => "any_cluster|again",
            Self::RunInProgress => "RUN_IN_PROGRESS",
            Self::RequestRate => "REQUESTS",
            Self::Anyway => "anyway",
            Self::Function | Self::PlannedFunction => "FUNCTION",
            Self::OfFunction => "ARGUMENT…",
            Self::AuditTarget | Self::Parts => "ACCOUNT|NUMBER_DB|NUMBER…",
            Self::Other => "ARGUMENT",
        }
    }

    /// The accepted values, in one line.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Account => {
                "an account id, its database (account/4b/87/…, account%2F4b%2F87%2F…), or a month or year database of it"
            }
            Self::Accounts => "accounts, each in any form of ACCOUNT",
            Self::Database => "a number database: numbers%2F%2B1415, numbers/+1415, or +1415",
            Self::Databases => "number databases, each in any form of NUMBER_DB",
            Self::Prefix => {
                "the first characters of a number; five or more name one database, fewer every database that starts so"
            }
            Self::Number => "a phone number in any form that Kazoo's converters know",
            Self::Numbers => "phone numbers, each in any form of NUMBER",
            Self::DatabaseOrNumber => "a number database, a prefix, or a phone number",
            Self::Source => "the carrier module that the numbers have",
            Self::Target => "the carrier module that the numbers get",
            Self::Feature => "a feature, as all_features lists them",
            Self::Run => {
                "the id of a run, as runs lists it; its first characters, if no other id begins so; or last, the newest run of this cluster"
            }
            Self::Insistence => {
                "one of these words: any_cluster undoes a run of another cluster here; again undoes a run that was undone before"
            }
            Self::Plan => "the id of a plan, as plans lists it, or the path of its file",
            Self::SkipStale => {
                "the word skip_stale: documents that changed since the plan was made are left alone"
            }
            Self::Full => "the word full: each document is shown",
            Self::AuditTarget | Self::Parts => {
                "accounts, number databases, prefixes or phone numbers; for audit also trend: the audits of the whole cluster so far"
            }
            Self::RunInProgress => {
                "the id of a run in progress, as status prints it, or its beginning"
            }
            Self::RequestRate => "requests a second, from 0.01 to 1000000, or off",
            Self::Anyway => "this word: the lock is removed although its run is alive",
            Self::Function | Self::PlannedFunction => {
                "the name of a function; for plan, one that writes documents"
            }
            Self::OfFunction => "the arguments of that function, three at most",
            Self::Other => "what Kazoo's own function takes",
        }
    }

    /// An accepted value.
    pub fn example(&self) -> &'static str {
        match self {
            Self::Account | Self::Accounts => "4b87ccf02d8846f06c3b1f0e04e76bfd",
            Self::Database | Self::Databases => "numbers%2F%2B1415",
            Self::Prefix | Self::DatabaseOrNumber | Self::AuditTarget | Self::Parts => "+1415",
            Self::Number | Self::Numbers => "+14155550100",
            Self::Source => "knm_bandwidth",
            Self::Target => "knm_bandwidth2",
            Self::Feature => "e911",
            Self::Run => "20261123T042900Z-250000",
            Self::Plan => "20261126T001209Z-487223",
            Self::SkipStale => "skip_stale",
            Self::Full => "full",
            Self::Insistence => "any_cluster",
            Self::RunInProgress => "4f0c1d2e3a5b6978",
            Self::RequestRate => "5",
            Self::Anyway => "anyway",
            Self::Function | Self::PlannedFunction => "fix_account_db_numbers",
            Self::OfFunction => Self::Account.example(),
            Self::Other => "example",
        }
    }
}
