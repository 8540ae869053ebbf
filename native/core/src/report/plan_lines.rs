//! The events of a plan as lines.

use super::plan_view::{MODIFIED, shortened};
use super::{
    ChangeCounts, ChangeKind, FieldChange, FieldTotals, Line, PlanChange, PlanDatabase, PlanHead,
    PlanTotals, ReasonTotals, SavedPlan,
};

/// The longest value of a document that is shown on its own, in characters. The JSON output has all of it.
const LONGEST: usize = 400;

/// The most databases that are named as created.
const CREATED: usize = 5;

/// A line of the list of plans.
pub(super) fn saved(plan: &SavedPlan) -> String {
    format!(
        "{}  {}  {}  {}: {}",
        plan.plan,
        plan.at,
        plan.server,
        plan.command,
        counted(plan.counts)
    )
}

pub(super) fn head(head: &PlanHead) -> Vec<Line> {
    let plan = &head.saved;
    let mut lines = vec![format!(
        "plan {}: {}, made at {} by {} on {}",
        plan.plan, plan.command, plan.at, plan.who, plan.server
    )];
    lines.extend(databases_to_create(&head.creates_databases));
    if plan.failed > 0 {
        lines.push(format!(
            "{} failures while planning are not part of the plan",
            plan.failed
        ));
    }
    lines.into_iter().map(Line::from).collect()
}

