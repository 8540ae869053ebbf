//! Every interleaving of the apply loop with another run, another client, lost requests and answers, and kills.
//!
//! docs/decisions/0011-every-interleaving.md has the limits of the model.

mod model;
mod properties;
mod run;
mod server;
mod state;
mod step;
mod wiring;

use crate::explore::{check, check_finds};
use model::{Apply, Defect};
use properties::{
    APPLIED_ONCE, ENDS_AS_UNDISTURBED, OVERWRITES_NOTHING_UNREAD, RECORDS_OWN_WRITES,
    REPORT_IS_TRUE,
};
use run::Rule;

/// Two runs of one document. A run may be killed, and is run again.
fn two_runs(before: &[u8], rules: [Rule; 2], outside: &[Option<u8>]) -> Apply {
    Apply {
        documents: vec![before.to_vec()],
        rules: rules.to_vec(),
        outside: outside.to_vec(),
        outside_writes: 2,
        faults: 2,
        kills: 1,
        refusals: false,
        defect: None,
    }
}

/// One run of one document, with so many writes of the other client that it gives up.
fn one_run(before: &[u8], rule: Rule, outside: &[Option<u8>]) -> Apply {
    Apply {
        rules: vec![rule],
        outside_writes: 6,
        faults: 3,
        kills: 0,
        refusals: true,
        ..two_runs(before, [rule, rule], outside)
    }
}

#[test]
fn two_runs_and_another_client_keep_every_promise() {
    let copy = two_runs(&[1], [Rule::Copy(2); 2], &[Some(2), Some(3), None]);
    let copy = Apply {
        outside_writes: 1,
        ..copy
    };
    check("two copies", &copy, 11_000, 15);
    let fix = two_runs(&[1], [Rule::Fix, Rule::Remove(3)], &[Some(3), None]);
    check("a fix and a removal", &fix, 13_000, 15);
    let create = two_runs(&[], [Rule::CreateMissing(2); 2], &[Some(3), None]);
    check("two creations", &create, 16_000, 15);
}

#[test]
fn two_removals_and_another_client_keep_every_promise() {
    let remove = two_runs(&[3], [Rule::Remove(3); 2], &[Some(3), Some(4), None]);
    check("two removals", &remove, 30_000, 15);
    let rivals = two_runs(&[1], [Rule::Copy(2), Rule::Copy(4)], &[None]);
    check("two rivals", &rivals, 30_000, 15);
}

#[test]
fn run_that_gives_up_keeps_every_promise() {
    let copy = one_run(&[1], Rule::Copy(2), &[Some(2), Some(3)]);
    check("one copy", &copy, 7_000, 19);
    let fix = one_run(&[1], Rule::Fix, &[Some(3), Some(4)]);
    check("one fix", &fix, 7_000, 19);
    let remove = one_run(&[3], Rule::Remove(3), &[Some(3), None]);
    check("one removal", &remove, 7_000, 19);
}

#[test]
fn batches_and_losing_leaves_keep_every_promise() {
    let leaves = Apply {
        outside_writes: 2,
        faults: 2,
        kills: 1,
        ..one_run(&[3, 3], Rule::Remove(3), &[Some(3), Some(4), None])
    };
    check("one removal of two leaves", &leaves, 10_000, 12);
    let batch = |before: u8, rule| Apply {
        documents: vec![vec![before]; 2],
        ..one_run(&[], rule, &[Some(2), Some(3), None])
    };
    let disturbed = |before, rule| Apply {
        outside_writes: 2,
        faults: 2,
        kills: 1,
        ..batch(before, rule)
    };
    check(
        "two copies in a batch",
        &disturbed(1, Rule::Copy(2)),
        30_000,
        12,
    );
    check(
        "two removals in a batch",
        &disturbed(3, Rule::Remove(3)),
        16_000,
        12,
    );
    let twice = |before, rule| Apply {
        rules: vec![rule; 2],
        outside_writes: 1,
        faults: 1,
        kills: 0,
        refusals: false,
        ..batch(before, rule)
    };
    check(
        "a batch of copies, twice",
        &twice(1, Rule::Copy(2)),
        4_500,
        12,
    );
    check(
        "a batch of removals, twice",
        &twice(3, Rule::Remove(3)),
        3_000,
        12,
    );
}

/// The known defects, put into the wiring one at a time: each is found, by a short trace.
#[test]
fn each_known_defect_is_found() {
    let create = || two_runs(&[], [Rule::CreateMissing(2); 2], &[Some(3), None]);
    let copy = || two_runs(&[1], [Rule::Copy(2); 2], &[Some(3), None]);
    let fix = || two_runs(&[1], [Rule::Fix; 2], &[Some(4)]);
    let remove = || two_runs(&[3], [Rule::Remove(3); 2], &[Some(4)]);
    let leaves = || two_runs(&[4, 3], [Rule::Remove(3); 2], &[]);
    let persistent = || one_run(&[1], Rule::Copy(2), &[Some(3)]);
    let cases = [
        (Defect::SendsAgainUnread, create(), APPLIED_ONCE, 4),
        (Defect::ConflictIsSuccess, copy(), REPORT_IS_TRUE, 3),
        (
            Defect::RevisionFromAnswer,
            copy(),
            OVERWRITES_NOTHING_UNREAD,
            4,
        ),
        (
            Defect::FailedReadIsMissing,
            remove(),
            ENDS_AS_UNDISTURBED,
            2,
        ),
        (
            Defect::LosingLeavesUnread,
            leaves(),
            OVERWRITES_NOTHING_UNREAD,
            2,
        ),
        (Defect::LostAnswerIsSuccess, copy(), REPORT_IS_TRUE, 2),
        (Defect::LostAnswerIsForgotten, copy(), REPORT_IS_TRUE, 3),
        (Defect::GivesUpUnread, persistent(), REPORT_IS_TRUE, 17),
        (Defect::RecordsAnyRevision, fix(), RECORDS_OWN_WRITES, 4),
    ];
    for (defect, model, property, length) in cases {
        let model = Apply {
            defect: Some(defect),
            ..model
        };
        check_finds(&defect, &model, property, length);
    }
}
