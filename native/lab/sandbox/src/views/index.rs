//! Indexes: the rows of all views of a design document.
//!
//! Indexes are in memory, sorted by key, and updated when they are queried. After a restart they
//! are built again; only documents are stored.

use super::design::Design;
use super::engine::{Engine, JsError};
use crate::collate::collation_key;
use crate::document::DESIGN;
use crate::json::Json;
use crate::render;
use crate::store::{Counters, Database, DocRecord, Reader, StoreError};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An index could not be updated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    JavaScript(#[from] JsError),
}

/// A row as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: Arc<str>,
    pub(crate) key: Box<str>,
    pub(crate) value: Box<str>,
}

/// The rows of one view, sorted by collated key, id and value.
pub(crate) type Rows = BTreeMap<Vec<u8>, Row>;

#[derive(Debug, Default)]
pub(crate) struct Index {
    seen: Counters,
    views: Vec<Rows>,
    by_doc: HashMap<Arc<str>, Vec<(usize, Vec<u8>)>>,
}

/// A database, and the signature of its views.
type IndexKey = (u64, String);

/// All indexes.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    all: Mutex<HashMap<IndexKey, Arc<Mutex<Index>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Indexes {
    fn index(&self, db: &Database, design: &Design) -> Arc<Mutex<Index>> {
        let key = (db.number, design.signature.clone());
        Arc::clone(lock(&self.all).entry(key).or_default())
    }

    /// Calls a function with an index, which is updated first if requested.
    pub(crate) fn with<T>(
        &self,
        reader: &Reader,
        db: &Database,
        design: &Design,
        up_to_date: bool,
        work: impl FnOnce(&Index) -> T,
    ) -> Result<T, IndexError> {
        let index = self.index(db, design);
        let mut index = lock(&index);
        index.views.resize_with(design.views.len(), Rows::new);
        if up_to_date {
            index.update(reader, db.number, design)?;
        }
        Ok(work(&index))
    }

    pub(crate) fn forget_database(&self, db: u64) {
        lock(&self.all).retain(|(of, _), _| *of != db);
    }

    /// Drops the indexes of a database that no design document uses.
    pub(crate) fn clean(&self, db: u64, wanted: &[String]) {
        lock(&self.all).retain(|(of, signature), _| *of != db || wanted.contains(signature));
    }
}

impl Index {
    pub(crate) fn rows(&self, view: usize) -> &Rows {
        &self.views[view]
    }

    /// The sequence up to which the index is current.
    pub(crate) fn update_seq(&self) -> u64 {
        self.seen.update_seq
    }

    fn update(&mut self, reader: &Reader, db: u64, design: &Design) -> Result<(), IndexError> {
        let now = reader.counters(db)?;
        if now.purge_seq != self.seen.purge_seq {
            // Purged documents are not in the changes.
            self.seen.update_seq = 0;
            self.by_doc.clear();
            self.views.iter_mut().for_each(Rows::clear);
        }
        if now.update_seq <= self.seen.update_seq {
            self.seen = now;
            return Ok(());
        }
        let engine = engine(design)?;
        for change in reader.changes(db, self.seen.update_seq)? {
            let (_, id) = change?;
            self.remove(&id);
            let Some(record) = reader.doc(db, &id)? else {
                continue;
            };
            if record.deleted || (id.starts_with(DESIGN) && !design.include_design) {
                continue;
            }
            let document = document(&id, &record, design.local_seq);
            // A document for which the functions fail is left out, as in CouchDB.
            if let Ok(emitted) = engine.map(design.views.len(), &document) {
                self.insert(&id, emitted);
            }
        }
        self.seen = now;
        Ok(())
    }

    fn remove(&mut self, id: &str) {
        for (view, key) in self.by_doc.remove(id).unwrap_or_default() {
            self.views[view].remove(&key);
        }
    }

    fn insert(&mut self, id: &str, emitted: Vec<Vec<(Json, Json)>>) {
        let id: Arc<str> = id.into();
        let mut places = Vec::new();
        for (view, rows) in emitted.into_iter().enumerate() {
            let mut rows: Vec<_> = rows
                .into_iter()
                .map(|(key, value)| (collation_key(&key), key, value))
                .collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| compare_erlang_terms(&a.2, &b.2)));
            for (number, (mut place, key, value)) in rows.into_iter().enumerate() {
                place.extend_from_slice(id.as_bytes());
                place.push(0);
                place.extend_from_slice(&(number as u32).to_be_bytes());
                let row = Row {
                    id: Arc::clone(&id),
                    key: key.to_text().into(),
                    value: value.to_text().into(),
                };
                self.views[view].insert(place.clone(), row);
                places.push((view, place));
            }
        }
        if !places.is_empty() {
            self.by_doc.insert(id, places);
        }
    }
}

fn engine(design: &Design) -> Result<Engine, JsError> {
    let engine = Engine::new()?;
    engine.set_library(&design.document)?;
    for (number, view) in design.views.iter().enumerate() {
        engine.define(&format!("m{number}"), &view.map)?;
    }
    Ok(engine)
}

fn document(id: &str, record: &DocRecord, local_seq: bool) -> String {
    let mut out = String::new();
    let rev = record.rev.to_string();
    let body = &record.body;
    render::write_plain(&mut out, id, &rev, false, &body.fields, &body.stubs);
    if local_seq {
        out.pop();
        out.push_str(&format!(",\"_local_seq\":{}}}", record.seq));
    }
    out
}

/// Erlang's term order, which CouchDB uses for rows with equal document and key: numbers, atoms,
/// objects, arrays, strings.
fn compare_erlang_terms(a: &Json, b: &Json) -> Ordering {
    fn kind(value: &Json) -> u8 {
        match value {
            Json::Number(_) => 0,
            Json::Null | Json::Bool(_) => 1,
            Json::Object(_) => 2,
            Json::Array(_) => 3,
            Json::String(_) => 4,
        }
    }
    fn word(value: &Json) -> &'static str {
        match value {
            Json::Bool(false) => "false",
            Json::Bool(true) => "true",
            _ => "null",
        }
    }
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a
            .to_f64()
            .partial_cmp(&b.to_f64())
            .unwrap_or(Ordering::Equal),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => {
            let pairs = a.iter().zip(b).map(|(a, b)| compare_erlang_terms(a, b));
            pairs
                .fold(Ordering::Equal, Ordering::then)
                .then(a.len().cmp(&b.len()))
        }
        (Json::Object(a), Json::Object(b)) => {
            let pairs = a.iter().zip(b);
            pairs
                .map(|(a, b)| a.0.cmp(&b.0).then_with(|| compare_erlang_terms(&a.1, &b.1)))
                .fold(Ordering::Equal, Ordering::then)
                .then(a.len().cmp(&b.len()))
        }
        _ => kind(a).cmp(&kind(b)).then_with(|| word(a).cmp(word(b))),
    }
}
