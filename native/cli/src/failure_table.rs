//! Failures for a person: by reason, with how many there are, examples, the meaning and the remedy.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use kazoo_numbers::report::{Explanation, Failures};

/// The most examples of a reason.
const EXAMPLES: usize = 3;

/// The widest table, and the narrowest: on smaller terminals lines wrap.
const WIDEST: usize = 120;
const NARROWEST: usize = 60;

/// The column of the counts, and that of the texts.
const COUNT: usize = 8;
const TEXT: usize = 22;

/// The width for a table on this output. `None`: it is not a terminal.
pub(crate) fn columns(output: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !output.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(output).ok();
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    // A terminal that does not know its size has 0 columns.
    let columns = if columns == 0 { 80 } else { columns };
    Some(columns.clamp(NARROWEST, WIDEST))
}

/// The failures of one reason.
struct Row {
    explanation: &'static Explanation,
    count: usize,
    examples: Vec<String>,
}

impl Row {
    fn new(explanation: &'static Explanation) -> Self {
        Self {
            explanation,
            count: 0,
            examples: Vec::new(),
        }
    }

    fn add(&mut self, count: usize, examples: impl Iterator<Item = String>) {
        self.count += count;
        let room = EXAMPLES - self.examples.len();
        self.examples.extend(examples.take(room));
    }
}

/// The table, the most frequent reason first. Empty without failures.
pub(crate) fn lines(failures: &Failures, columns: usize) -> Vec<String> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (database, failures) in failures.by_database() {
        for (reason, numbers) in &failures.failed {
            let row = rows.entry(reason.key().into_owned());
            let row = row.or_insert_with(|| Row::new(reason.explanation()));
            let examples = numbers
                .iter()
                .map(|number| format!("{number} in {database}"));
            row.add(numbers.len(), examples);
        }
        if let Some(kind) = failures.last_error {
            let row = rows.entry(format!("last_error: {}", kind.name()));
            let row = row.or_insert_with(|| Row::new(Explanation::of_database(kind)));
            row.add(1, std::iter::once(database.clone()));
        }
    }
    let mut rows: Vec<(String, Row)> = rows.into_iter().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.count));
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines.push(format!("{:>COUNT$}  reason", "failed"));
    }
    for (key, row) in rows {
        lines.push(format!("{:>COUNT$}  {key}", row.count));
        let mut examples = row.examples.join(", ");
        if row.count > row.examples.len() {
            examples += &format!(", {} more", row.count - row.examples.len());
        }
        for (name, text) in [
            ("examples", examples.as_str()),
            ("meaning", row.explanation.meaning),
            ("what to do", row.explanation.remedy),
        ] {
            lines.extend(wrapped(name, &text.replace('`', ""), columns));
        }
    }
    lines
}

fn wrapped(name: &str, text: &str, columns: usize) -> Vec<String> {
    let first = format!(
        "{}{name:<width$}",
        " ".repeat(COUNT + 2),
        width = TEXT - COUNT - 2
    );
    let rest = " ".repeat(TEXT);
    let options = textwrap::Options::new(columns)
        .initial_indent(&first)
        .subsequent_indent(&rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kazoo_numbers::Kind;
    use kazoo_numbers::report::Reason;

    #[test]
    fn table_has_counts_examples_meaning_and_remedy() {
        let mut failures = Failures::default();
        failures.number("numbers%2F%2B1415", Reason::NotAssigned, "+14155550199");
        for number in ["+14155550100", "+14155550101", "+14155550102"] {
            failures.number("numbers%2F%2B1415", Reason::CONFLICT, number);
        }
        failures.number("numbers%2F%2B1416", Reason::CONFLICT, "+14165550100");
        failures.database("numbers%2F%2B1417", Kind::DatabaseNotFound);
        assert_eq!(
            lines(&failures, 80),
            [
                "  failed  reason",
                "       4  save_docs-conflict",
                "          examples    +14155550100 in numbers%2F%2B1415, +14155550101 in",
                "                      numbers%2F%2B1415, +14155550102 in numbers%2F%2B1415, 1",
                "                      more",
                "          meaning     account → number: the number database holds another",
                "                      document. Number → account: the account has a document of",
                "                      another type, or other writers changed it repeatedly",
                "          what to do  look at both; copy_number_from_db_to_assigned_account",
                "                      makes the account follow",
                "       1  last_error: db_not_found",
                "          examples    numbers%2F%2B1417",
                "          meaning     a whole database could not be read",
                "          what to do  see the kind; the other databases were done",
                "       1  not_assigned",
                "          examples    +14155550199 in numbers%2F%2B1415",
                "          meaning     the number has no account",
                "          what to do  assign it",
            ]
        );
        assert_eq!(lines(&Failures::default(), 80), Vec::<String>::new());
    }
}