fn databases_to_create(databases: &[String]) -> Option<String> {
    let shown: Vec<&str> = databases.iter().take(CREATED).map(String::as_str).collect();
    let more = match databases.len().saturating_sub(CREATED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = shown.join(" ");
    (!databases.is_empty())
        .then(|| format!("databases to create: {}: {names}{more}", databases.len()))
}

fn counted(counts: ChangeCounts) -> String {
    format!(
        "{} to create, {} to update, {} to delete",
        counts.create, counts.update, counts.delete
    )
}

/// The totals: by reason, by field, by database.
pub(super) fn totals(totals: &PlanTotals) -> Vec<Line> {
    let databases = totals.databases.len() as u64 + totals.more_databases;
    let mut lines: Vec<Line> = vec![
        format!(
            "{} documents in {databases} databases: {}",
            totals.documents,
            counted(totals.counts)
        )
        .into(),
        "by reason:".to_owned().into(),
    ];
    lines.extend(totals.reasons.iter().map(reason));
    if !totals.fields.is_empty() {
        lines.push("by field:".to_owned().into());
        lines.extend(totals.fields.iter().map(field));
        lines.extend(more(totals.more_fields, "fields"));
    }
    lines.push("by database:".to_owned().into());
    lines.extend(totals.databases.iter().map(|one| {
        let (count, database) = (one.counts.total(), &one.database);
        format!("  {count:>8}  {database}: {}", counted(one.counts)).into()
    }));
    lines.extend(more(totals.more_databases, "databases"));
    lines
}

fn reason(totals: &ReasonTotals) -> Line {
    let is_all = totals.documents <= totals.examples.len() as u64;
    let text = format!(
        "  {:>8}  {}  {}: {}{}",
        totals.documents,
        totals.change.name(),
        totals.meaning,
        totals.examples.join(" "),
        if is_all { "" } else { " ..." }
    );
    Line::new(totals.change.tone(), text)
}

fn field(totals: &FieldTotals) -> Line {
    let mut shown: Vec<String> = totals
        .values
        .iter()
        .map(|one| {
            let change = change(&totals.field, one.old.as_deref(), one.new.as_deref());
            format!("{change} ({})", one.documents)
        })
        .collect();
    if totals.more_values {
        shown.push("...".to_owned());
    }
    format!(
        "  {:>8}  {}: {}",
        totals.documents,
        totals.field,
        shown.join(", ")
    )
    .into()
}

fn more(count: u64, what: &str) -> Option<Line> {
    (count > 0).then(|| format!("            and {count} more {what}").into())
}

/// The old and the new value. The time of modification is that of applying.
fn change(field: &str, old: Option<&str>, new: Option<&str>) -> String {
    match (field, new) {
        (MODIFIED, Some("0")) => "-> the time of applying".to_owned(),
        (MODIFIED, Some(new)) => format!("-> {new}"),
        (_, new) => format!("{} -> {}", old.unwrap_or("absent"), new.unwrap_or("absent")),
    }
}

/// A database, before its documents.
pub(super) fn database(one: &PlanDatabase) -> Vec<Line> {
    vec![format!("{}: {}", one.database, counted(one.counts)).into()]
}

/// A document, with the fields that change.
pub(super) fn document(one: &PlanChange) -> Vec<Line> {
    let meaning = match one.meaning {
        "" => String::new(),
        meaning => format!(": {meaning}"),
    };
    let tone = one.change.tone();
    let head = format!("  {} {}{meaning}", one.change.name(), one.id);
    let mut lines = vec![Line::new(tone, head)];
    let fields = one.fields.iter();
    lines.extend(fields.filter_map(|field| Some(value(one.change, field)?.into())));
    lines
}

/// The line of a field. Those of a deleted document are not shown: they are in the database.
fn value(kind: ChangeKind, field: &FieldChange) -> Option<String> {
    let (old, new) = shortened(field.old.as_deref(), field.new.as_deref(), LONGEST);
    let shown = match kind {
        ChangeKind::Create => new.unwrap_or_default(),
        ChangeKind::Update => change(&field.field, old.as_deref(), new.as_deref()),
        ChangeKind::Delete => return None,
    };
    Some(format!("      {}: {shown}", field.field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Cause, Drift, Step};
    use crate::report::{PlanView, Tone, plan_change};
    use ::document::{Document, Revision};

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

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn totals_are_by_reason_field_and_database() {
        let used_by = Cause::Drift(Drift::WrongUsedByInAccount);
        let mut view = PlanView::default();
        for number in 0..40 {
            let update = step(
                Some(r#"{"pvt_used_by":"callflow","n":1.0,"pvt_modified":5}"#),
                Some(r#"{"pvt_used_by":"trunkstore","n":1,"pvt_modified":0}"#),
                used_by,
            );
            view.add(&format!("db{number:02}"), "+1", &[update]);
        }
        let deletion = step(Some("{}"), None, Cause::State);
        view.add("db00", "+2", &[deletion]);
        let lines = totals(&view.totals());
        assert_eq!(lines[2].tone, Tone::Update);
        assert_eq!(
            lines[3],
            Line::new(
                Tone::Deletion,
                "         1  delete  in the state that the command purges: +2".to_owned()
            )
        );
        let lines = texts(lines);
        assert_eq!(
            lines[0],
            "41 documents in 40 databases: 0 to create, 40 to update, 1 to delete"
        );
        assert_eq!(
            lines[4..8],
            [
                "by field:",
                "        40  pvt_modified: -> the time of applying (40)",
                "        40  pvt_used_by: \"callflow\" -> \"trunkstore\" (40)",
                "by database:",
            ],
            "1.0 is 1"
        );
        assert_eq!(
            lines[8],
            "         2  db00: 0 to create, 1 to update, 1 to delete"
        );
        assert_eq!(lines.last().unwrap(), "            and 10 more databases");
    }

    #[test]
    fn totals_of_every_plan_are_fewer_than_120_lines() {
        let mut view = PlanView::default();
        let causes: Vec<Cause> = Drift::ALL.into_iter().map(Cause::Drift).collect();
        for number in 0..5000_usize {
            let fields: Vec<String> = (0..30)
                .map(|field| format!(r#""field{}":"{number}""#, (number + field) % 2000))
                .collect();
            let after = format!("{{{}}}", fields.join(","));
            let cause = causes[number % causes.len()];
            let step = match number % 3 {
                0 => step(None, Some(&after), cause),
                1 => step(Some("{}"), None, cause),
                _ => step(Some("{}"), Some(&after), cause),
            };
            view.add(
                &format!("db{}", number % 1500),
                &format!("+{number}"),
                &[step],
            );
        }
        assert_eq!(view.totals().reasons.len(), causes.len() * 3);
        let lines = totals(&view.totals()).len();
        assert!(lines < 120, "{lines}");
    }

    #[test]
    fn document_has_each_field_that_changes() {
        let shown = |step: Step| {
            let change = plan_change("db", "+1", &[step]).unwrap();
            texts(document(&change))
        };
        let before = r#"{"a":1,"big":12345678901234567890,"pvt_modified":5,"same":-120}"#;
        let after = r#"{"b":2,"big":12345678901234567891,"pvt_modified":0,"same":-1.2e2}"#;
        assert_eq!(
            shown(step(Some(before), Some(after), Cause::Carrier)),
            [
                "  update +1: gets another carrier module",
                "      a: 1 -> absent",
                "      b: absent -> 2",
                "      big: 12345678901234567890 -> 12345678901234567891",
                "      pvt_modified: -> the time of applying"
            ]
        );
        assert_eq!(
            shown(step(
                None,
                Some(r#"{"_id":"+1","b":2,"a":"x"}"#),
                Cause::Carrier
            )),
            [
                "  create +1: gets another carrier module",
                "      a: \"x\"",
                "      b: 2"
            ]
        );
        assert_eq!(
            shown(step(Some(r#"{"a":1}"#), None, Cause::State)),
            ["  delete +1: in the state that the command purges"]
        );
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let long = |end: &str| format!("\"{}{end}\"", "x".repeat(100));
        let (one, other) = (long("one"), long("other"));
        let (old, new) = shortened(Some(&one), Some(&other), 40);
        assert_eq!(old.unwrap(), "...xxxxxxxxxone\"");
        assert_eq!(new.unwrap(), "...xxxxxxxxxother\"");
        let (old, new) = shortened(None, Some(&one), 40);
        assert_eq!(old, None);
        assert_eq!(new.unwrap().chars().count(), 43);
    }
}
