//! Decides, for every number, what becomes of it; and makes databases of the decisions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account_documents::{Did, Scribe};
use crate::design_documents::{account_designs, number_database_design};
use crate::dice::Dice;
use crate::documents::{Cluster, Database, Document};
use crate::drift::{Drift, DriftKind};
use crate::names::account_database;
use crate::number_documents::{Difference, Subject, number_document, uglify};
use crate::options::Options;
use crate::overlay::overlay;
use crate::prefixes::{number, prefixes};
use crate::system_config::system_config;
use crate::ugly::UglyKind;

/// A cluster and what was broken in it.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The cluster.
    pub cluster: Cluster,
    /// What was broken, by kind. Without ugliness this is all that is out of order; ugly
    /// clusters hold odd cases beside, which nobody calls drift.
    pub drift: Vec<Drift>,
}

/// Makes a whole cluster in memory. For hundreds of thousands of numbers, make a [`Plan`] and
/// take its databases one by one.
#[must_use]
pub fn generate(options: &Options) -> Generated {
    let plan = Plan::new(options);
    let databases = plan
        .names()
        .into_iter()
        .map(|name| {
            let database = plan.database(&name);
            (name, database)
        })
        .collect();
    Generated {
        cluster: Cluster { databases },
        drift: plan.drift,
    }
}

/// Who a number is assigned to in its number database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    /// An account with a database.
    Account(usize),
    /// An account without one.
    Gone(usize),
}

/// What the account's documents use the number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    None,
    Callflow,
    Trunkstore,
    Both,
}

impl Usage {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Callflow | Self::Both => Some("callflow"),
            Self::Trunkstore => Some("trunkstore"),
        }
    }

    /// A `pvt_used_by` that is wrong for this usage.
    fn wrong(self, which: usize) -> Option<&'static str> {
        let wrong = match self {
            Self::None => [Some("callflow"), Some("trunkstore"), Some("callflow")],
            Self::Callflow => [None, Some("trunkstore"), Some("mobile")],
            Self::Trunkstore | Self::Both => [None, Some("callflow"), Some("calltrunkflow")],
        };
        wrong[which % 3]
    }
}

/// A copy that lies in an account that has nothing to do with the number.
#[derive(Clone, Copy, Debug)]
struct Stray {
    account: usize,
    /// Whether it is assigned to the account it lies in, or to the number's own.
    own: bool,
    /// Whether `pvt_used_by` is still there.
    used: bool,
    difference: Option<Difference>,
}

#[derive(Clone, Debug)]
enum Breakage {
    Missing {
        tombstone: bool,
    },
    Differing(Difference),
    UsedBy {
        number_side: Option<usize>,
        account_side: Option<usize>,
    },
    /// In another account as well; `tombstone`: and left a tombstone in its own.
    Astray(Stray),
    OnlyInAccount {
        in_own: bool,
        strays: Vec<Stray>,
        tombstone: bool,
    },
    Misfiled {
        prefix: usize,
        /// Whether it is also where it should be.
        twice: bool,
    },
    UnassignedButUsed,
}

#[derive(Clone, Debug)]
struct NumberPlan {
    prefix: u32,
    serial: u32,
    holder: Holder,
    usage: Usage,
    breakage: Option<Box<Breakage>>,
    fate: Option<UglyKind>,
    content: Option<UglyKind>,
}

/// What a cluster is to hold: a few bytes a number.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) options: Options,
    pub(crate) prefixes: Vec<String>,
    pub(crate) accounts: Vec<String>,
    gone: Vec<String>,
    numbers: Vec<NumberPlan>,
    by_prefix: Vec<Vec<u32>>,
    by_account: Vec<Vec<u32>>,
    pub(crate) serials: Vec<u32>,
    overlay: BTreeMap<String, Database>,
    pub(crate) drift: Vec<Drift>,
}

