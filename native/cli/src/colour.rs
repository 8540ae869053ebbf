//! The colours of lines about changes and drift, on terminals only.

use std::env;
use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};
use kazoo_numbers::plan::Severity;
use kazoo_numbers::report::{CheckState, Line, Tone};

/// Whether lines on this output are coloured: it is a terminal that can do it, and nobody asked for no colour
/// (<https://no-color.org>).
pub(crate) fn is_wanted(output: &impl IsTerminal) -> bool {
    output.is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The line in its colour.
pub(crate) fn paint(line: &Line) -> String {
    let style = style(line.tone);
    format!("{style}{}{style:#}", line.text)
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain | Tone::Drift(Severity::Minor) | Tone::Check(CheckState::Skipped) => {
            Style::new()
        }
        Tone::Creation | Tone::Check(CheckState::Good) => AnsiColor::Green.on_default(),
        Tone::Update | Tone::Drift(Severity::Major) | Tone::Check(CheckState::Warning) => {
            AnsiColor::Yellow.on_default()
        }
        Tone::Deletion | Tone::Drift(Severity::Critical) | Tone::Check(CheckState::Failed) => {
            AnsiColor::Red.on_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_have_no_escapes() {
        let painted = |tone| {
            paint(&Line {
                text: "x".to_owned(),
                tone,
            })
        };
        assert_eq!(painted(Tone::Plain), "x");
        assert_eq!(painted(Tone::Deletion), "\u{1b}[31mx\u{1b}[0m");
    }
}
