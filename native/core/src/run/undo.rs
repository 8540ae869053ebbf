//! Undoing a run: its documents are put back where nobody has changed them since.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::context::Run;
use super::read::parsed;
use super::settle::{Decide, Decision, settle};
use super::{Answer, Returned};
use crate::command::OnCluster;
use crate::journal::{Journals, Step};
use crate::kazoo::{DatabaseName, NumberFacts};
use crate::operation;
use crate::plan::{Change, Leaf};
use couchdb::{Digest, Found, Include, Object};
use couchdb::{Error, Kind};

/// Why a document is not put back.
const CHANGED_SINCE: &str = "changed_since";

fn journals(run: &Run) -> Result<Journals, Error> {
    run.settings.journals.clone().ok_or_else(|| {
        Error::new(
            Kind::Config,
            operation::JOURNAL,
            "no journal is kept here, so there is nothing to undo",
        )
    })
}

/// `runs/0`: what can be undone, newest last.
pub(super) async fn runs(run: &Run) -> Result<Answer, Error> {
    for one in journals(run)?.runs()? {
        let end = if one.ended { "" } else { ", broken off" };
        run.output(format!(
            "{}  {}  {}: {} documents written{end}",
            one.start.run, one.start.at, one.start.command, one.landed
        ))
        .await;
    }
    Ok(Answer::Only(Returned::Ok))
}

/// `undo/1`, `undo/2`
pub(super) async fn undo(run: &Arc<Run>, id: String, on: OnCluster) -> Result<(), Error> {
    let journals = journals(run)?;
    let Some(start) = journals.start(&id)? else {
        return Ok(());
    };
    if on == OnCluster::Same && !run.is_on_this_cluster(&start).await? {
        let line = format!(
            "run {id} was on another cluster ({}) than this one ({}): nothing is undone; to undo it here all the same: undo {id} {}",
            start.server,
            run.host.server(None).await?,
            OnCluster::ANY
        );
        return Err(Error::new(Kind::BadRequest, operation::ARGUMENTS, line));
    }
    let done = journals.done(&id)?;
    run.each(
        done.into_iter().collect(),
        |run, (name, documents)| async move {
            let Some(database) = DatabaseName::new(&name) else {
                return Ok(());
            };
            let ids: Vec<String> = documents.keys().cloned().collect();
            let decider = PutBack {
                run: &run,
                database: &database,
                documents,
            };
            settle(&run, &database, Vec::new(), &ids, &decider).await?;
            run.finished(&database).await;
            Ok(())
        },
    )
    .await?;
    Ok(())
}

struct PutBack<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    documents: BTreeMap<String, Vec<Step>>,
}

#[async_trait]
impl Decide for PutBack<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Attachments)
            .await?;
        ids.iter()
            .zip(&found)
            .map(|(id, found)| match self.documents.get(*id) {
                Some(steps) => self.one(steps, found),
                None => Ok(Decision::Skip),
            })
            .collect()
    }

    /// A leaf goes when the run wrote it.
    fn may_delete(&self, id: &str, _: &str, leaf: &Leaf) -> Result<bool, Error> {
        let written = self.documents.get(id).into_iter().flatten();
        for text in written
            .filter(|step| step.after.is_some())
            .flat_map(|step| &step.leaves)
            .map(|leaf| &leaf.text)
        {
            if equal(self.database, text, &leaf.text)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl PutBack<'_> {
    fn one(&self, steps: &[Step], found: &Found) -> Result<Decision, Error> {
        let now = found.document();
        let text = now.map(|(_, text)| text);
        let rev = now.map(|(rev, _)| rev.to_string());
        let Some(target) = unwound(self.database, steps, text, rev.as_deref())? else {
            return Ok(Decision::Failed(
                self.database.encoded(),
                CHANGED_SINCE.to_owned(),
            ));
        };
        Ok(match (target, now) {
            (None, None) => Decision::Unchanged,
            (Some(target), Some((_, text))) if equal(self.database, target, text)? => {
                Decision::Unchanged
            }
            (Some(target), None) => Decision::Change(Change::Create {
                body: without_rev(self.database, target)?,
                leaves: deleted_leaves(steps),
            }),
            (Some(target), Some((rev, text))) => Decision::Change(Change::update(
                rev,
                text,
                without_rev(self.database, target)?,
            )),
            (None, Some((rev, text))) => Decision::Change(Change::delete(rev, text)),
        })
    }
}

/// The losing leaves that a run deleted with a document. It may have tried more than once.
fn deleted_leaves(steps: &[Step]) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let deletions = steps.iter().filter(|step| step.after.is_none());
    for leaf in deletions.flat_map(|step| &step.leaves) {
        if leaves.iter().all(|known| known.rev != leaf.rev) {
            leaves.push(leaf.clone());
        }
    }
    leaves
}