impl Plan {
    /// Decides everything.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let mut options = options.clone();
        options.accounts = options.accounts.max(1);
        let prefixes = prefixes(options.seed, options.number_databases);
        options.number_databases = prefixes.len() - 1;
        let accounts = ids(options.seed, "accounts", options.accounts);
        let gone = ids(options.seed, "gone", 1 + options.accounts / 50);
        let mut plan = Self {
            by_prefix: vec![Vec::new(); prefixes.len()],
            by_account: vec![Vec::new(); accounts.len()],
            serials: vec![0; prefixes.len()],
            options,
            prefixes,
            accounts,
            gone,
            numbers: Vec::new(),
            overlay: BTreeMap::new(),
            drift: Vec::new(),
        };
        plan.deal_numbers();
        plan.break_numbers();
        plan.uglify_numbers();
        plan.index();
        plan.overlay = overlay(&mut plan);
        plan.drift.sort();
        plan
    }

    /// What was broken, sorted.
    #[must_use]
    pub fn drift(&self) -> &[Drift] {
        &self.drift
    }

    /// The names of all databases, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .served_prefixes()
            .iter()
            .map(|prefix| format!("numbers/{prefix}"))
            .chain(self.accounts.iter().map(|id| account_database(id)))
            .chain(self.overlay.keys().cloned())
            .chain([String::from("system_config")])
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Makes one database; an empty one of a name that the plan does not have.
    #[must_use]
    pub fn database(&self, name: &str) -> Database {
        let mut database = if name == "system_config" {
            system_config(self.is_ugly(UglyKind::Converters))
        } else if let Some(at) = self.prefix_of(name) {
            self.number_database(at)
        } else if let Some(at) = self.account_of(name) {
            self.account_database(at)
        } else {
            Database::default()
        };
        if let Some(beside) = self.overlay.get(name) {
            for document in beside.documents.values() {
                database.insert(document.clone());
            }
            for id in &beside.deleted {
                database.delete(id);
            }
        }
        database
    }

    /// Whether this kind of ugliness was asked for.
    pub(crate) fn is_ugly(&self, kind: UglyKind) -> bool {
        self.options.ugly.contains(&kind)
    }

    /// The prefixes that have a number database.
    pub(crate) fn served_prefixes(&self) -> &[String] {
        &self.prefixes[..self.options.number_databases]
    }

    fn prefix_of(&self, name: &str) -> Option<usize> {
        let prefix = name.strip_prefix("numbers/")?;
        self.served_prefixes().iter().position(|own| own == prefix)
    }

    fn account_of(&self, name: &str) -> Option<usize> {
        let id = crate::names::account_of_database(name)?;
        self.accounts.iter().position(|own| *own == id)
    }

    /// The account that all others are under.
    pub(crate) fn master(&self) -> &str {
        &self.accounts[0]
    }

    /// A number of that prefix that no other document has.
    pub(crate) fn fresh_number(&mut self, prefix: usize) -> String {
        let serial = self.serials[prefix];
        self.serials[prefix] += 1;
        number(&self.prefixes[prefix], serial)
    }

    // Decisions.

    fn deal_numbers(&mut self) {
        let mut dice = Dice::new(self.options.seed, "numbers", 0);
        let served = self.options.number_databases;
        for index in 0..self.options.numbers {
            // Every database gets some; the rest falls more often on the first ones.
            let prefix = if index < served {
                index
            } else {
                dice.below(served).min(dice.below(served))
            };
            let holder = if dice.below(100) < 8 {
                Holder::Nobody
            } else {
                self.any_account(&mut dice)
            };
            let usage = match (holder, dice.below(20)) {
                (Holder::Nobody, _) | (_, 16..) => Usage::None,
                (_, ..11) => Usage::Callflow,
                _ => Usage::Trunkstore,
            };
            let serial = self.serials[prefix];
            self.serials[prefix] += 1;
            self.numbers.push(NumberPlan {
                prefix: prefix as u32,
                serial,
                holder,
                usage,
                breakage: None,
                fate: None,
                content: None,
            });
        }
    }

    /// A few accounts have most of the numbers.
    fn any_account(&self, dice: &mut Dice) -> Holder {
        let accounts = self.accounts.len();
        Holder::Account(dice.below(accounts).min(dice.below(accounts)))
    }

    /// Drift falls on a shuffled row of numbers, kinds in turn, so that all occur.
    fn break_numbers(&mut self) {
        let kinds: Vec<DriftKind> = self
            .options
            .kinds
            .iter()
            .copied()
            .filter(|kind| self.can_break(*kind))
            .collect();
        if kinds.is_empty() {
            return;
        }
        let mut dice = Dice::new(self.options.seed, "drift", 0);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        dice.shuffle(&mut row);
        row.truncate(portion(self.numbers.len(), self.options.drift));
        let first = dice.below(kinds.len());
        for (turn, index) in row.into_iter().enumerate() {
            let kind = kinds[(first + turn) % kinds.len()];
            self.break_number(index, kind, &mut dice);
        }
    }

    fn can_break(&self, kind: DriftKind) -> bool {
        match kind {
            DriftKind::WrongAccount | DriftKind::FormerAccount => self.accounts.len() > 1,
            DriftKind::Misfiled => self.options.number_databases > 1,
            _ => true,
        }
    }

    fn break_number(&mut self, index: usize, kind: DriftKind, dice: &mut Dice) {
        let own = match self.numbers[index].holder {
            Holder::Account(own) => own,
            _ => match self.any_account(dice) {
                Holder::Account(own) => own,
                _ => 0,
            },
        };
        self.numbers[index].holder = Holder::Account(own);
        let breakage = match kind {
            DriftKind::MissingCopy => Breakage::Missing {
                tombstone: dice.one_in(3),
            },
            DriftKind::DifferingCopy => Breakage::Differing(self.any_difference(dice)),
            DriftKind::WrongUsedByInNumberDatabase => {
                let both = self
                    .options
                    .kinds
                    .contains(&DriftKind::WrongUsedByInAccount)
                    && dice.one_in(2);
                let which = dice.below(3);
                Breakage::UsedBy {
                    number_side: Some(which),
                    account_side: both.then_some(which),
                }
            }
            DriftKind::WrongUsedByInAccount => Breakage::UsedBy {
                number_side: None,
                account_side: Some(dice.below(3)),
            },
            DriftKind::WrongAccount => Breakage::Astray(self.stray(own, false, dice)),
            DriftKind::FormerAccount => Breakage::Astray(self.stray(own, true, dice)),
            DriftKind::OnlyInAccount => self.only_in_account(index, own, dice),
            DriftKind::AccountMissing => {
                self.numbers[index].holder = Holder::Gone(dice.below(self.gone.len()));
                let planned = &self.numbers[index];
                self.drift.push(self.fact(
                    DriftKind::AccountMissing,
                    planned,
                    planned.holder,
                    &[
                        account_database(self.holder_id(planned.holder).unwrap_or_default()),
                        self.home(planned),
                    ],
                ));
                return;
            }
            DriftKind::Misfiled => {
                let shift = 1 + dice.below(self.options.number_databases - 1);
                let home = self.numbers[index].prefix as usize;
                let twice = dice.one_in(3);
                if !twice && dice.one_in(2) {
                    self.numbers[index].holder = Holder::Nobody;
                    self.numbers[index].usage = Usage::None;
                }
                Breakage::Misfiled {
                    prefix: (home + shift) % self.options.number_databases,
                    twice,
                }
            }
            DriftKind::UnassignedButUsed => {
                self.numbers[index].holder = Holder::Nobody;
                self.numbers[index].usage = Usage::None;
                Breakage::UnassignedButUsed
            }
        };
        self.state_facts(index, &breakage);
        self.numbers[index].breakage = Some(Box::new(breakage));
    }

    fn any_difference(&self, dice: &mut Dice) -> Difference {
        match dice.pick(&Difference::ALL) {
            Difference::Attachment if !self.is_ugly(UglyKind::TextAttachment) => Difference::Public,
            difference => difference,
        }
    }

    fn stray(&self, own: usize, own_assigned: bool, dice: &mut Dice) -> Stray {
        let others = self.accounts.len() - 1;
        Stray {
            account: (own + 1 + dice.below(others)) % self.accounts.len(),
            own: own_assigned,
            used: dice.one_in(2),
            difference: None,
        }
    }

    fn only_in_account(&mut self, index: usize, own: usize, dice: &mut Dice) -> Breakage {
        // One in four belongs to a number database that does not exist.
        if dice.one_in(4) {
            let lost = self.prefixes.len() - 1;
            self.numbers[index].prefix = lost as u32;
            self.numbers[index].serial = self.serials[lost];
            self.serials[lost] += 1;
        }
        let mut strays: Vec<Stray> = Vec::new();
        if self.accounts.len() > 1 && dice.one_in(2) {
            for _ in 0..1 + dice.below(2) {
                let own_assigned = dice.one_in(2);
                let mut stray = self.stray(own, own_assigned, dice);
                stray.difference = match self.any_difference(dice) {
                    // A soft-deleted document is no candidate, and no fact either.
                    Difference::SoftDeleted => None,
                    difference if dice.one_in(2) => Some(difference),
                    _ => None,
                };
                if strays.iter().all(|other| other.account != stray.account) {
                    strays.push(stray);
                }
            }
        }
        Breakage::OnlyInAccount {
            in_own: strays.is_empty() || !dice.one_in(3),
            strays,
            tombstone: dice.one_in(3),
        }
    }

    fn fact(
        &self,
        kind: DriftKind,
        planned: &NumberPlan,
        holder: Holder,
        databases: &[String],
    ) -> Drift {
        Drift {
            kind,
            number: self.number(planned),
            account: self.holder_id(holder).map(String::from),
            databases: databases.to_vec(),
            fields: Vec::new(),
        }
    }

    /// Lists what this breakage makes wrong.
    fn state_facts(&mut self, index: usize, breakage: &Breakage) {
        let planned = self.numbers[index].clone();
        let home = self.home(&planned);
        let own = match planned.holder {
            Holder::Account(own) => Some(own),
            _ => None,
        };
        let account = |at: usize| account_database(&self.accounts[at]);
        let own_database = own.map(account).unwrap_or_default();
        let copy = [own_database.clone(), home.clone()];
        let mut facts = Vec::new();
        let mut state = |kind, holder, databases: &[String], fields: &[&str]| {
            let mut fact = self.fact(kind, &planned, holder, databases);
            fact.fields = fields.iter().copied().map(String::from).collect();
            facts.push(fact);
        };
        match breakage {
            Breakage::Missing { .. } => {
                state(DriftKind::MissingCopy, planned.holder, &copy, &[]);
            }
            Breakage::Differing(difference) => {
                let fields = difference.fields();
                state(DriftKind::DifferingCopy, planned.holder, &copy, fields);
            }
            Breakage::UsedBy {
                number_side,
                account_side,
            } => {
                let swapped = [home.clone(), own_database.clone()];
                if number_side.is_some() {
                    let kind = DriftKind::WrongUsedByInNumberDatabase;
                    state(kind, planned.holder, &swapped, &[]);
                }
                if account_side.is_some() {
                    let kind = DriftKind::WrongUsedByInAccount;
                    state(kind, planned.holder, &copy, &[]);
                }
                if number_side.is_none() || account_side.is_none() {
                    let kind = DriftKind::DifferingCopy;
                    state(kind, planned.holder, &copy, &["pvt_used_by"]);
                }
            }
            Breakage::Astray(stray) => {
                let kind = if stray.own {
                    DriftKind::FormerAccount
                } else {
                    DriftKind::WrongAccount
                };
                let holder = Holder::Account(stray.account);
                let databases = [account(stray.account), home.clone()];
                state(kind, holder, &databases, &[]);
                if stray.used && planned.usage.name().is_some() {
                    state(DriftKind::WrongUsedByInAccount, holder, &databases, &[]);
                }
            }
            Breakage::OnlyInAccount { in_own, strays, .. } => {
                if *in_own {
                    state(DriftKind::OnlyInAccount, planned.holder, &copy, &[]);
                }
                for stray in strays {
                    let holder = Holder::Account(stray.account);
                    let databases = [account(stray.account), home.clone()];
                    state(DriftKind::OnlyInAccount, holder, &databases, &[]);
                    if !stray.own {
                        state(DriftKind::WrongAccount, holder, &databases, &[]);
                    }
                    if stray.used && planned.usage.name().is_some() {
                        state(DriftKind::WrongUsedByInAccount, holder, &databases, &[]);
                    }
                }
            }
            Breakage::Misfiled { prefix, twice } => {
                let wrong = format!("numbers/{}", self.prefixes[*prefix]);
                state(
                    DriftKind::Misfiled,
                    planned.holder,
                    &[wrong, home.clone()],
                    &[],
                );
                if !twice && own.is_some() {
                    state(DriftKind::OnlyInAccount, planned.holder, &copy, &[]);
                }
            }
            Breakage::UnassignedButUsed => {
                let kind = DriftKind::UnassignedButUsed;
                state(kind, planned.holder, std::slice::from_ref(&home), &[]);
            }
        }
        self.drift.append(&mut facts);
    }

    fn uglify_numbers(&mut self) {
        let mut dice = Dice::new(self.options.seed, "ugly", 0);
        let wanted = portion(self.numbers.len(), self.options.ugly_share);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        dice.shuffle(&mut row);

        let content = self.chosen(&UglyKind::CONTENT);
        let fates = self.chosen(&UglyKind::FATE);
        let first = dice.below(content.len().max(1));
        for (turn, index) in row.iter().take(wanted).enumerate() {
            if let Some(kind) = content.get((first + turn) % content.len().max(1)) {
                self.numbers[*index].content = Some(*kind);
            }
        }
        let first = dice.below(fates.len().max(1));
        let whole: Vec<usize> = row
            .into_iter()
            .filter(|index| {
                let planned = &self.numbers[*index];
                planned.breakage.is_none() && !matches!(planned.holder, Holder::Gone(_))
            })
            .take(wanted)
            .collect();
        for (turn, index) in whole.into_iter().enumerate() {
            if let Some(kind) = fates.get((first + turn) % fates.len().max(1)) {
                self.settle_fate(index, *kind, &mut dice);
            }
        }
    }

    fn chosen(&self, kinds: &[UglyKind]) -> Vec<UglyKind> {
        let chosen = kinds.iter().copied();
        chosen.filter(|kind| self.is_ugly(*kind)).collect()
    }

    fn settle_fate(&mut self, index: usize, kind: UglyKind, dice: &mut Dice) {
        let account = match self.numbers[index].holder {
            holder @ Holder::Account(_) => holder,
            _ => self.any_account(dice),
        };
        let planned = &mut self.numbers[index];
        let usage = match kind {
            UglyKind::UsedByBoth => Some(Usage::Both),
            UglyKind::ForeignUsage => Some(Usage::None),
            UglyKind::UnnormalisedUsage => Some(dice.pick(&[Usage::Callflow, Usage::Trunkstore])),
            UglyKind::UpperCaseAssignment => Some(planned.usage),
            _ => None,
        };
        if let Some(usage) = usage {
            planned.holder = account;
            planned.usage = usage;
        }
        planned.fate = Some(kind);
        if kind == UglyKind::OddUsedBy
            && let Holder::Account(own) = planned.holder
        {
            let planned = planned.clone();
            let (home, copy) = (self.home(&planned), account_database(&self.accounts[own]));
            for (kind, databases) in [
                (
                    DriftKind::WrongUsedByInNumberDatabase,
                    [home.clone(), copy.clone()],
                ),
                (DriftKind::WrongUsedByInAccount, [copy, home]),
            ] {
                let fact = self.fact(kind, &planned, planned.holder, &databases);
                self.drift.push(fact);
            }
        }
    }

    fn index(&mut self) {
        for (index, planned) in self.numbers.iter().enumerate() {
            let index = index as u32;
            let mut accounts: Vec<usize> = Vec::new();
            if let Holder::Account(own) = planned.holder {
                accounts.push(own);
            }
            let mut prefix = Some(planned.prefix as usize);
            match planned.breakage.as_deref() {
                Some(Breakage::Astray(stray)) => accounts.push(stray.account),
                Some(Breakage::OnlyInAccount { strays, .. }) => {
                    accounts.extend(strays.iter().map(|stray| stray.account));
                }
                Some(Breakage::Misfiled {
                    prefix: wrong,
                    twice,
                }) => {
                    self.by_prefix[*wrong].push(index);
                    if !twice {
                        prefix = None;
                    }
                }
                _ => {}
            }
            if let Some(prefix) = prefix {
                self.by_prefix[prefix].push(index);
            }
            for account in accounts {
                self.by_account[account].push(index);
            }
        }
    }

    // Documents.

    fn number(&self, planned: &NumberPlan) -> String {
        number(&self.prefixes[planned.prefix as usize], planned.serial)
    }

    fn home(&self, planned: &NumberPlan) -> String {
        format!("numbers/{}", self.prefixes[planned.prefix as usize])
    }

    fn holder_id(&self, holder: Holder) -> Option<&str> {
        match holder {
            Holder::Nobody => None,
            Holder::Account(at) => self.accounts.get(at).map(String::as_str),
            Holder::Gone(at) => self.gone.get(at).map(String::as_str),
        }
    }

    /// The document as it is when nothing is wrong: the same on both sides.
    fn sound(&self, index: usize) -> Document {
        let planned = &self.numbers[index];
        let mut dice = Dice::new(self.options.seed, "number", index as u64);
        let state = if planned.holder == Holder::Nobody {
            dice.pick(&[
                "available",
                "available",
                "discovery",
                "reserved",
                "aging",
                "deleted",
            ])
        } else {
            "in_service"
        };
        let id = self.number(planned);
        let subject = Subject {
            id: &id,
            assigned_to: self.holder_id(planned.holder),
            state,
            used_by: planned.usage.name(),
            master: self.master(),
        };
        let mut document = number_document(&subject, &mut dice);
        if let Some(kind) = planned.content {
            uglify(&mut document, kind, &mut dice);
        }
        document
    }

    fn number_database(&self, prefix: usize) -> Database {
        let mut database = Database::default();
        let bare = self.is_ugly(UglyKind::NoDesignDocuments)
            && self.options.number_databases > 1
            && prefix == self.options.number_databases - 1;
        if !bare {
            database.insert(number_database_design());
        }
        for index in &self.by_prefix[prefix] {
            let index = *index as usize;
            let planned = &self.numbers[index];
            let mut document = self.sound(index);
            match planned.breakage.as_deref() {
                Some(Breakage::OnlyInAccount { tombstone, .. }) => {
                    if *tombstone {
                        database.delete(&self.number(planned));
                    }
                    continue;
                }
                Some(Breakage::UsedBy {
                    number_side: Some(which),
                    ..
                }) => set_used_by(&mut document, planned.usage.wrong(*which)),
                Some(Breakage::UnassignedButUsed) => set_used_by(&mut document, Some("callflow")),
                _ => {}
            }
            self.put(&mut database, index, document, Side::Number);
        }
        database
    }

    fn put(&self, database: &mut Database, index: usize, document: Document, side: Side) {
        let planned = &self.numbers[index];
        let Some(kind) = planned.fate else {
            return database.insert(document);
        };
        match fated(kind, document, side, self.options.seed, index) {
            Some(document) => database.insert(document),
            None => database.delete(&self.number(planned)),
        }
    }

    fn account_database(&self, account: usize) -> Database {
        let mut database = Database::default();
        let bare = self.is_ugly(UglyKind::NoDesignDocuments) && account == self.accounts.len() / 2;
        if !bare {
            for design in account_designs() {
                database.insert(design);
            }
        }
        let mut callflow: Vec<String> = Vec::new();
        let mut dids: Vec<Did> = Vec::new();
        for index in &self.by_account[account] {
            let index = *index as usize;
            self.put_copy(&mut database, account, index);
            self.use_number(account, index, &mut callflow, &mut dids);
        }
        let id = &self.accounts[account];
        let mut scribe = Scribe {
            account: id,
            dice: Dice::new(self.options.seed, "account", account as u64),
        };
        database.insert(scribe.account(self.master(), account));
        let people = 1 + (database.documents.len() / 8).min(10);
        for person in 0..people {
            for document in scribe.person(1001 + person) {
                database.insert(document);
            }
        }
        for document in scribe.standard_callflows() {
            database.insert(document);
        }
        let mut rest = callflow.as_slice();
        let mut extension = 1000;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(1 + scribe.dice.below(4)));
            let mut numbers = now.to_vec();
            if scribe.dice.one_in(2) {
                extension += 1;
                numbers.push(extension.to_string());
            }
            database.insert(scribe.callflow(&numbers));
            rest = later;
        }
        let odd = self.is_ugly(UglyKind::OddTrunkstores);
        // An account can have several; most have one, or none.
        for part in dids.chunks(400) {
            database.insert(scribe.trunkstore(part, odd));
        }
        if dids.is_empty() && scribe.dice.one_in(3) {
            database.insert(scribe.trunkstore(&[], odd));
        }
        database
    }

    fn put_copy(&self, database: &mut Database, account: usize, index: usize) {
        let planned = &self.numbers[index];
        let mut document = self.sound(index);
        let breakage = planned.breakage.as_deref();
        if planned.holder != Holder::Account(account) {
            let strays = match breakage {
                Some(Breakage::Astray(stray)) => std::slice::from_ref(stray),
                Some(Breakage::OnlyInAccount { strays, .. }) => strays.as_slice(),
                _ => &[],
            };
            if let Some(stray) = strays.iter().find(|stray| stray.account == account) {
                if stray.own {
                    let own = json!(self.accounts[account]);
                    document.insert(String::from("pvt_assigned_to"), own);
                }
                if !stray.used {
                    document.remove("pvt_used_by");
                }
                if let Some(difference) = stray.difference {
                    difference.apply(&mut document);
                }
                database.insert(document);
            }
            return;
        }
        match breakage {
            Some(Breakage::Missing { tombstone }) => {
                if *tombstone {
                    database.delete(&self.number(planned));
                }
                return;
            }
            Some(Breakage::OnlyInAccount { in_own: false, .. }) => return,
            Some(Breakage::Differing(difference)) => difference.apply(&mut document),
            Some(Breakage::UsedBy {
                account_side: Some(which),
                ..
            }) => set_used_by(&mut document, planned.usage.wrong(*which)),
            _ => {}
        }
        self.put(database, index, document, Side::Account);
    }

    fn use_number(
        &self,
        account: usize,
        index: usize,
        callflow: &mut Vec<String>,
        dids: &mut Vec<Did>,
    ) {
        let planned = &self.numbers[index];
        if planned.holder != Holder::Account(account) {
            return;
        }
        let mut number = self.number(planned);
        if planned.fate == Some(UglyKind::UnnormalisedUsage) {
            number = number
                .strip_prefix("+1")
                .map_or(number.clone(), String::from);
        }
        if matches!(planned.usage, Usage::Callflow | Usage::Both) {
            callflow.push(number.clone());
        }
        // A number that a disabled server still lists is not used.
        let enabled = matches!(planned.usage, Usage::Trunkstore | Usage::Both);
        if enabled || (planned.usage == Usage::None && index.is_multiple_of(5)) {
            dids.push(Did { number, enabled });
        }
    }

    /// Numbers that a callflow of another account uses, with that account.
    pub(crate) fn foreign_uses(&self) -> Vec<(usize, String)> {
        let planned = self.numbers.iter();
        planned
            .filter(|planned| planned.fate == Some(UglyKind::ForeignUsage))
            .filter_map(|planned| match planned.holder {
                Holder::Account(own) => {
                    Some(((own + 1) % self.accounts.len(), self.number(planned)))
                }
                _ => None,
            })
            .filter(|_| self.accounts.len() > 1)
            .collect()
    }

    /// A few numbers that nothing uses, with their account: for documents that mention numbers
    /// without using them.
    pub(crate) fn idle_numbers(&self, count: usize) -> Vec<(usize, String)> {
        let planned = self.numbers.iter();
        planned
            .filter(|planned| planned.usage == Usage::None)
            .filter_map(|planned| match planned.holder {
                Holder::Account(own) => Some((own, self.number(planned))),
                _ => None,
            })
            .take(count)
            .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Number,
    Account,
}

