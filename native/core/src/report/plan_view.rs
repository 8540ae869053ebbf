//! A plan for those who review it: its totals, and the change of each document. The same for the same changes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use document::Document;

use super::{
    ChangeCounts, ChangeKind, FieldChange, FieldTotals, PlanChange, PlanDatabase, PlanTotals,
    ReasonTotals, ValueTotals, field_changes,
};
use crate::plan::{Cause, Step, differing_fields};

/// The most fields, values of a field and databases that the totals list.
const FIELDS: usize = 20;
const VALUES: usize = 3;
const DATABASES: usize = 30;

/// The longest value in the totals, in characters.
const LONGEST: usize = 40;

/// Different fields, and values of a field, that are counted; further ones count together.
const COUNTED: usize = 1000;

/// The numbers that each reason names as examples.
const EXAMPLES: usize = 3;

/// The field that gets the time at which a plan is applied.
pub(super) const MODIFIED: &str = "pvt_modified";

#[derive(Debug, Default)]
struct Field {
    count: u64,
    values: BTreeMap<(Option<String>, Option<String>), u64>,
    has_more: bool,
}

#[derive(Debug, Default)]
struct Reason {
    count: u64,
    examples: Vec<String>,
}

/// The totals of a plan, while its documents are read.
#[derive(Debug, Default)]
pub(crate) struct PlanView {
    all: ChangeCounts,
    reasons: BTreeMap<(ChangeKind, Option<Cause>), Reason>,
    fields: BTreeMap<String, Field>,
    databases: BTreeMap<String, ChangeCounts>,
}

/// The document before and after all changes of a plan to it.
fn ends(steps: &[Step]) -> (Option<&Document>, Option<&Document>) {
    let before = steps.first().and_then(|first| first.before.as_ref());
    let after = steps.last().and_then(|last| last.after.as_ref());
    (before, after)
}

fn kind_of(before: Option<&Document>, after: Option<&Document>) -> Option<ChangeKind> {
    match (before, after) {
        (None, Some(_)) => Some(ChangeKind::Create),
        (Some(_), Some(_)) => Some(ChangeKind::Update),
        (Some(_), None) => Some(ChangeKind::Delete),
        (None, None) => None,
    }
}

/// The fields that change in value, sorted. `1.0` and `1` are the same value.
fn updated(before: &Document, after: &Document) -> Vec<FieldChange> {
    let differing = differing_fields(before, after);
    let mut changes = field_changes(before, after);
    changes.retain(|change| {
        differing.iter().any(|one| one.field == change.field) && !is_same_number(change)
    });
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

/// Whether only the notation of a number changes.
fn is_same_number(change: &FieldChange) -> bool {
    match (change.old.as_deref(), change.new.as_deref()) {
        (Some(old), Some(new)) => decimal(old).is_some_and(|old| decimal(new) == Some(old)),
        _ => false,
    }
}

/// A number of JSON as its sign, its digits without zeros at either end, and the power of ten of the last digit. Not a float:
/// that has 17 digits, and numbers may have twenty.
fn decimal(json: &str) -> Option<(bool, String, i64)> {
    let first = json.as_bytes().first()?;
    if !(first.is_ascii_digit() || *first == b'-') {
        return None;
    }
    let (sign, rest) = match json.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, json),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i64 = exponent.parse().ok()?;
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let shift = i64::try_from(all.len() - digits.len()).ok()?;
    let scale = i64::try_from(fraction.len()).ok()?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some((false, String::new(), 0));
    }
    let exponent = exponent.checked_add(shift)?.checked_sub(scale)?;
    Some((sign, digits.to_owned(), exponent))
}

/// All fields of a document but its id, as if they were new.
fn contents(document: &Document) -> Vec<FieldChange> {
    let mut fields: Vec<FieldChange> = document
        .fields()
        .filter(|(field, _)| *field != "_id" && !document::is_about_revisions(field))
        .map(|(field, json)| FieldChange {
            field: field.to_owned(),
            old: None,
            new: Some(json.to_owned()),
        })
        .collect();
    fields.sort_by(|one, other| one.field.cmp(&other.field));
    fields
}

fn reversed(change: FieldChange) -> FieldChange {
    FieldChange {
        field: change.field,
        old: change.new,
        new: change.old,
    }
}

/// The change of a document. `database`: its encoded name.
pub(crate) fn plan_change(database: &str, id: &str, steps: &[Step]) -> Option<PlanChange> {
    let (before, after) = ends(steps);
    let change = kind_of(before, after)?;
    let cause = steps.first().and_then(|step| step.cause);
    let fields = match (before, after) {
        (Some(before), Some(after)) => updated(before, after),
        (None, Some(after)) => contents(after),
        (Some(before), None) => contents(before).into_iter().map(reversed).collect(),
        (None, None) => Vec::new(),
    };
    Some(PlanChange {
        database: database.to_owned(),
        id: id.to_owned(),
        revision: before
            .and_then(Document::rev)
            .map(|revision| revision.to_string()),
        change,
        reason: cause.map(Cause::key),
        meaning: cause.map_or("", Cause::meaning),
        fields,
    })
}

