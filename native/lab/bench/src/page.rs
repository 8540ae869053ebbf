//! Writes the table in `docs/performance.md` between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tabled::builder::Builder;
use tabled::settings::Style;

use crate::conditions::Conditions;
use crate::measurement::{ClusterState, Measurement};
use crate::shape::ClusterShape;
use crate::targets::{TARGETS, Target};

const BEGIN: &str = "<!-- figures: written by `make bench`, do not edit -->";
const END: &str = "<!-- end of figures -->";

/// Writes the figures into a page.
pub(crate) fn write(page: &Path, measurements: &[Measurement]) -> Result<()> {
    let shown = page.display().to_string();
    let text = fs::read_to_string(page).with_context(|| shown.clone())?;
    let text = with_figures(&text, &figures(measurements)).with_context(|| shown.clone())?;
    fs::write(page, text).context(shown)
}

fn with_figures(text: &str, figures: &str) -> Result<String> {
    let begin = text.find(BEGIN).map(|at| at + BEGIN.len());
    let end = text.find(END);
    let (Some(begin), Some(end)) = (begin, end) else {
        anyhow::bail!("the marks for the figures are missing");
    };
    ensure!(
        begin <= end,
        "the marks for the figures are in the wrong order"
    );
    Ok(format!("{}\n\n{figures}\n{}", &text[..begin], &text[end..]))
}

fn figures(all: &[Measurement]) -> String {
    let mut text = String::from("### Targets\n\n");
    text.push_str(&targets(all));
    for of_shape in all.chunk_by(|measurement, other| measurement.shape == other.shape) {
        if let Some(measurement) = of_shape.first() {
            text.push_str(&format!("\n### {}\n\n", heading(measurement.shape)));
        }
        text.push_str(&measured_on(of_shape));
        let (indexed, full): (Vec<_>, Vec<_>) =
            of_shape.iter().partition(|one| one.state.is_indexed());
        text.push_str(&table(&full, all));
        if !indexed.is_empty() {
            text.push_str("\n#### With the index\n\n");
            text.push_str(&table_with_index(&indexed, all));
        }
    }
    text
}

fn targets(all: &[Measurement]) -> String {
    let mut table = Builder::default();
    table.push_record(["Target", "Holds", "Worst"]);
    for target in &TARGETS {
        let result = target.result(all);
        let holds = match (result.measured, result.missed) {
            (0, _) => "not measured".to_owned(),
            (all, 0) => format!("yes, {all} of {all}"),
            (all, missed) => format!("**no**, {} of {all}", all - missed),
        };
        let worst = result
            .worst
            .map_or_else(String::new, |(figure, measurement)| {
                format!("{figure}: {}", of(measurement))
            });
        table.push_record([target.text.to_owned(), holds, worst]);
    }
    markdown(table)
}

/// One row for each command: its runs with an index, as ratios to the floor of the full read in the same turns.
fn table_with_index(some: &[&Measurement], all: &[Measurement]) -> String {
    let mut table = Builder::default();
    table.push_record([
        "Command",
        "Full read (floor), s",
        "First look, × floor",
        "Nothing changed, s",
        "Nothing changed, × floor (least–most)",
        "Questions alone, s",
        "1 % changed, s",
        "1 % changed, × floor (least–most)",
        "Questions alone, s",
        "Memory, MiB",
    ]);
    for of_command in some.chunk_by(|one, other| one.command == other.command) {
        let of = |state| of_command.iter().find(|one| one.state == state);
        let seconds = |state| {
            of(state).map_or_else(String::new, |one| format!("{:.2}", one.seconds().median))
        };
        let asked = |state| {
            of(state).map_or_else(String::new, |one| {
                format!("{:.2}", one.questions_seconds().median)
            })
        };
        let ratio = |state| of(state).map_or_else(String::new, |one| marked_ratio(one, all));
        let (unchanged, changed) = (ClusterState::NothingChanged, ClusterState::SomeChanged);
        let memory = of_command.iter().map(|one| one.memory_growth_bytes().most);
        let Some(first) = of_command.first() else {
            continue;
        };
        table.push_record([
            format!("`{}`", first.command),
            format!("{:.2}", first.floor_seconds().median),
            ratio(ClusterState::FirstLook),
            seconds(unchanged),
            ratio(unchanged),
            asked(unchanged),
            seconds(changed),
            ratio(changed),
            asked(changed),
            format!("{:.0}", memory.fold(0.0, f64::max) / (1024.0 * 1024.0)),
        ]);
    }
    markdown(table)
}

