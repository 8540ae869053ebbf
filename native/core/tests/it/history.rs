//! `runs` and the runs that `undo` accepts: states, clusters, short ids and `last`.

use kazoo_numbers::couchdb::ClusterIdentity;
use kazoo_numbers::journal::{Journal, Journals};
use kazoo_numbers::report::{ClusterOfRuns, Event};
use kazoo_numbers::run::{Returned, Settings};
use kazoo_numbers_generator::Cluster;
use kazoo_numbers_testkit::command::{CommandRun, WriteCounts, call_with, journalled, text};
use kazoo_numbers_testkit::server::TestServer;
use tempfile::TempDir;

const ACCOUNT: &str = "abcdef0123456789abcdef0123456789";
const ACCOUNT_DATABASE: &str = "account/ab/cd/ef0123456789abcdef0123456789";

/// A cluster with an assigned number that its account lacks.
async fn load(server: &TestServer) {
    let mut cluster = Cluster::default();
    let number = exact_json::json!({"_id": "+14155550100", "pvt_type": "number", "pvt_assigned_to": ACCOUNT});
    cluster
        .databases
        .entry(ACCOUNT_DATABASE.into())
        .or_default();
    let database = cluster.databases.entry("numbers/+1415".into()).or_default();
    database.insert(number.as_object().unwrap().clone());
    server.replace(&cluster).await;
}

async fn call(server: &TestServer, words: &[&str], folder: &TempDir) -> CommandRun {
    let arguments: Vec<_> = words[1..].iter().map(|word| text(word)).collect();
    let settings = Settings {
        command_line: words.join(" "),
        who: "ann@kz1".to_owned(),
        ..journalled(folder)
    };
    call_with(&server.url, words[0], &arguments, settings).await
}

const COPY: &[&str] = &["copy_number_dbs_to_accounts"];

fn ids(folder: &TempDir) -> Vec<String> {
    Journals::new(folder.path().to_owned()).ids()
}

fn clusters(ran: &CommandRun) -> &[ClusterOfRuns] {
    let runs = ran.events.iter().find_map(|event| match event {
        Event::Runs(runs) => Some(&runs.clusters),
        _ => None,
    });
    runs.unwrap_or_else(|| panic!("{:#?}", ran.lines))
}

