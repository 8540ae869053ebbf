//! Builds databases and documents from the plan.

use exact_json::json;

use super::Plan;
use super::number::{Assignee, DriftCase, NumberPlan, NumberUsage};
use super::ugly_documents::{DocumentSide, apply_exclusive_kind, odd_assignments, set_used_by};
use crate::account_documents::{AccountWriter, Did};
use crate::design_documents::{account_designs, number_database_design};
use crate::documents::{Database, Document};
use crate::number_documents::{NumberFields, number_document, uglify};
use crate::prefixes::number;
use crate::random::RandomStream;
use crate::ugly::UglyKind;

impl Plan {
    pub(super) fn number(&self, planned: &NumberPlan) -> String {
        number(&self.prefixes[planned.prefix as usize], planned.serial)
    }

    pub(super) fn home(&self, planned: &NumberPlan) -> String {
        format!("numbers/{}", self.prefixes[planned.prefix as usize])
    }

    pub(super) fn assignee_id(&self, assignee: Assignee) -> Option<&str> {
        match assignee {
            Assignee::Unassigned => None,
            Assignee::Account(at) => self.accounts.get(at).map(String::as_str),
            Assignee::WithoutDatabase(at) => self.gone.get(at).map(String::as_str),
        }
    }

    /// The document without drift. It is the same on both sides.
    pub(super) fn correct_document(&self, index: usize) -> Document {
        let planned = &self.numbers[index];
        let mut random = RandomStream::new(self.options.seed, "number", index as u64);
        let state = if planned.assignee == Assignee::Unassigned {
            random.pick(&[
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
        let fields = NumberFields {
            id: &id,
            assigned_to: self.assignee_id(planned.assignee),
            state,
            used_by: planned.usage.name(),
            master: self.master(),
        };
        let mut document = number_document(&fields, &mut random);
        if let Some(kind) = planned.content {
            uglify(&mut document, kind, &mut random);
        }
        document
    }

    pub(super) fn number_database(&self, prefix: usize) -> Database {
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
            let mut document = self.correct_document(index);
            match planned.drift_case.as_deref() {
                Some(DriftCase::OnlyInAccount { tombstone, .. }) => {
                    if *tombstone {
                        database.delete(&self.number(planned));
                    }
                    continue;
                }
                Some(DriftCase::UsedBy {
                    number_side: Some(which),
                    ..
                }) => set_used_by(&mut document, planned.usage.wrong(*which)),
                Some(DriftCase::UnassignedButUsed) => {
                    set_used_by(&mut document, Some("callflow"));
                    // No command changes numbers in the states deleted and discovery.
                    document.insert(String::from("pvt_state"), json!("available"));
                }
                Some(DriftCase::OddAssignment(which)) => {
                    let odd = odd_assignments(self.master()).into_iter().nth(*which);
                    document.insert(String::from("pvt_assigned_to"), odd.unwrap_or_default());
                    set_used_by(&mut document, which.is_multiple_of(2).then_some("callflow"));
                }
                Some(DriftCase::Stray(stray)) if planned.assignee == Assignee::Unassigned => {
                    let former = json!(self.accounts[stray.account]);
                    document.insert(String::from("pvt_previously_assigned_to"), former);
                }
                Some(DriftCase::Conflicted {
                    number_side: true,
                    agree,
                    ..
                }) => database.insert_conflict(self.losing_leaf(index, &document, *agree)),
                _ => {}
            }
            self.put(&mut database, index, document, DocumentSide::Number);
        }
        database
    }

    /// A losing leaf of a document: equal, or different in a field, sometimes in its account or
    /// state.
    fn losing_leaf(&self, index: usize, winner: &Document, agree: bool) -> Document {
        let mut random = RandomStream::new(self.options.seed, "conflict", index as u64);
        let mut leaf = winner.clone();
        if agree {
            return leaf;
        }
        match random.below(4) {
            0 => {
                let other = random.below(self.accounts.len());
                leaf.insert(String::from("pvt_assigned_to"), json!(self.accounts[other]));
                leaf.insert(String::from("pvt_reserve_history"), json!([]));
            }
            1 => {
                leaf.insert(String::from("pvt_state"), json!("deleted"));
            }
            _ => self.any_difference(&mut random).apply(&mut leaf),
        }
        leaf
    }

    /// Numbers that `numbers/managed` assigns to another account than their own databases do: that
    /// account and the document.
    pub(crate) fn assigned_twice(&self) -> Vec<(usize, Document)> {
        let planned = self.numbers.iter().enumerate();
        planned
            .filter_map(|(index, planned)| match planned.drift_case.as_deref() {
                Some(DriftCase::AssignedTwice { account }) => Some((index, *account)),
                _ => None,
            })
            .map(|(index, account)| {
                let mut document = self.correct_document(index);
                let own = json!(self.accounts[account]);
                document.insert(String::from("pvt_assigned_to"), own);
                set_used_by(&mut document, None);
                (account, document)
            })
            .collect()
    }

    pub(super) fn put(
        &self,
        database: &mut Database,
        index: usize,
        document: Document,
        side: DocumentSide,
    ) {
        let planned = &self.numbers[index];
        let Some(kind) = planned.ugly_documents else {
            return database.insert(document);
        };
        match apply_exclusive_kind(kind, document, side, self.options.seed, index) {
            Some(document) => database.insert(document),
            None => database.delete(&self.number(planned)),
        }
    }

    pub(super) fn account_database(&self, account: usize) -> Database {
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
        let mut scribe = AccountWriter {
            account: id,
            random: RandomStream::new(self.options.seed, "account", account as u64),
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
            let (now, later) = rest.split_at(rest.len().min(1 + scribe.random.below(4)));
            let mut numbers = now.to_vec();
            if scribe.random.one_in(2) {
                extension += 1;
                numbers.push(extension.to_string());
            }
            database.insert(scribe.callflow(&numbers));
            rest = later;
        }
        let odd = self.is_ugly(UglyKind::OddTrunkstores);
        // An account can have several; most have one or none.
        for part in dids.chunks(400) {
            database.insert(scribe.trunkstore(part, odd));
        }
        if dids.is_empty() && scribe.random.one_in(3) {
            database.insert(scribe.trunkstore(&[], odd));
        }
        database
    }

    pub(super) fn put_copy(&self, database: &mut Database, account: usize, index: usize) {
        let planned = &self.numbers[index];
        let mut document = self.correct_document(index);
        let drift_case = planned.drift_case.as_deref();
        if planned.assignee != Assignee::Account(account) {
            let strays = match drift_case {
                Some(DriftCase::Stray(stray)) => std::slice::from_ref(stray),
                Some(DriftCase::OnlyInAccount { strays, .. }) => strays.as_slice(),
                _ => &[],
            };
            if let Some(stray) = strays.iter().find(|stray| stray.account == account) {
                if stray.own {
                    let own = json!(self.accounts[account]);
                    document.insert(String::from("pvt_assigned_to"), own);
                    document.insert(String::from("pvt_state"), json!("in_service"));
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
        match drift_case {
            Some(DriftCase::Missing { tombstone }) => {
                if *tombstone {
                    database.delete(&self.number(planned));
                }
                return;
            }
            Some(DriftCase::OnlyInAccount { in_own: false, .. }) => return,
            Some(DriftCase::Differing(difference)) => difference.apply(&mut document),
            Some(DriftCase::UsedBy {
                account_side: Some(which),
                ..
            }) => set_used_by(&mut document, planned.usage.wrong(*which)),
            Some(DriftCase::Conflicted {
                account_side: true,
                agree,
                ..
            }) => database.insert_conflict(self.losing_leaf(index, &document, *agree)),
            _ => {}
        }
        self.put(database, index, document, DocumentSide::Account);
    }

    pub(super) fn use_number(
        &self,
        account: usize,
        index: usize,
        callflow: &mut Vec<String>,
        dids: &mut Vec<Did>,
    ) {
        let planned = &self.numbers[index];
        if planned.assignee != Assignee::Account(account) {
            return;
        }
        let mut number = self.number(planned);
        if planned.ugly_documents == Some(UglyKind::UnnormalisedUsage) {
            number = number
                .strip_prefix("+1")
                .map_or(number.clone(), String::from);
        }
        if matches!(planned.usage, NumberUsage::Callflow | NumberUsage::Both) {
            callflow.push(number.clone());
        }
        // A number on a disabled server does not count as used.
        let enabled = matches!(planned.usage, NumberUsage::Trunkstore | NumberUsage::Both);
        if enabled || (planned.usage == NumberUsage::None && index.is_multiple_of(5)) {
            dids.push(Did { number, enabled });
        }
    }

    /// Numbers in a callflow of another account, with that account.
    pub(crate) fn foreign_uses(&self) -> Vec<(usize, String)> {
        let planned = self.numbers.iter();
        planned
            .filter(|planned| planned.ugly_documents == Some(UglyKind::ForeignUsage))
            .filter_map(|planned| match planned.assignee {
                Assignee::Account(own) => {
                    Some(((own + 1) % self.accounts.len(), self.number(planned)))
                }
                _ => None,
            })
            .filter(|_| self.accounts.len() > 1)
            .collect()
    }

    /// A few unused numbers with their accounts, for documents that mention numbers without using
    /// them.
    pub(crate) fn unused_numbers(&self, count: usize) -> Vec<(usize, String)> {
        let planned = self.numbers.iter();
        planned
            .filter(|planned| planned.usage == NumberUsage::None)
            .filter_map(|planned| match planned.assignee {
                Assignee::Account(own) => Some((own, self.number(planned))),
                _ => None,
            })
            .take(count)
            .collect()
    }
}
