//! Commands that Kazoo's module does not have: audit, undo, help.

use std::sync::{Arc, OnceLock};

use super::super::argument::Refusal;
use super::super::given::Given;
use super::super::group::Group;
use super::super::parameter::Parameter::{
    Anyway, AuditTarget, Full, Function, Insistence, Number, OfFunction, Parts, Plan,
    PlannedFunction, RequestRate, Run, RunInProgress, SkipStale,
};
use super::super::prepared::Prepared;
use super::super::spec::{Brake, CommandSpec, Family, Journaling, Origin, Returns};
use super::{answer, figures};
use crate::commands::{
    Answer, Ending, FAILED, Refused, Returned, apply, audit, doctor, plans, repair, runs, show,
    undo,
};
use crate::lease::{self, Controlled, Insist, Order, Scope};
use crate::selection::{self, Detail, Part, Stale};

const FAMILY: Family = Family::Ours;

/// The Erlang module that knows the runs of its node.
const CONTROL: &str = "kazoo_numbers_control";

/// The Erlang module that checks the node.
const DOCTOR: &str = "kazoo_numbers_doctor";

pub(super) const ROWS: &[CommandSpec] = &[
    CommandSpec::new(
        FAMILY,
        "audit",
        &[],
        "Reports which numbers are in sync and which have drifted, with the command that repairs each kind of drift.",
        |_| answer!(run => audit::audit(run, selection::AuditTarget::Parts(Vec::new()))),
    )
    .of(Origin::Ours)
    .main()
    .indexed()
    .journals(Journaling::Prunes),
    CommandSpec::new(
        FAMILY,
        "audit",
        &[AuditTarget],
        "Reports which numbers have drifted in accounts, in number databases, or some numbers, with the command that repairs each kind of drift.",
        |given| {
            let target = given.audit_target()?;
            answer!(run => audit::audit(run, target))
        },
    )
    .of(Origin::Ours)
    .indexed()
    .journals(Journaling::Prunes),
    CommandSpec::new(
        FAMILY,
        "repair",
        &[],
        "Repairs all drift of the whole cluster that can be decided, in the right order, and reports what is left to you.",
        |_| answer!(run => repair::repair(run, Vec::new())),
    )
    .deletes()
    .exclusive()
    .reconciles_services()
    .indexed()
    .of(Origin::Ours)
    .main()
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "repair",
        &[Parts],
        "Repairs all drift of accounts, number databases or numbers that can be decided, and reports what is left to you.",
        |given| {
            let parts = given.parts()?;
            let scope = scope_of(&parts);
            let prepared = Prepared::answer(move |run| async move { repair::repair(&run, parts).await });
            Ok(prepared.scope(Some(scope)))
        },
    )
    .deletes()
    .exclusive()
    .reconciles_services()
    .indexed()
    .of(Origin::Ours)
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "plan",
        &[PlannedFunction, OfFunction],
        "Plans a function: saves exactly what it would change, and changes nothing.",
        plan,
    )
    .example(&["fix_account_db_numbers", "4b87ccf02d8846f06c3b1f0e04e76bfd"])
    .of(Origin::Ours)
    .main()
    .journals(Journaling::Needs)
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "plans",
        &[],
        "Lists the saved plans.",
        |_| answer!(run => plans::plans(run)),
    )
    .of(Origin::Ours)
    .journals(Journaling::Needs)
    .local()
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "show_plan",
        &[Plan],
        "Shows the totals of a plan: by reason, by field and by database.",
        |given| {
            let plan = given.text("a plan", Plan.example())?;
            answer!(run => plans::show(run, plan, Detail::Totals))
        },
    )
    .of(Origin::Ours)
    .main()
    .journals(Journaling::Needs)
    .local()
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "show_plan",
        &[Plan, Full],
        "Shows the totals of a plan, then each document with its old and new values.",
        |given| {
            let plan = given.text("a plan", Plan.example())?;
            given.word(Detail::FULL)?;
            answer!(run => plans::show(run, plan, Detail::Full))
        },
    )
    .of(Origin::Ours)
    .journals(Journaling::Needs)
    .local()
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "apply",
        &[Plan],
        "Makes exactly the changes of a plan. If a document changed since, nothing is changed.",
        |given| {
            let plan = given.text("a plan", Plan.example())?;
            Ok(apply_of(plan, Stale::Refuse))
        },
    )
    .deletes()
    .exclusive()
    .unplanned()
    .brake(Brake::Never)
    .of(Origin::Ours)
    .main()
    .group(Group::Repair),
    CommandSpec::new(
        FAMILY,
        "apply",
        &[Plan, SkipStale],
        "Makes the changes of a plan, except those of documents that changed since.",
        |given| {
            let plan = given.text("a plan", Plan.example())?;
            given.word(Stale::SKIP)?;
            Ok(apply_of(plan, Stale::Skip))
        },
    )
    .deletes()
    .exclusive()
    .unplanned()
    .brake(Brake::Never)
    .of(Origin::Ours)
    .group(Group::Repair),
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
    .of(Origin::Ours)
    .main(),
    CommandSpec::new(
        FAMILY,
        "runs",
        &[],
        "Lists the runs that can be undone, with cluster, user, counts and state.",
        |_| answer!(run => runs::runs(run)),
    )
    .of(Origin::Ours)
    .main()
    .journals(Journaling::Needs)
    .local()
    .group(Group::Runs),
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
    .brake(Brake::Never)
    .of(Origin::Ours)
    .main()
    .journals(Journaling::Needs)
    .group(Group::Runs),
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
    .brake(Brake::Never)
    .of(Origin::Ours)
    .journals(Journaling::Needs)
    .group(Group::Runs),
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
    .main()
    .group(Group::Runs)
    .erlang_module(CONTROL),
    over_runs(CommandSpec::new(
        FAMILY,
        "cancel",
        &[RunInProgress],
        "Stops a run: the requests in flight are finished, and nothing more is written.",
        |given| {
            let run = run_in_progress(given)?;
            Ok(asked(run, Order::Cancel))
        },
    ))
    .erlang_module(CONTROL),
    over_runs(CommandSpec::new(
        FAMILY,
        "pause",
        &[RunInProgress],
        "Pauses a run: the requests in flight are finished, and it keeps its lock.",
        |given| {
            let run = run_in_progress(given)?;
            Ok(asked(run, Order::Pause))
        },
    ))
    .erlang_module(CONTROL),
    over_runs(CommandSpec::new(
        FAMILY,
        "resume",
        &[RunInProgress],
        "Continues a run that was paused.",
        |given| {
            let run = run_in_progress(given)?;
            Ok(asked(run, Order::Resume))
        },
    ))
    .erlang_module(CONTROL),
    over_runs(CommandSpec::new(
        FAMILY,
        "throttle",
        &[RunInProgress, RequestRate],
        "Limits the requests that a run sends in a second; off ends the limit.",
        |given| {
            let run = run_in_progress(given)?;
            Ok(asked(run, Order::Throttle(given.request_rate()?)))
        },
    ))
    .erlang_module(CONTROL),
    over_runs(CommandSpec::new(
        FAMILY,
        "unlock",
        &[],
        "Removes the cluster lock of a run that died. It watches the lock for some seconds, and refuses if the run is alive.",
        |_| Ok(unlocked(Insist::No)),
    )),
    over_runs(CommandSpec::new(
        FAMILY,
        "unlock",
        &[Anyway],
        "Removes the cluster lock at once, of a run that is alive, too. That run stops within 30 seconds.",
        |given| {
            given.word(Insist::WORD)?;
            Ok(unlocked(Insist::Yes))
        },
    )),
    CommandSpec::new(
        FAMILY,
        "doctor",
        &[],
        "Checks whether functions can work here: connection, rights, nodes, proxy, indexes, settings, lock, journal. Says what to do.",
        |_| {
            let examined = Prepared::answer(|run| async move { doctor::doctor(&run).await });
            Ok(examined.unpublished())
        },
    )
    .of(Origin::Ours)
    .main()
    .journals(Journaling::Checks)
    .group(Group::Setup)
    .erlang_module(DOCTOR),
    CommandSpec::new(FAMILY, "help", &[], "Lists the functions.", |_| {
        Ok(help(None))
    })
    .of(Origin::Ours)
    .returns(Returns::NoReturn)
    .main()
    .local()
    .group(Group::Setup),
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
    .returns(Returns::NoReturn)
    .local()
    .group(Group::Setup),
];