/// A journal of a run that did not end, held by this process.
async fn begin(server: &TestServer, folder: &TempDir) -> Journal {
    let journals = Journals::new(folder.path().to_owned());
    let address = server.url.replace("admin:secret@", "");
    let begun = journals.begin(
        "purge_deleted",
        "ann@kz1",
        &address,
        &ClusterIdentity::default(),
    );
    begun.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_this_cluster_are_first_with_user_counts_and_state() {
    let one = TestServer::embedded().await;
    let twin = TestServer::embedded().await;
    let folder = tempfile::tempdir().unwrap();
    for server in [&one, &twin] {
        load(server).await;
        call(server, COPY, &folder).await;
    }
    let [first, second] = &ids(&folder)[..] else {
        panic!("two runs");
    };
    call(&twin, &["undo", second], &folder).await;
    let third = &ids(&folder)[2];
    let ran = call(&one, &["runs"], &folder).await;
    let this: Vec<Option<bool>> = clusters(&ran).iter().map(|one| one.is_this).collect();
    assert_eq!(this, [Some(true), Some(false)]);
    let states: Vec<Vec<&str>> = clusters(&ran)
        .iter()
        .map(|one| one.runs.iter().map(|run| run.state).collect())
        .collect();
    assert_eq!(states, [vec!["done"], vec!["undone", "done"]]);
    let at = |index: usize, run: usize| clusters(&ran)[index].runs[run].at.clone();
    let (here, there) = (&clusters(&ran)[0].server, &clusters(&ran)[1].server);
    assert_eq!(
        ran.lines,
        [
            format!(
                "{first}  {}  ann@kz1  copy_number_dbs_to_accounts: 1 created, 0 updated, 0 deleted, 0 failed; done; on {here}",
                at(0, 0)
            ),
            format!(
                "{second}  {}  ann@kz1  copy_number_dbs_to_accounts: 1 created, 0 updated, 0 deleted, 0 failed; undone by {third}; on {there} (another cluster)",
                at(1, 0)
            ),
            format!(
                "{third}  {}  ann@kz1  undo {second}: 0 created, 0 updated, 1 deleted, 0 failed; done; on {there} (another cluster)",
                at(1, 1)
            ),
        ]
    );
    one.end().await;
    twin.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_is_newest_run_of_this_cluster_and_never_an_undo() {
    let one = TestServer::embedded().await;
    let twin = TestServer::embedded().await;
    let folder = tempfile::tempdir().unwrap();
    let none = call(&one, &["undo", "last"], &folder).await;
    assert_eq!(none.returned, Returned::Code(2));
    assert!(
        none.lines[0].contains("no run of this cluster"),
        "{:?}",
        none.lines
    );
    for server in [&one, &twin] {
        load(server).await;
        call(server, COPY, &folder).await;
    }
    let first = ids(&folder)[0].clone();
    let undone = call(&one, &["undo", "last"], &folder).await;
    assert_eq!(
        undone.writes(),
        WriteCounts::deleted(1),
        "{:?}",
        undone.lines
    );
    assert!(
        undone.lines[0].starts_with(&format!(
            "undoing run {first}: copy_number_dbs_to_accounts, by ann@kz1 at "
        )),
        "{:?}",
        undone.lines
    );
    assert!(
        undone
            .lines
            .iter()
            .any(|line| line.starts_with("not undone: databases")),
        "{:?}",
        undone.lines
    );
    // The journal names the run, and not `last`.
    let undo = ids(&folder).pop().unwrap();
    let start = Journals::new(folder.path().to_owned())
        .start(&undo)
        .unwrap()
        .unwrap();
    assert_eq!(start.command, format!("undo {first}"));
    let twice = call(&one, &["undo", "last"], &folder).await;
    assert_eq!(
        (&twice.returned, twice.writes()),
        (&Returned::Code(2), WriteCounts::default())
    );
    assert!(
        twice.lines[0].ends_with(&format!(
            "to make the changes of {first} again: undo {undo}"
        )),
        "{:?}",
        twice.lines
    );
    one.end().await;
    twin.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_characters_name_a_run_if_no_other_begins_so() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    load(&server).await;
    call(&server, COPY, &folder).await;
    load(&server).await;
    call(&server, COPY, &folder).await;
    let [first, second] = &ids(&folder)[..] else {
        panic!("two runs");
    };
    let several = call(&server, &["undo", "20"], &folder).await;
    assert_eq!(several.returned, Returned::Code(2));
    assert_eq!(
        several.lines,
        [format!(
            "error: \"20\" begins the ids of 2 runs; the newest are {first}, {second}"
        )]
    );
    let common = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let undone = call(&server, &["undo", &second[..=common]], &folder).await;
    assert_eq!(
        undone.writes(),
        WriteCounts::deleted(1),
        "{:?}",
        undone.lines
    );
    server.end().await;
}

/// Another run may have made the same changes since, on purpose: a second undo must not take them back unasked.
#[tokio::test(flavor = "multi_thread")]
async fn second_undo_leaves_later_run_alone() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    load(&server).await;
    call(&server, COPY, &folder).await;
    let run = ids(&folder)[0].clone();
    call(&server, &["undo", &run], &folder).await;
    call(&server, COPY, &folder).await;
    let before = server.read().await;
    for words in [vec!["undo", &run], vec!["undo", &run, "any_cluster"]] {
        let second = call(&server, &words, &folder).await;
        assert_eq!(second.returned, Returned::Ok);
        assert!(
            second.lines[0].starts_with(&format!("run {run} is already undone, by run ")),
            "{:?}",
            second.lines
        );
    }
    assert_eq!(server.read().await, before);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_in_progress_is_shown_and_not_undone() {
    let server = TestServer::start().await;
    load(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(&server, &folder).await;
    let run = journal.run().to_owned();
    let state = async || {
        let ran = call(&server, &["runs"], &folder).await;
        clusters(&ran)[0].runs[0].state
    };
    assert_eq!(state().await, "in_progress");
    let refused = call(&server, &["undo", &run, "any_cluster"], &folder).await;
    assert_eq!(refused.returned, Returned::Code(2));
    assert_eq!(
        refused.lines,
        [format!(
            "error: run {run} is still in progress: nothing is undone; wait for its end, or cancel it"
        )]
    );
    drop(journal);
    // The thread of the journal closes the file.
    while state().await == "in_progress" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(state().await, "interrupted");
    let undone = call(&server, &["undo", &run, "any_cluster"], &folder).await;
    assert_eq!(undone.returned, Returned::Ok, "{:?}", undone.lines);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_while_the_server_is_away() {
    let server = TestServer::embedded().await;
    let folder = tempfile::tempdir().unwrap();
    load(&server).await;
    call(&server, COPY, &folder).await;
    let url = server.url.clone();
    server.end().await;
    let ran = call_with(&url, "runs", &[], journalled(&folder)).await;
    assert_eq!(ran.returned, Returned::Ok);
    // Without an answer the URL decides.
    assert_eq!(clusters(&ran)[0].is_this, Some(true));
    assert_eq!(clusters(&ran)[0].runs[0].state, "done");
}
