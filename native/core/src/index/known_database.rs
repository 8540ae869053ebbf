//! The known facts about one database.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use couchdb::{ChangesPage, DatabaseState};
use document::{DatabaseName, Document, Revision};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::entry::{DocumentFacts, Entry, IndexedNumber, short_key};
use super::names::Names;
use super::witnesses::Witnesses;

/// The documents of a database as of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownDatabase {
    /// The sequence of which the facts are.
    since: String,
    /// The sequence and the size that the server reported before the facts were read. CouchDB writes a sequence in several ways, so it
    /// can differ from `since` although nothing changed between the two.
    reported_seq: String,
    reported_size: u64,
    purge_seq: String,
    instance_start_time: String,
    /// The time of the last complete read, in seconds since 1970.
    read_at: u64,
    /// The last changes. A database that was replaced by an older copy has had other ones.
    witnesses: Witnesses,
    #[serde(deserialize_with = "sorted")]
    entries: BTreeMap<Box<str>, Entry>,
    /// The states and carrier modules in the entries.
    names: Names,
    others: OtherDocuments,
}

/// A map in the order of its keys. Serde would insert one after the other.
fn sorted<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Box<str>, Entry>, D::Error> {
    let pairs = from.deserialize_map(Pairs)?;
    Ok(pairs.into_iter().collect())
}

/// Reads the pairs of a map.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(Box<str>, Entry)>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // A damaged size must not take memory.
        let size = map.size_hint().unwrap_or_default().min(MOST_PAIRS);
        let mut pairs = Vec::with_capacity(size);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// The most pairs that memory is reserved for before they are read.
const MOST_PAIRS: usize = 1 << 16;

/// The documents that only count, by their short keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherDocuments(HashSet<u64>);

impl OtherDocuments {
    /// Whether a document of this id is among them, by a hash of the id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains(&short_key(id))
    }
}

impl KnownDatabase {
    /// A database without documents, as of a state that was read before its documents are.
    pub(crate) fn begin(state: &DatabaseState, read_at: u64) -> Self {
        Self {
            since: state.update_seq.clone(),
            reported_seq: state.update_seq.clone(),
            reported_size: state.external_size,
            purge_seq: state.purge_seq.clone(),
            instance_start_time: state.instance_start_time.clone(),
            read_at,
            witnesses: Witnesses::default(),
            entries: BTreeMap::new(),
            names: Names::default(),
            others: OtherDocuments::default(),
        }
    }

    /// Whether states of this server can be compared at all: before CouchDB 3.3 a database that was deleted and created again cannot
    /// be distinguished from the first.
    pub(crate) fn is_possible(state: &DatabaseState) -> bool {
        !matches!(state.instance_start_time.as_str(), "" | "0")
    }

    /// Whether the database may have continued from here to this state: it was neither created again nor purged.
    pub(crate) fn may_continue_to(&self, state: &DatabaseState) -> bool {
        // Only the number: the rest of the text differs from node to node.
        self.instance_start_time == state.instance_start_time
            && number_of(&self.purge_seq) == number_of(&state.purge_seq)
    }

    /// Whether the server reported the same sequence before. A database that was replaced by an older copy can reach it again by other
    /// changes.
    pub(crate) fn is_at(&self, state: &DatabaseState) -> bool {
        self.reported_seq == state.update_seq
    }

    /// Whether the server reported the same size as before.
    pub(crate) fn has_size_of(&self, state: &DatabaseState) -> bool {
        self.reported_size == state.external_size
    }

    /// Takes in a state that the server reported before the facts were read.
    pub(crate) fn set_reported(&mut self, state: &DatabaseState) {
        self.reported_seq.clone_from(&state.update_seq);
        self.reported_size = state.external_size;
    }

    /// Whether the facts are as of a state, as far as the numbers of changes say.
    pub(crate) fn is_as_of(&self, state: &DatabaseState) -> bool {
        self.seq_number() == number_of(&state.update_seq)
    }

    /// Whether the server counts as many documents.
    pub(crate) fn agrees_with(&self, state: &DatabaseState) -> bool {
        self.documents() == state.documents
    }

    /// The number of changes up to here. If it becomes smaller, the database was replaced by an older copy.
    pub(crate) fn seq_number(&self) -> u64 {
        number_of(&self.since)
    }

    /// The number of documents, design documents included, as a server counts them.
    pub(crate) fn documents(&self) -> u64 {
        (self.entries.len() + self.others.0.len()) as u64
    }

    pub(crate) fn read_at(&self) -> u64 {
        self.read_at
    }

    pub(crate) fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    pub(crate) fn set_witnesses(&mut self, witnesses: Witnesses) {
        self.witnesses = witnesses;
    }

    /// Takes in the state of a document. `document`: `None` if it was deleted.
    pub(crate) fn apply(&mut self, database: &DatabaseName, id: &str, document: Option<&Document>) {
        self.entries.remove(id);
        self.others.0.remove(&short_key(id));
        if let Some(document) = document {
            let entry = Entry::of(database, document, &mut self.names);
            self.insert(id, entry);
        }
    }

    fn insert(&mut self, id: &str, entry: Entry) {
        match entry {
            Entry::Other => {
                self.others.0.insert(short_key(id));
            }
            entry => {
                self.entries.insert(id.into(), entry);
            }
        }
    }

    /// Takes in a page of changes.
    pub(crate) fn advance(&mut self, database: &DatabaseName, page: ChangesPage) {
        for change in &page.changes {
            self.apply(database, &change.id, change.document.as_ref());
        }
        self.since = page.last_seq;
    }