/// A command that an operator gives about runs: it changes no number, and is neither planned nor journaled.
const fn over_runs(spec: CommandSpec) -> CommandSpec {
    spec.writes()
        .unplanned()
        .of(Origin::Ours)
        .main()
        .journals(Journaling::None)
        .group(Group::Runs)
}

fn run_in_progress(given: &mut Given<'_>) -> Result<String, Refusal> {
    given.text("the id of a run in progress", RunInProgress.example())
}

/// One account, or numbers, exclude nobody.
fn scope_of(parts: &[Part]) -> Scope {
    let is_shared = match parts {
        [Part::Account(_)] => true,
        parts => parts.iter().all(|part| matches!(part, Part::Number(_))),
    };
    if is_shared {
        Scope::Shared
    } else {
        Scope::Exclusive
    }
}

fn undo_of(given: String, insistence: selection::Insistence) -> Prepared {
    let undo: Result<Prepared, std::convert::Infallible> = figures!(run => undo::undo(run));
    let undo = undo.unwrap_or_else(|never| match never {});
    undo.check(move |run| async move { undo::check(&run, &given, insistence).await })
}

fn plan(given: &mut Given<'_>) -> Result<Prepared, Refusal> {
    let function = given.text("the name of a function", Function.example())?;
    Ok(Prepared::plan(function, given.rest()))
}

