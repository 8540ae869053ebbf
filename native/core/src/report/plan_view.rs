//! A plan as people read it: totals first, the same for the same changes.

use std::collections::BTreeMap;

use document::Document;

use super::{FieldChange, field_changes};
use crate::plan::{Cause, Step, differing_fields};

/// The most fields, values of a field and databases that the totals list.
const FIELDS: usize = 20;
const VALUES: usize = 3;
const DATABASES: usize = 30;

/// The longest value that is shown, in characters.
const LONGEST: usize = 40;

/// Different values of a field that are counted; further ones count together.
const COUNTED: usize = 1000;

/// The numbers that each reason names as examples.
const EXAMPLES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Created,
    Updated,
    Deleted,
}

impl Kind {
    fn of(before: Option<&Document>, after: Option<&Document>) -> Option<Self> {
        match (before, after) {
            (None, Some(_)) => Some(Self::Created),
            (Some(_), Some(_)) => Some(Self::Updated),
            (Some(_), None) => Some(Self::Deleted),
            (None, None) => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Created => "create",
            Self::Updated => "update",
            Self::Deleted => "delete",
        }
    }
}

#[derive(Debug, Default)]
struct Counted {
    kinds: [u64; 3],
}

impl Counted {
    fn add(&mut self, kind: Kind) {
        if let Some(count) = self.kinds.get_mut(kind as usize) {
            *count += 1;
        }
    }

    fn total(&self) -> u64 {
        self.kinds.iter().sum()
    }

    fn line(&self) -> String {
        let [created, updated, deleted] = self.kinds;
        format!("{created} to create, {updated} to update, {deleted} to delete")
    }
}

#[derive(Debug, Default)]
struct FieldTotals {
    count: u64,
    values: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct CauseTotals {
    count: u64,
    examples: Vec<String>,
}

/// The totals of a plan.
#[derive(Debug, Default)]
pub(crate) struct PlanView {
    all: Counted,
    causes: BTreeMap<(Kind, Option<Cause>), CauseTotals>,
    fields: BTreeMap<String, FieldTotals>,
    databases: BTreeMap<String, Counted>,
}

/// The document before and after all changes of a plan to it.
fn ends(steps: &[Step]) -> (Option<&Document>, Option<&Document>) {
    let before = steps.first().and_then(|first| first.before.as_ref());
    let after = steps.last().and_then(|last| last.after.as_ref());
    (before, after)
}

/// The fields that change in value. `1.0` and `1` are the same value.
fn changes(before: Option<&Document>, after: Option<&Document>) -> Vec<FieldChange> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
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
    let number = |json: &Option<String>| json.as_ref()?.parse::<f64>().ok();
    number(&change.old).is_some_and(|old| number(&change.new) == Some(old))
}

fn value(json: Option<&str>) -> String {
    match json {
        None => "absent".to_owned(),
        Some(json) if json.chars().count() > LONGEST => {
            let start: String = json.chars().take(LONGEST).collect();
            format!("{start}...")
        }
        Some(json) => json.to_owned(),
    }
}

/// The old and the new value. The time of modification is that of applying.
fn values(change: &FieldChange) -> String {
    let new = match (change.field.as_str(), change.new.as_deref()) {
        ("pvt_modified", Some("0")) => "the time of applying".to_owned(),
        (_, new) => value(new),
    };
    match change.field.as_str() {
        "pvt_modified" => format!("-> {new}"),
        _ => format!("{} -> {new}", value(change.old.as_deref())),
    }
}

impl PlanView {
    /// Adds the changes of a document. `database`: its encoded name.
    pub(crate) fn add(&mut self, database: &str, id: &str, steps: &[Step]) {
        let (before, after) = ends(steps);
        let Some(kind) = Kind::of(before, after) else {
            return;
        };
        self.all.add(kind);
        self.databases
            .entry(database.to_owned())
            .or_default()
            .add(kind);
        let cause = steps.first().and_then(|step| step.cause);
        let totals = self.causes.entry((kind, cause)).or_default();
        totals.count += 1;
        if totals.examples.len() < EXAMPLES {
            totals.examples.push(id.to_owned());
        }
        for change in changes(before, after) {
            let totals = self.fields.entry(change.field.clone()).or_default();
            totals.count += 1;
            let values = values(&change);
            if totals.values.len() < COUNTED || totals.values.contains_key(&values) {
                *totals.values.entry(values).or_default() += 1;
            }
        }
    }

