//! Commands that Kazoo's module does not have: audit, undo, help.

use super::super::parameter::Parameter::{
    AnyCluster, Anyway, AuditTarget, Function, RequestRate, Run, RunInProgress,
};
use super::super::prepared::Prepared;
use super::super::spec::{CommandSpec, Family, Origin, Returns};
use super::{answer, figures};
use crate::commands::{Answer, Returned, audit, runs, undo};
use crate::lease::{self, Insist, Order};
use crate::selection::{self, OnCluster};

const FAMILY: Family = Family::Ours;

/// The Erlang module that knows the runs of its node.
const CONTROL: &str = "kazoo_numbers_control";

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
        "runs",
        &[],
        "Lists the runs that can be undone.",
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
            Ok(undo_of(id, OnCluster::Same))
        },
    )
    .deletes()
    .exclusive()
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "undo",
        &[Run, AnyCluster],
        "Restores the documents that a run on another cluster changed, if they are as the run left them.",
        |given| {
            let id = given.text("the id of a run", Run.example())?;
            given.word(OnCluster::ANY)?;
            Ok(undo_of(id, OnCluster::Any))
        },
    )
    .deletes()
    .exclusive()
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "status",
        &[],
        "Lists the runs in progress in this node, and those of all nodes that hold the cluster lock or wait for it.",
        |_| {
            Ok(Prepared::answer(|run| async move {
                lease::status(&run).await?;
                Ok(Answer::Only(Returned::Ok))
            })
            .unpublished())
        },
    )
    .of(Origin::Ours)
    .erlang_module(CONTROL),
    CommandSpec::new(
        FAMILY,
        "cancel",
        &[RunInProgress],
        "Stops a run: the requests in flight are finished, and nothing more is written.",
        |given| {
            let run = given.text("the id of a run in progress", RunInProgress.example())?;
            Ok(asked(run, Order::Cancel))
        },
    )
    .writes()
    .of(Origin::Ours)
    .erlang_module(CONTROL),
    CommandSpec::new(
        FAMILY,
        "pause",
        &[RunInProgress],
        "Pauses a run: the requests in flight are finished, and it keeps its lock.",
        |given| {
            let run = given.text("the id of a run in progress", RunInProgress.example())?;
            Ok(asked(run, Order::Pause))
        },
    )
    .writes()
    .of(Origin::Ours)
    .erlang_module(CONTROL),
    CommandSpec::new(
        FAMILY,
        "resume",
        &[RunInProgress],
        "Continues a run that was paused.",
        |given| {
            let run = given.text("the id of a run in progress", RunInProgress.example())?;
            Ok(asked(run, Order::Resume))
        },
    )
    .writes()
    .of(Origin::Ours)
    .erlang_module(CONTROL),
    CommandSpec::new(
        FAMILY,
        "throttle",
        &[RunInProgress, RequestRate],
        "Limits the requests that a run sends in a second; off ends the limit.",
        |given| {
            let run = given.text("the id of a run in progress", RunInProgress.example())?;
            Ok(asked(run, Order::Throttle(given.request_rate()?)))
        },
    )
    .writes()
    .of(Origin::Ours)
    .erlang_module(CONTROL),
    CommandSpec::new(
        FAMILY,
        "unlock",
        &[],
        "Removes the cluster lock of a run that died. It watches the lock for some seconds, and refuses if the run is alive.",
        |_| Ok(unlocked(Insist::No)),
    )
    .writes()
    .of(Origin::Ours),
    CommandSpec::new(
        FAMILY,
        "unlock",
        &[Anyway],
        "Removes the cluster lock at once, of a run that is alive, too. That run stops within 30 seconds.",
        |given| {
            given.word(Insist::WORD)?;
            Ok(unlocked(Insist::Yes))
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

fn undo_of(id: String, on: OnCluster) -> Prepared {
    let of_check = id.clone();
    let undo: Result<Prepared, std::convert::Infallible> = figures!(run => undo::undo(run, id));
    let undo = undo.unwrap_or_else(|never| match never {});
    undo.check(move |run| async move {
        undo::check(&run, &of_check, on).await?;
        Ok(None)
    })
}

/// A request to a run of any node.
fn asked(id: String, order: Order) -> Prepared {
    Prepared::answer(move |run| async move { lease::ask(&run, &id, order).await }).unpublished()
}

fn unlocked(insist: Insist) -> Prepared {
    Prepared::answer(move |run| async move { lease::unlock(&run, insist).await })
}

fn help(topic: Option<String>) -> Prepared {
    Prepared::answer(|_| async { Ok(Answer::Help(topic)) }).unpublished()
}
