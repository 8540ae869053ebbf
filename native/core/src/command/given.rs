//! Reading the arguments of one call.

use super::argument::{Argument, Refusal};
use super::forms::{LONGEST, NUMBERS, PARTS, database, digits_of, part, prefix, visible_of};
use super::parameter::Parameter;
use crate::kazoo::{AccountId, account_argument};
use crate::report::{is_invisible, shown};
use crate::selection::{
    Accounts, AuditTarget, Insistence, NumberDatabases, OnCluster, Part, Selection, Unassigned,
};
use couchdb::Rate;

/// The arguments of one call, taken one after the other.
pub(super) struct Given<'a> {
    name: &'static str,
    parameters: &'static [Parameter],
    arguments: &'a [Argument],
    next: usize,
}

impl Given<'_> {
    pub(super) fn take(&mut self) -> Option<&Argument> {
        let argument = self.arguments.get(self.next);
        self.next += 1;
        argument
    }

    pub(super) fn refuse(&self, what: &str, expected: &str, example: &str) -> Refusal {
        Refusal::new(format!(
            "{}: argument {} is {what}; expected {expected}, for example {example}",
            self.name, self.next
        ))
    }

    /// As `refuse`, with a suggestion of the kind of argument that the text looks like.
    pub(super) fn refuse_or_suggest(&self, text: &str, expected: &str, example: &str) -> Refusal {
        let line = self.refuse(&shown(text), expected, example);
        let meant = if expected == NUMBERS {
            digits_of(text)
        } else {
            visible_of(text)
        };
        match meant {
            Some(meant) => Refusal::new(format!("{line}; did you mean {meant}?")),
            None => line,
        }
    }

    /// Whether the next argument is an empty list where a list is allowed.
    pub(super) fn is_empty_list(&self) -> bool {
        self.parameters
            .iter()
            .zip(self.arguments)
            .any(|(parameter, argument)| {
                parameter.is_list() && matches!(argument, Argument::List(all) if all.is_empty())
            })
    }

    pub(super) fn text(&mut self, expected: &str, example: &str) -> Result<String, Refusal> {
        let text = match self.take() {
            Some(Argument::Text(text)) => text.clone(),
            Some(Argument::List(all)) => match all.as_slice() {
                [] => String::new(),
                _ => return Err(self.refuse("a list", expected, example)),
            },
            None => return Err(self.refuse("missing", expected, example)),
        };
        self.checked(text, expected, example)
    }

    /// Takes all other arguments as they are.
    pub(super) fn rest(&mut self) -> Vec<Argument> {
        let rest = self.arguments.get(self.next..).unwrap_or_default();
        self.next = self.arguments.len();
        rest.to_vec()
    }

    /// Takes a word that must match exactly.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Refusal> {
        let expected = format!("the word {word}");
        match self.text(&expected, word)? {
            given if given == word => Ok(()),
            given => Err(self.refuse(&shown(&given), &expected, word)),
        }
    }

    /// Takes a word that turns off a safeguard of `undo`.
    pub(super) fn insistence(&mut self) -> Result<Insistence, Refusal> {
        let expected = format!("the word {} or {}", OnCluster::ANY, Insistence::AGAIN);
        let given = self.text(&expected, Insistence::AGAIN)?;
        Insistence::parse(&given)
            .ok_or_else(|| self.refuse(&shown(&given), &expected, Insistence::AGAIN))
    }

    pub(super) fn texts(&mut self, expected: &str, example: &str) -> Result<Vec<String>, Refusal> {
        let texts = match self.take() {
            Some(Argument::Text(text)) => vec![text.clone()],
            Some(Argument::List(all)) => all.clone(),
            None => return Err(self.refuse("missing", expected, example)),
        };
        texts
            .into_iter()
            .map(|text| self.checked(text, expected, example))
            .collect()
    }

    pub(super) fn checked(
        &self,
        text: String,
        expected: &str,
        example: &str,
    ) -> Result<String, Refusal> {
        // A text that is not a number, the empty text included, is the failure of that number and not a refusal
        // (docs/specification.md#not-reconcilable).
        if text.is_empty() && expected != NUMBERS {
            return Err(self.refuse("empty", expected, example));
        }
        // Kazoo does not strip the separators that people write between digits. It would look for a number with exactly that name
        // (docs/specification.md#not-reconcilable).
        let unclear = if expected == NUMBERS {
            text.contains(|c: char| c != ' ' && is_invisible(c)) || digits_of(&text).is_some()
        } else {
            text.contains(char::is_control)
        };
        if text.len() > LONGEST || unclear {
            return Err(self.refuse_or_suggest(&text, expected, example));
        }
        Ok(text)
    }

    pub(super) fn account_of(&self, text: &str) -> Result<AccountId, Refusal> {
        account_argument(text).ok_or_else(|| {
            self.refuse_or_suggest(
                text,
                "an account id or account database",
                "4b87ccf02d8846f06c3b1f0e04e76bfd",
            )
        })
    }

    pub(super) fn account(&mut self) -> Result<AccountId, Refusal> {
        let text = self.text(
            "an account id or account database",
            "4b87ccf02d8846f06c3b1f0e04e76bfd",
        )?;
        self.account_of(&text)
    }

    pub(super) fn accounts(&mut self) -> Result<Accounts, Refusal> {
        let texts = self.texts(
            "account ids or account databases",
            "4b87ccf02d8846f06c3b1f0e04e76bfd",
        )?;
        let mut accounts = texts
            .iter()
            .map(|text| self.account_of(text))
            .collect::<Result<Vec<_>, _>>()?;
        accounts.sort_unstable();
        accounts.dedup();
        Ok(Accounts::List(accounts))
    }

    pub(super) fn database_of(&self, text: &str) -> Result<Selection, Refusal> {
        database(text).map(Selection::Database).ok_or_else(|| {
            self.refuse_or_suggest(text, "a number database", "numbers%2F%2B1415 or +1415")
        })
    }

    pub(super) fn number_database(&mut self) -> Result<Selection, Refusal> {
        let text = self.text("a number database", "numbers%2F%2B1415 or +1415")?;
        self.database_of(&text)
    }

    pub(super) fn prefix_or_all(&mut self) -> Result<NumberDatabases, Refusal> {
        if self.next == self.parameters.len() {
            return Ok(NumberDatabases::All);
        }
        let (expected, example) = ("the first characters of a number", "+1415");
        let text = self.text(expected, example)?;
        prefix(&text)
            .map(NumberDatabases::One)
            .ok_or_else(|| self.refuse_or_suggest(&text, expected, example))
    }

    pub(super) fn databases_or_all(&mut self) -> Result<NumberDatabases, Refusal> {
        if self.next == self.parameters.len() {
            return Ok(NumberDatabases::All);
        }
        let texts = self.texts("number databases", "numbers%2F%2B1415 or +1415")?;
        let mut selections = texts
            .iter()
            .map(|text| self.database_of(text))
            .collect::<Result<Vec<_>, _>>()?;
        selections.sort_unstable();
        selections.dedup();
        Ok(NumberDatabases::List(selections))
    }

    pub(super) fn number(&mut self) -> Result<String, Refusal> {
        self.text(NUMBERS, "+14155550100")
    }

    pub(super) fn numbers(&mut self) -> Result<Vec<String>, Refusal> {
        let list = self
            .parameters
            .get(self.next)
            .is_some_and(Parameter::is_list);
        if !list {
            return Ok(vec![self.number()?]);
        }
        let mut numbers = self.texts(NUMBERS, "+14155550100")?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    pub(super) fn target(&mut self) -> Result<String, Refusal> {
        self.text("a carrier module", "knm_bandwidth2")
    }

    pub(super) fn feature(&mut self) -> Result<String, Refusal> {
        self.text("a feature", "e911")
    }

    /// A rate, or `off`.
    pub(super) fn request_rate(&mut self) -> Result<Option<Rate>, Refusal> {
        let (expected, example) = ("requests a second, from 0.01 to 1000000, or off", "5");
        let text = self.text(expected, example)?;
        if text == "off" {
            return Ok(None);
        }
        let rate = text.parse().map(Some);
        rate.map_err(|()| self.refuse(&shown(&text), expected, example))
    }

    pub(super) fn audit_target(&mut self) -> Result<AuditTarget, Refusal> {
        let texts = self.texts(PARTS, "+1415")?;
        match texts.as_slice() {
            [word] if word == AuditTarget::TREND => Ok(AuditTarget::Trend),
            texts => self.parts_of(texts).map(AuditTarget::Parts),
        }
    }

    /// Takes parts of the cluster.
    pub(super) fn parts(&mut self) -> Result<Vec<Part>, Refusal> {
        let texts = self.texts(PARTS, "+1415")?;
        self.parts_of(&texts)
    }

    fn parts_of(&self, texts: &[String]) -> Result<Vec<Part>, Refusal> {
        let parts = texts.iter().map(|text| {
            part(text).ok_or_else(|| {
                // Most likely a number in a notation for people.
                let number = digits_of(text).map(|_| NUMBERS);
                self.refuse_or_suggest(text, number.unwrap_or(PARTS), "+1415")
            })
        });
        let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
        parts.sort_unstable();
        parts.dedup();
        Ok(parts)
    }

    pub(super) fn unassigned(&mut self) -> Result<Unassigned, Refusal> {
        let text = self.text("a number database or a phone number", "+1415")?;
        Ok(match database(&text) {
            Some(name) => Unassigned::Databases(NumberDatabases::One(Selection::Database(name))),
            None => Unassigned::Number(self.checked(text, NUMBERS, "+14155550100")?),
        })
    }
}

impl<'a> Given<'a> {
    pub(super) fn new(
        name: &'static str,
        parameters: &'static [Parameter],
        arguments: &'a [Argument],
    ) -> Self {
        Self {
            name,
            parameters,
            arguments,
            next: 0,
        }
    }

    /// The name of the function.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}