/// What an ugly fate makes of a document; `None`: a tombstone. Both sides throw the same dice.
fn fated(
    kind: UglyKind,
    mut document: Document,
    side: Side,
    seed: u64,
    index: usize,
) -> Option<Document> {
    let mut dice = Dice::new(seed, "fate", index as u64);
    let number_side = side == Side::Number;
    match kind {
        UglyKind::Tombstone => return None,
        UglyKind::SoftDeleted => {
            let (here, value) = match dice.below(6) {
                0 | 1 => (true, json!(true)),
                2 => (number_side, json!(true)),
                3 => (!number_side, json!(true)),
                4 => (true, json!("true")),
                _ => (true, json!(false)),
            };
            if here {
                document.insert(String::from("pvt_deleted"), value);
            }
        }
        UglyKind::OddAssignment => {
            let id = document
                .get("pvt_assigned_to")
                .and_then(Value::as_str)
                .map_or_else(|| dice.hex(32), String::from);
            let odd = [
                json!(""),
                json!(null),
                json!(5),
                json!([id]),
                json!({"id": id}),
                json!(id[1..]),
                json!(format!("{id}0")),
                json!(format!("g{}", &id[1..])),
                json!(account_database(&id)),
                json!(format!(" {}", &id[1..])),
                json!("undefined"),
                json!(false),
            ];
            let value = odd[dice.below(odd.len())].clone();
            document.insert(String::from("pvt_assigned_to"), value);
        }
        UglyKind::UpperCaseAssignment => {
            let id = document.get("pvt_assigned_to").and_then(Value::as_str);
            if let Some(id) = id.map(str::to_uppercase) {
                document.insert(String::from("pvt_assigned_to"), json!(id));
            }
        }
        UglyKind::OddUsedBy => {
            let odd = [
                json!({"callflow": true}),
                json!(["callflow"]),
                json!(1),
                json!(null),
                json!(""),
                json!("callflows"),
                json!("calltrunkflow"),
                json!("Callflow"),
                json!(true),
            ];
            let value = odd[dice.below(odd.len())].clone();
            document.insert(String::from("pvt_used_by"), value);
        }
        UglyKind::OddType => {
            let here = match dice.below(3) {
                0 => number_side,
                1 => !number_side,
                _ => true,
            };
            let odd = [
                json!(1),
                json!(["number"]),
                json!(null),
                json!("Number"),
                json!({"number": "number"}),
                json!("phone_number"),
            ];
            let value = odd[dice.below(odd.len())].clone();
            if here && dice.one_in(4) {
                document.remove("pvt_type");
            } else if here {
                document.insert(String::from("pvt_type"), value);
            }
        }
        UglyKind::UsedByBoth => {
            let value = dice.pick(&["callflow", "trunkstore", "calltrunkflow"]);
            set_used_by(&mut document, Some(value));
        }
        _ => {}
    }
    Some(document)
}

fn set_used_by(document: &mut Document, application: Option<&str>) {
    match application {
        Some(application) => {
            document.insert(String::from("pvt_used_by"), json!(application));
        }
        None => {
            document.remove("pvt_used_by");
        }
    }
}

fn ids(seed: u64, purpose: &str, count: usize) -> Vec<String> {
    let mut dice = Dice::new(seed, purpose, 0);
    (0..count).map(|_| dice.hex(32)).collect()
}

/// `share` of `count`, and at least one of what is asked for at all.
fn portion(count: usize, share: f64) -> usize {
    let share = share.clamp(0.0, 1.0);
    let wanted = (count as f64 * share).round() as usize;
    if share > 0.0 && wanted == 0 {
        count.min(1)
    } else {
        wanted
    }
}