    /// The facts about the documents that rules need, by id, and the other documents.
    pub(crate) fn into_facts(self) -> (impl Iterator<Item = DocumentFacts>, OtherDocuments) {
        let (entries, names) = (self.entries.into_iter(), self.names);
        let facts = entries.filter_map(move |(id, entry)| entry.facts(id, None, &names));
        (facts, self.others)
    }

    /// The facts about the number documents, by id.
    pub(crate) fn into_numbers(self) -> impl Iterator<Item = IndexedNumber> {
        self.into_facts().0.filter_map(DocumentFacts::number)
    }

    /// The revisions of number documents at these places in the order of their ids.
    pub(crate) fn revisions_at(&self, places: &[usize]) -> Vec<(String, Revision)> {
        let numbers = self.entries.iter().filter_map(|(id, entry)| match entry {
            Entry::Number(number) => Some((id, number.rev.as_ref()?)),
            _ => None,
        });
        let numbers: Vec<_> = numbers.collect();
        let of = |place: &usize| numbers.get(place % numbers.len().max(1));
        places
            .iter()
            .filter_map(of)
            .map(|(id, rev)| (id.to_string(), (*rev).clone()))
            .collect()
    }
}

/// The facts about a document that was just read; `None` if no rule needs it. `learner`: the database of a complete read, which learns
/// them.
pub(crate) fn facts_of(
    database: &DatabaseName,
    document: Document,
    learner: Option<&mut KnownDatabase>,
) -> Option<DocumentFacts> {
    let id = document.id().into();
    let Some(learner) = learner else {
        let mut names = Names::default();
        return Entry::of(database, &document, &mut names).facts(id, Some(document), &names);
    };
    let entry = Entry::of(database, &document, &mut learner.names);
    learner.insert(document.id(), entry.clone());
    entry.facts(id, Some(document), &learner.names)
}

/// The number at the begin of a sequence; it grows with each change.
pub(super) fn number_of(seq: &str) -> u64 {
    let digits = seq.split('-').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(name: &str) -> DatabaseName {
        DatabaseName::new(name).unwrap()
    }

    fn state(seq: &str) -> DatabaseState {
        DatabaseState {
            update_seq: seq.to_owned(),
            purge_seq: "0-a".to_owned(),
            instance_start_time: "17".to_owned(),
            documents: 0,
            external_size: 0,
        }
    }

    fn document(id: &str, rev: &str, text: &str) -> Document {
        Document::read(id, Revision::parse(rev), text.to_owned().into()).unwrap()
    }

    #[test]
    fn packed_database_is_small_and_reads_back() {
        let numbers = database("numbers/+1415");
        let mut known = KnownDatabase::begin(&state("1000-abc"), 7);
        for index in 0..1000 {
            let id = format!("+1415555{index:04}");
            let document = document(
                &id,
                &format!("3-{index:032x}"),
                &format!(
                    r#"{{"_id":"{id}","pvt_type":"number","pvt_assigned_to":"4b87ccf02d8846f06c3b1f0e04e76bfd","pvt_used_by":"callflow"}}"#
                ),
            );
            known.apply(&numbers, &id, Some(&document));
        }
        let packed = postcard::to_stdvec(&known).unwrap();
        assert!(packed.len() < 100 * 1000, "{}", packed.len());
        assert_eq!(postcard::from_bytes(&packed), Ok(known));
    }

    #[test]
    fn changes_are_counted_as_a_server_counts() {
        let account = database("account/4b/87/ccf02d8846f06c3b1f0e04e76bfd");
        let mut known = KnownDatabase::begin(&state("1-a"), 7);
        let mut apply = |id: &str, text: Option<&str>| {
            let read = text.map(|text| document(id, "1-a", text));
            known.apply(&account, id, read.as_ref());
            (known.entries.len(), known.others.0.len())
        };
        assert_eq!(
            apply("+14155550100", Some(r#"{"_id":"+14155550100"}"#)),
            (1, 0)
        );
        assert_eq!(apply("a", Some(r#"{"pvt_type":"device"}"#)), (1, 1));
        let callflow = r#"{"pvt_type":"callflow","numbers":["+14155550100"]}"#;
        assert_eq!(apply("a", Some(callflow)), (2, 0));
        assert_eq!(apply("a", Some(r#"{"pvt_type":"callflow"}"#)), (1, 1));
        assert_eq!(apply("a", None), (1, 0));
        assert_eq!(apply("never", None), (1, 0));
        assert_eq!(apply("+14155550100", None), (0, 0));
    }

    #[test]
    fn replaced_database_does_not_continue() {
        let known = KnownDatabase::begin(&state("10-a"), 7);
        assert!(known.may_continue_to(&state("10-b")));
        assert!(known.may_continue_to(&state("9-b")));
        let other_size = DatabaseState {
            external_size: 1,
            ..state("10-a")
        };
        assert!(known.has_size_of(&state("10-a")) && !known.has_size_of(&other_size));
        let other = DatabaseState {
            instance_start_time: "18".to_owned(),
            ..state("11-b")
        };
        assert!(!known.may_continue_to(&other));
        let of_another_node = DatabaseState {
            purge_seq: "0-b".to_owned(),
            ..state("11-b")
        };
        assert!(known.may_continue_to(&of_another_node));
        let purged = DatabaseState {
            purge_seq: "1-a".to_owned(),
            ..state("11-b")
        };
        assert!(!known.may_continue_to(&purged));
    }
}
