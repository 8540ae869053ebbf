//! The program with a memory limit, on a server with answers larger than the limit.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kazoo_numbers_faults::{Fault, Proxy, RequestFilter, RequestKind, Schedule};
use kazoo_numbers_generator::{Options, Plan};
use kazoo_numbers_testkit::server::TestServer;
use tokio::runtime::Runtime;

use crate::support::{ProgramRun, program};

/// The limit of the address space, including code and thread stacks.
const LIMIT_KIB: usize = 600 << 10;

/// Larger than the size limit of any list.
const NAMES: usize = 100 << 20;

/// The program with the limit. Its allocator must not reserve memory for each thread, which would
/// count towards the limit.
fn limited(arguments: &[&str], url: &str) -> Command {
    let whole = program(arguments);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\""])
        .arg(LIMIT_KIB.to_string())
        .arg(whole.get_program())
        .args(whole.get_args())
        .envs(
            whole
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("COUCHDB_URL", url)
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null());
    limited
}

#[test]
fn endless_answers_under_memory_limit_are_errors() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::embedded());
    let plan = Plan::new(&Options {
        accounts: 3,
        numbers: 40,
        number_databases: 4,
        drift: 0.6,
        ..Options::default()
    });
    runtime.block_on(plan.load(&server.url)).unwrap();
    let proxy = runtime.block_on(Proxy::start(&server.url)).unwrap();
    // The lock is also a write, and a run without it does nothing else.
    let copy: &[&str] = &["copy_number_dbs_to_accounts", "--no-journal", "--no-lock"];
    let remove: &[&str] = &[
        "destructively_remove_from_account_db_if_not_in_numdb",
        "--no-journal",
        // The limit of the system config is not read.
        "--max-delete",
        "off",
    ];
    for (call, on, fault, expected) in [
        (
            copy,
            RequestKind::Databases,
            Fault::Endless,
            "larger than 64 MiB",
        ),
        (
            copy,
            RequestKind::Databases,
            Fault::Huge(NAMES),
            "larger than 64 MiB",
        ),
        (
            copy,
            RequestKind::Range,
            Fault::Endless,
            "\"last_error\":\"too_large\"",
        ),
        (remove, RequestKind::Keys, Fault::Endless, "too_large"),
        (
            copy,
            RequestKind::BulkDocs,
            Fault::Endless,
            "save_docs-bad_answer",
        ),
    ] {
        let schedule = Schedule::first(u32::MAX, RequestFilter::Only(on), fault);
        proxy.arm(schedule);
        let began = Instant::now();
        let ran = ProgramRun::of(&limited(call, &proxy.url()).output().unwrap());
        let message = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.status, 2, "{fault:?} on {on:?}: {message}");
        assert!(message.contains(expected), "{fault:?} on {on:?}: {message}");
        assert!(began.elapsed() < Duration::from_secs(60));
    }
    // Without these answers the program works under this limit.
    proxy.arm(Schedule::quiet());
    let usage: &[&str] = &["carrier_module_usage"];
    let ran = ProgramRun::of(&limited(usage, &proxy.url()).output().unwrap());
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
}