fn apply_of(plan: String, stale: Stale) -> Prepared {
    let opened: Arc<OnceLock<Arc<crate::journal::Plan>>> = Arc::default();
    let (of_work, of_scope) = (opened.clone(), opened.clone());
    Prepared::answer(move |run| async move {
        match of_work.get() {
            Some(plan) => apply::apply(&run, plan, stale).await,
            None => Ok(Answer::Figures),
        }
    })
    .check(move |run| async move {
        match apply::check(&run, &plan).await? {
            Ok(plan) => {
                let _ = opened.set(plan);
                Ok(None)
            }
            Err(refused) => Ok(Some(refused)),
        }
    })
    .late_scope(move || match of_scope.get() {
        Some(plan) if !plan.start.is_exclusive => Scope::Shared,
        _ => Scope::Exclusive,
    })
}

/// A request to a run of any node.
fn asked(id: String, order: Order) -> Prepared {
    Prepared::answer(move |run| async move { Ok(controlled(lease::ask(&run, &id, order).await?)) })
        .unpublished()
}

fn unlocked(insist: Insist) -> Prepared {
    Prepared::answer(move |run| async move { Ok(controlled(lease::unlock(&run, insist).await?)) })
}

fn controlled(result: Controlled) -> Answer {
    let refused = |because| Answer::Ended(Returned::Code(FAILED), Ending::Refused(because));
    match result {
        Controlled::Done => Answer::Only(Returned::Ok),
        Controlled::NoSuchRun => refused(Refused::NoSuchRun),
        Controlled::IsAlive => refused(Refused::Locked),
        Controlled::Failed => Answer::Only(Returned::Code(FAILED)),
    }
}

fn help(topic: Option<String>) -> Prepared {
    Prepared::answer(|_| async { Ok(Answer::Help(topic)) }).unpublished()
}
