//! The table of `docs/performance.md`, written between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tabled::builder::Builder;
use tabled::settings::Style;

use crate::conditions::Conditions;
use crate::measurement::{Measurement, State};
use crate::shape::Shape;
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
        anyhow::bail!("there are no marks for figures");
    };
    ensure!(begin <= end, "the marks for figures are in disorder");
    Ok(format!("{}\n\n{figures}\n{}", &text[..begin], &text[end..]))
}

fn figures(all: &[Measurement]) -> String {
    let mut text = String::from("### Targets\n\n");
    text.push_str(&targets(all));
    for of_shape in all.chunk_by(|one, other| one.shape == other.shape) {
        if let Some(one) = of_shape.first() {
            text.push_str(&format!("\n### {}\n\n", heading(one.shape)));
        }
        text.push_str(&measured_on(of_shape));
        text.push_str(&table(of_shape, all));
    }
    text
}

fn targets(all: &[Measurement]) -> String {
    let mut table = Builder::default();
    table.push_record(["Target", "Holds", "Worst"]);
    for target in &TARGETS {
        let verdict = target.verdict(all);
        let holds = match (verdict.measured, verdict.missed) {
            (0, _) => "not measured".to_owned(),
            (all, 0) => format!("yes, {all} of {all}"),
            (all, missed) => format!("**no**, {} of {all}", all - missed),
        };
        let worst = verdict.worst.map_or_else(String::new, |(figure, one)| {
            format!("{figure}: {}", of(one))
        });
        table.push_record([target.says.to_owned(), holds, worst]);
    }
    markdown(table)
}

fn table(some: &[Measurement], all: &[Measurement]) -> String {
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
    let [floor, growth, memory, processor] = &TARGETS;
    for one in some {
        let marked = |target: &Target, figure: String| match target.holds(one, all) {
            Some(false) => format!("**{figure}**"),
            _ => figure,
        };
        let ratio = one.ratio();
        let micros = one.cpu_seconds_a_document() * 1e6;
        table.push_record([
            command(one),
            marked(growth, format!("{:.2}", one.seconds().median)),
            whole(one.requests().median),
            format!("{:.1}", one.bytes().median / 1e6),
            whole(one.documents_a_second()),
            marked(
                memory,
                format!("{:.0}", one.memory_growth_bytes().most / (1024.0 * 1024.0)),
            ),
            marked(
                processor,
                if micros.is_finite() {
                    format!("{micros:.1}")
                } else {
                    String::new()
                },
            ),
            format!("{:.2}", one.floor_seconds().median),
            whole(one.floor_requests().median),
            marked(
                floor,
                format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most),
            ),
        ]);
    }
    markdown(table)
}

fn markdown(table: Builder) -> String {
    format!("{}\n", table.build().with(Style::markdown()))
}

fn command(one: &Measurement) -> String {
    match one.state {
        State::Drifted => format!("`{}`", one.command),
        State::InSync => "… in sync".to_owned(),
    }
}

fn of(one: &Measurement) -> String {
    let in_sync = match one.state {
        State::Drifted => "",
        State::InSync => " in sync",
    };
    let numbers = whole(one.shape.numbers as f64);
    format!("`{}`{in_sync}, {numbers} numbers", one.command)
}

fn heading(shape: Shape) -> String {
    format!(
        "{} numbers in {} databases, {} accounts",
        whole(shape.numbers as f64),
        shape.number_databases,
        whole(shape.accounts as f64)
    )
}

/// One line for each of the conditions under which some of these were measured.
fn measured_on(some: &[Measurement]) -> String {
    let mut conditions: Vec<&Conditions> = some.iter().map(|one| &one.conditions).collect();
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

/// A whole number with its thousands apart.
fn whole(number: f64) -> String {
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
    fn figures_go_between_the_marks() {
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let written = with_figures(&page, "new\n").unwrap();
        assert_eq!(written, format!("above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"));
        assert_eq!(with_figures(&written, "new\n").unwrap(), written);
        assert!(with_figures("no marks", "new\n").is_err());
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!(whole(0.4), "0");
        assert_eq!(whole(999.0), "999");
        assert_eq!(whole(28_223.0), "28\u{a0}223");
        assert_eq!(whole(1_000_000.0), "1\u{a0}000\u{a0}000");
    }
}