    /// The totals: by reason, by field, by database.
    pub(crate) fn totals(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} documents in {} databases: {}",
            self.all.total(),
            self.databases.len(),
            self.all.line()
        )];
        lines.push("by reason:".to_owned());
        for ((kind, cause), totals) in &self.causes {
            let meaning = cause.map_or("", Cause::meaning);
            let examples = totals.examples.join(" ");
            lines.push(format!(
                "  {:>8}  {}  {meaning}: {examples}{}",
                totals.count,
                kind.name(),
                if totals.count > totals.examples.len() as u64 {
                    " ..."
                } else {
                    ""
                }
            ));
        }
        if !self.fields.is_empty() {
            lines.push("by field:".to_owned());
            for (field, totals) in largest(&self.fields, FIELDS, |totals| totals.count) {
                lines.push(format!(
                    "  {:>8}  {field}: {}",
                    totals.count,
                    common(totals)
                ));
            }
            more(&mut lines, self.fields.len(), FIELDS, "fields");
        }
        lines.push("by database:".to_owned());
        for (database, counted) in largest(&self.databases, DATABASES, Counted::total) {
            lines.push(format!(
                "  {:>8}  {database}: {}",
                counted.total(),
                counted.line()
            ));
        }
        more(&mut lines, self.databases.len(), DATABASES, "databases");
        lines
    }
}

/// The values that most documents share.
fn common(totals: &FieldTotals) -> String {
    let shown: Vec<String> = largest(&totals.values, VALUES, |count| *count)
        .map(|(values, count)| format!("{values} ({count})"))
        .collect();
    let more = if totals.values.len() > VALUES {
        ", ..."
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// The largest entries, the first by name of equal ones.
fn largest<T>(
    all: &BTreeMap<String, T>,
    most: usize,
    size: impl Fn(&T) -> u64,
) -> impl Iterator<Item = (&String, &T)> {
    let mut entries: Vec<_> = all.iter().collect();
    entries.sort_by_key(|(_, entry)| std::cmp::Reverse(size(entry)));
    entries.truncate(most);
    entries.into_iter()
}

fn more(lines: &mut Vec<String>, count: usize, most: usize, what: &str) {
    if count > most {
        lines.push(format!("            and {} more {what}", count - most));
    }
}

/// The lines of one document in the whole view.
pub(crate) fn whole(id: &str, steps: &[Step]) -> Vec<String> {
    let (before, after) = ends(steps);
    let Some(kind) = Kind::of(before, after) else {
        return Vec::new();
    };
    let cause = steps.first().and_then(|step| step.cause);
    let meaning = cause.map_or(String::new(), |cause| format!(": {}", cause.meaning()));
    let mut lines = vec![format!("  {} {id}{meaning}", kind.name())];
    for change in changes(before, after) {
        lines.push(format!("      {}: {}", change.field, values(&change)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Drift;
    use document::Revision;

    fn step(before: Option<&str>, after: Option<&str>, cause: Cause) -> Step {
        let read = |text: &str| {
            Document::read("+1", Revision::parse("1-a"), text.to_owned().into()).unwrap()
        };
        Step {
            before: before.map(read),
            cause: Some(cause),
            after: after.map(|text| Document::new("+1", text.to_owned()).unwrap()),
            rev: None,
            leaves: Vec::new(),
        }
    }

    #[test]
    fn totals_are_by_reason_field_and_database() {
        let used_by = Cause::Drift(Drift::WrongUsedByInAccount);
        let mut view = PlanView::default();
        for number in 0..40 {
            let update = step(
                Some(r#"{"pvt_used_by":"callflow","n":1.0}"#),
                Some(r#"{"pvt_used_by":"trunkstore","n":1}"#),
                used_by,
            );
            view.add(&format!("db{number:02}"), "+1", &[update]);
        }
        let deletion = step(Some("{}"), None, Cause::State);
        view.add("db00", "+2", &[deletion]);
        let lines = view.totals();
        assert_eq!(
            lines[0],
            "41 documents in 40 databases: 0 to create, 40 to update, 1 to delete"
        );
        assert!(
            lines.contains(
                &"        40  pvt_used_by: \"callflow\" -> \"trunkstore\" (40)".to_owned()
            ),
            "{lines:#?}"
        );
        assert!(lines.iter().all(|line| !line.contains("  n:")), "1.0 is 1");
        assert!(
            lines.contains(
                &"         1  delete  in the state that the command purges: +2".to_owned()
            ),
            "{lines:#?}"
        );
        assert!(
            lines.contains(&"         2  db00: 0 to create, 1 to update, 1 to delete".to_owned()),
            "{lines:#?}"
        );
        assert_eq!(lines.last().unwrap(), "            and 10 more databases");
    }

    #[test]
    fn whole_view_has_each_field() {
        let update = step(
            Some(r#"{"a":1,"pvt_modified":5}"#),
            Some(r#"{"b":2,"pvt_modified":0}"#),
            Cause::Carrier,
        );
        assert_eq!(
            whole("+1", &[update]),
            [
                "  update +1: gets another carrier module",
                "      a: 1 -> absent",
                "      b: absent -> 2",
                "      pvt_modified: -> the time of applying"
            ]
        );
    }
}