/// The ratio to the floor, in bold if it misses a target.
fn marked_ratio(measurement: &Measurement, all: &[Measurement]) -> String {
    let ratio = measurement.ratio();
    let figure = format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most);
    let misses = |target: &Target| target.is_ratio && target.holds(measurement, all) == Some(false);
    if TARGETS.iter().any(misses) {
        format!("**{figure}**")
    } else {
        figure
    }
}

fn table(some: &[&Measurement], all: &[Measurement]) -> String {
    if some.is_empty() {
        return String::new();
    }
    let mut table = Builder::default();
    table.push_record([
        "Command",
        "Seconds",
        "Requests",
        "MB",
        "Documents/s",
        "Memory, MiB",
        "CPU, µs/document",
        "Floor, s",
        "Floor, requests",
        "× floor (least–most)",
    ]);
    let [_, growth, memory, processor, ..] = &TARGETS;
    for measurement in some {
        let marked = |target: &Target, figure: String| match target.holds(measurement, all) {
            Some(false) => format!("**{figure}**"),
            _ => figure,
        };
        let micros = measurement.cpu_seconds_a_document() * 1e6;
        table.push_record([
            command(measurement),
            marked(growth, format!("{:.2}", measurement.seconds().median)),
            with_thousands(measurement.requests().median),
            format!("{:.1}", measurement.bytes().median / 1e6),
            with_thousands(measurement.documents_a_second()),
            marked(
                memory,
                format!(
                    "{:.0}",
                    measurement.memory_growth_bytes().most / (1024.0 * 1024.0)
                ),
            ),
            marked(
                processor,
                if micros.is_finite() {
                    format!("{micros:.1}")
                } else {
                    String::new()
                },
            ),
            format!("{:.2}", measurement.floor_seconds().median),
            with_thousands(measurement.floor_requests().median),
            marked_ratio(measurement, all),
        ]);
    }
    markdown(table)
}

fn markdown(table: Builder) -> String {
    format!("{}\n", table.build().with(Style::markdown()))
}

fn command(measurement: &Measurement) -> String {
    match measurement.state {
        ClusterState::Drifted => format!("`{}`", measurement.command),
        state => format!("…{}", state.words()),
    }
}

fn of(measurement: &Measurement) -> String {
    let state = measurement.state.words();
    let numbers = with_thousands(measurement.shape.numbers as f64);
    format!("`{}`{state}, {numbers} numbers", measurement.command)
}

fn heading(shape: ClusterShape) -> String {
    format!(
        "{} numbers in {} databases, {} accounts",
        with_thousands(shape.numbers as f64),
        shape.number_databases,
        with_thousands(shape.accounts as f64)
    )
}

/// One line for each set of conditions of these measurements.
fn measured_on(some: &[Measurement]) -> String {
    let mut conditions: Vec<&Conditions> = some
        .iter()
        .map(|measurement| &measurement.conditions)
        .collect();
    conditions.sort();
    conditions.dedup();
    let lines: Vec<String> = conditions
        .into_iter()
        .map(|on| {
            format!(
                "{}, {} cores, {:.0} GiB, {}; {}; {}, at {}.\n",
                on.processor,
                on.cores,
                on.memory_bytes as f64 / (1u64 << 30) as f64,
                on.system,
                on.server,
                on.date,
                on.commit
            )
        })
        .collect();
    format!("{}\n", lines.join("\n"))
}

/// A number with separated thousands.
fn with_thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_between_the_marks() {
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let written = with_figures(&page, "new\n").unwrap();
        assert_eq!(written, format!("above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"));
        assert_eq!(with_figures(&written, "new\n").unwrap(), written);
        assert!(with_figures("no marks", "new\n").is_err());
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(with_thousands(0.4), "0");
        assert_eq!(with_thousands(999.0), "999");
        assert_eq!(with_thousands(28_223.0), "28\u{a0}223");
        assert_eq!(with_thousands(1_000_000.0), "1\u{a0}000\u{a0}000");
    }
}