/// Two values, each of at most `longest` characters. Long ones start where they differ.
pub(super) fn shortened(
    old: Option<&str>,
    new: Option<&str>,
    longest: usize,
) -> (Option<String>, Option<String>) {
    let (Some(one), Some(other)) = (old, new) else {
        return (
            old.map(|old| part(old, 0, longest)),
            new.map(|new| part(new, 0, longest)),
        );
    };
    let fits = |text: &str| text.chars().nth(longest).is_none();
    let same = one.chars().zip(other.chars());
    let same = same.take_while(|(one, other)| one == other).count();
    // Some of what is the same stays, so that the place is recognised.
    let from = if (fits(one) && fits(other)) || same < longest / 2 {
        0
    } else {
        same - longest / 4
    };
    (
        Some(part(one, from, longest)),
        Some(part(other, from, longest)),
    )
}

fn part(text: &str, from: usize, longest: usize) -> String {
    let mut rest = text.chars().skip(from);
    let shown: String = rest.by_ref().take(longest).collect();
    let before = if from > 0 { "..." } else { "" };
    let after = if rest.next().is_some() { "..." } else { "" };
    format!("{before}{shown}{after}")
}

impl PlanView {
    /// Adds the changes of a document. `database`: its encoded name.
    pub(crate) fn add(&mut self, database: &str, id: &str, steps: &[Step]) {
        let (before, after) = ends(steps);
        let Some(kind) = kind_of(before, after) else {
            return;
        };
        self.all.add(kind);
        match self.databases.get_mut(database) {
            Some(counts) => counts.add(kind),
            None => {
                let counts = self.databases.entry(database.to_owned()).or_default();
                counts.add(kind);
            }
        }
        let cause = steps.first().and_then(|step| step.cause);
        let reason = self.reasons.entry((kind, cause)).or_default();
        reason.count += 1;
        if reason.examples.len() < EXAMPLES {
            reason.examples.push(id.to_owned());
        }
        if let (Some(before), Some(after)) = (before, after) {
            for change in updated(before, after) {
                self.add_field(&change);
            }
        }
    }

    fn add_field(&mut self, change: &FieldChange) {
        // The last place is for all further fields.
        let name = match self.fields.len() >= COUNTED && !self.fields.contains_key(&change.field) {
            true => "(other fields)",
            false => &change.field,
        };
        let field = self.fields.entry(name.to_owned()).or_default();
        field.count += 1;
        let values = match change.field.as_str() {
            // The time before differs from document to document.
            MODIFIED => (None, change.new.clone()),
            _ => shortened(change.old.as_deref(), change.new.as_deref(), LONGEST),
        };
        if field.values.len() < COUNTED || field.values.contains_key(&values) {
            *field.values.entry(values).or_default() += 1;
        } else {
            field.has_more = true;
        }
    }

    /// The documents of a database, by its encoded name.
    pub(crate) fn database(&self, database: &str) -> PlanDatabase {
        PlanDatabase {
            database: database.to_owned(),
            counts: self.databases.get(database).copied().unwrap_or_default(),
        }
    }

    /// The totals.
    pub(crate) fn totals(&self) -> PlanTotals {
        let reasons = self.reasons.iter();
        PlanTotals {
            documents: self.all.total(),
            counts: self.all,
            reasons: reasons
                .map(|((change, cause), reason)| ReasonTotals {
                    change: *change,
                    reason: cause.map(Cause::key),
                    meaning: cause.map_or("", Cause::meaning),
                    documents: reason.count,
                    examples: reason.examples.clone(),
                })
                .collect(),
            fields: largest(&self.fields, FIELDS, |field| field.count)
                .map(|(name, field)| field.totals(name))
                .collect(),
            more_fields: left_out(self.fields.len(), FIELDS),
            databases: largest(&self.databases, DATABASES, |counts| counts.total())
                .map(|(database, _)| self.database(database))
                .collect(),
            more_databases: left_out(self.databases.len(), DATABASES),
        }
    }
}

impl Field {
    fn totals(&self, name: &str) -> FieldTotals {
        FieldTotals {
            field: name.to_owned(),
            documents: self.count,
            values: largest(&self.values, VALUES, |count| *count)
                .map(|((old, new), count)| ValueTotals {
                    old: old.clone(),
                    new: new.clone(),
                    documents: *count,
                })
                .collect(),
            more_values: self.has_more || self.values.len() > VALUES,
        }
    }
}

/// The largest entries, the first by name of equal ones.
fn largest<K, T>(
    all: &BTreeMap<K, T>,
    most: usize,
    size: impl Fn(&T) -> u64,
) -> impl Iterator<Item = (&K, &T)> {
    let mut entries: Vec<_> = all.iter().collect();
    entries.sort_by_key(|(_, entry)| Reverse(size(entry)));
    entries.truncate(most);
    entries.into_iter()
}

fn left_out(count: usize, most: usize) -> u64 {
    count.saturating_sub(most) as u64
}
