//! Commands that Kazoo's module does not have: audit, undo, help.

use super::super::parameter::Parameter::{AuditTarget, Function, Insistence, Number, Run};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Origin, Returns};
use super::{answer, figures};
use crate::commands::{Answer, Returned, audit, runs, show, undo};
use crate::lease;
use crate::selection;

const FAMILY: Family = Family::Ours;

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "audit",
        &[],
        "Reports which numbers are in sync and which have drifted, with the command that repairs each kind of drift.",
        |_| answer!(run => audit::audit(run, selection::AuditTarget::All)),
    )
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "audit",
        &[AuditTarget],
        "Reports which numbers have drifted in an account, in number databases, or one number, with the command that repairs each kind of drift.",
        |given| {
            let target = given.audit_target()?;
            answer!(run => audit::audit(run, target))
        },
    )
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "show",
        &[Number],
        "Shows a number's documents in all databases, what uses it, and which command repairs its drift.",
        |given| {
            let number = given.number()?;
            answer!(run => show::show(run, number))
        },
    )
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "runs",
        &[],
        "Lists the runs that can be undone, with cluster, user, counts and state.",
        |_| answer!(run => runs::runs(run)),
    )
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "undo",
        &[Run],
        "Restores the documents that a run changed, unless another writer changed them since.",
        |given| {
            let id = given.text("the id of a run", Run.example())?;
            Ok(undo_of(id, selection::Insistence::NONE))
        },
    )
    .deletes()
    .exclusive()
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "undo",
        &[Run, Insistence],
        "Restores the documents of a run on another cluster, or of a run that was undone before, if they are as the run left them.",
        |given| {
            let id = given.text("the id of a run", Run.example())?;
            let insistence = given.insistence()?;
            Ok(undo_of(id, insistence))
        },
    )
    .deletes()
    .exclusive()
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "unlock",
        &[],
        "Removes the cluster lock of a run that died. A run that still holds it stops within 30 seconds.",
        |_| {
            Ok(Prepared::answer(|run| async move {
                lease::unlock(&run).await?;
                Ok(Answer::Only(Returned::Ok))
            }))
        },
    )
    .writes()
    .of(Origin::Ours),
    CommandSpec::new(FAMILY, "help", &[], "Lists the functions.", |_| {
        Ok(help(None))
    })
    .of(Origin::Ours)
    .returns(Returns::NoReturn),
    CommandSpec::new(
        FAMILY,
        "help",
        &[Function],
        "Explains a function: its arguments, whether it deletes, and an example.",
        |given| {
            let name = given.text("the name of a function", Function.example())?;
            Ok(help(Some(name)))
        },
    )
    .of(Origin::Ours)
    .returns(Returns::NoReturn),
];

fn undo_of(given: String, insistence: selection::Insistence) -> Prepared {
    let undo: Result<Prepared, std::convert::Infallible> = figures!(run => undo::undo(run));
    let undo = undo.unwrap_or_else(|never| match never {});
    undo.check(move |run| async move { undo::check(&run, &given, insistence).await })
}

fn help(topic: Option<String>) -> Prepared {
    Prepared::answer(|_| async { Ok(Answer::Help(topic)) }).unpublished()
}