/// Goes back from a document as it is, step by step, to what it was before the run. The outer
/// None: somebody else has changed it since.
///
/// A step that is known to have landed must be there as the revision that it landed as; of one
/// whose answer was lost the content tells. Steps that never landed are passed over.
fn unwound<'a>(
    database: &DatabaseName,
    steps: &'a [Step],
    now: Option<&'a str>,
    rev: Option<&str>,
) -> Result<Option<Option<&'a str>>, Error> {
    let mut state = now;
    let mut moved = false;
    for step in steps.iter().rev() {
        let content = match (step.after.as_deref(), state) {
            (None, None) => true,
            (Some(after), Some(state)) => same(database, after, state)?,
            _ => false,
        };
        let ours = match (&step.rev, state) {
            // Gone is gone, whatever revision the deletion has.
            (Some(known), Some(_)) if !moved => rev == Some(known.as_str()),
            _ => content,
        };
        if ours {
            state = step.before.as_deref();
            moved = true;
        }
    }
    let first = steps.first().and_then(|step| step.before.as_deref());
    let untouched = match (first, now) {
        (None, None) => true,
        (Some(first), Some(now)) => equal(database, first, now)?,
        _ => false,
    };
    Ok((moved || untouched).then_some(state))
}

/// Whether two whole documents are the same, to the bytes of their attachments.
fn equal(database: &DatabaseName, one: &str, other: &str) -> Result<bool, Error> {
    Ok(parsed(database, one)?.digest() == parsed(database, other)?.digest())
}

/// Whether a document is what a run wrote. It wrote attachments as stubs or whole, so of those
/// only the names count here.
fn same(database: &DatabaseName, one: &str, other: &str) -> Result<bool, Error> {
    let digest = |text: &str| -> Result<(Digest, Vec<String>), Error> {
        let document = parsed(database, text)?;
        let attachments = document
            .get("_attachments")
            .and_then(|json| Object::parse(json).ok())
            .map(|all| all.fields().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default();
        if !NumberFacts::of(&document).has_attachments {
            return Ok((document.digest(), attachments));
        }
        let bare = document.with(&[("_attachments", None)]);
        Ok((parsed(database, &bare)?.digest(), attachments))
    };
    let (one, mut names) = digest(one)?;
    let (other, mut others) = digest(other)?;
    names.sort_unstable();
    others.sort_unstable();
    Ok(one == other && names == others)
}

fn without_rev(database: &DatabaseName, text: &str) -> Result<Box<str>, Error> {
    Ok(parsed(database, text)?.with(&[]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(before: Option<&str>, after: Option<&str>, rev: Option<&str>) -> Step {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Step {
            before: own(before),
            after: own(after),
            rev: own(rev),
            leaves: Vec::new(),
        }
    }

    fn back<'a>(
        steps: &'a [Step],
        now: Option<&'a str>,
        rev: Option<&str>,
    ) -> Option<Option<&'a str>> {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        unwound(&database, steps, now, rev).unwrap()
    }

    const A: &str = r#"{"a":1}"#;
    const B: &str = r#"{"b":1}"#;
    const C: &str = r#"{"c":1}"#;

    #[test]
    fn what_landed_is_gone_back_on_and_what_others_wrote_is_not() {
        let steps = [step(Some(A), Some(B), Some("2-x"))];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(B), Some("3-y")), None);
        assert_eq!(back(&steps, Some(C), Some("3-y")), None);
        assert_eq!(back(&steps, None, None), None);
        assert_eq!(back(&steps, Some(A), Some("3-y")), Some(Some(A)));
    }

    #[test]
    fn a_lost_answer_is_told_by_the_content() {
        let steps = [step(Some(A), Some(B), None)];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(A), Some("1-x")), Some(Some(A)));
        assert_eq!(back(&steps, Some(C), Some("2-y")), None);
    }

    #[test]
    fn a_conflict_in_between_keeps_what_the_other_wrote() {
        let steps = [
            step(Some(A), Some(B), None),
            step(Some(C), Some(B), Some("3-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("3-x")), Some(Some(C)));
    }

    #[test]
    fn two_writes_are_gone_back_on_one_after_the_other() {
        let steps = [
            step(None, Some(A), Some("1-x")),
            step(Some(A), Some(B), Some("2-x")),
        ];
        assert_eq!(back(&steps, Some(B), Some("2-x")), Some(None));
        let deleted = [step(Some(A), None, Some("2-x"))];
        assert_eq!(back(&deleted, None, None), Some(Some(A)));
        assert_eq!(back(&deleted, Some(B), Some("4-x")), None);
    }
}
