//! Answers without an end, in size or in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kazoo_numbers_couchdb::{
    AnswerBudget, Attachments, HttpSettings, IdRange, Kind, Landed, Pages, Request, Server,
    ServerUrl, Traffic,
};
use reqwest::Method;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Reply, database, documents, ids, page, settings, writes};

const MIB: usize = 1 << 20;

/// Bytes that may still be in transit when the client refuses an answer.
const IN_TRANSIT: u64 = 4 << 20;

fn impatient() -> HttpSettings {
    HttpSettings {
        longest_pause: Duration::from_millis(2),
        ..settings()
    }
}

/// A server, and its traffic counters.
fn counted(fake: &Fake, settings: HttpSettings) -> (Arc<Server>, Arc<Traffic>) {
    let url = ServerUrl::parse(&format!("http://{}", fake.address)).unwrap();
    let traffic = Arc::<Traffic>::default();
    let server = Server::new(url, settings, traffic.clone(), CancellationToken::new());
    (Arc::new(server.unwrap()), traffic)
}

fn endless() -> Reply {
    Reply::Endless(r#"{"rows":["#.into(), " ".repeat(1 << 10))
}

#[tokio::test]
async fn endless_answer_for_one_document_is_refused_at_64_mib() {
    let fake = Fake::start(|_| endless());
    let (server, traffic) = counted(&fake, impatient());
    let database = database();
    let answer = server.read_documents(&database, &["+1"], Attachments::Stubs, 1);
    let error = answer.await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert!(
        error
            .to_string()
            .ends_with("the answer is larger than 64 MiB"),
        "{error}"
    );
    let received = traffic.received.load(Ordering::Relaxed);
    assert!(received <= (64 << 20) + IN_TRANSIT, "{received}");
    assert_eq!(fake.requests(), 1, "a retry would be as large");
}

#[tokio::test]
async fn endless_page_is_halved_then_refused() {
    let fake = Fake::start(|_| endless());
    let (server, traffic) = counted(&fake, impatient());
    let mut pages = Pages::of_revisions(server, database(), IdRange::all(), 4);
    let error = pages.next().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    let limits: Vec<String> = fake.lines.lock().unwrap().clone();
    assert_eq!(limits.len(), 3, "{limits:?}");
    assert!(limits[2].contains("limit=1"), "{limits:?}");
    let received = traffic.received.load(Ordering::Relaxed);
    assert!(
        received <= (16 + 16 + 64) * MIB as u64 + 3 * IN_TRANSIT,
        "{received}"
    );
}

#[tokio::test]
async fn document_larger_than_page_limit_is_read_alone() {
    let large = " ".repeat(20 * MIB);
    let fake = Fake::start(move |request| {
        let body = page(&ids(3), request);
        let has_large = body.contains("+14155550001");
        Reply::json(if has_large {
            body.replacen('[', &format!("[{large}"), 1)
        } else {
            body
        })
    });
    let mut pages = Pages::of_documents(
        fake.server(),
        database(),
        IdRange::all(),
        Attachments::Stubs,
        3,
    );
    let mut read = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        read.extend(page.iter().map(|document| document.id().to_owned()));
    }
    assert_eq!(read, ids(3));
}

#[tokio::test]
async fn announced_length_over_limit_is_refused_before_body() {
    let fake = Fake::start(|_| Reply::Announced(10 << 40));
    let (server, traffic) = counted(&fake, impatient());
    let began = Instant::now();
    let error = server.databases("numbers/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert_eq!(traffic.received.load(Ordering::Relaxed), 0);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn answer_with_too_many_rows_is_bad_answer() {
    let fake = Fake::start(|_| {
        let row = r#"{"id":"+1","key":"+1","value":{"rev":"1-a"},"doc":{}}"#;
        let rows = vec![row; 200_000].join(",");
        Reply::json(format!(r#"{{"rows":[{rows}]}}"#))
    });
    let answer = fake.server_with(impatient());
    let error = answer
        .read_documents(&database(), &["+1"], Attachments::Stubs, 1)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::BadAnswer, "{error}");
}

#[tokio::test]
async fn unwanted_names_use_no_memory_and_too_many_are_refused() {
    let many = Arc::new(AtomicBool::new(false));
    let wanted = many.clone();
    let fake = Fake::start(move |_| {
        let name = if wanted.load(Ordering::Relaxed) {
            r#""numbers/+1""#
        } else {
            r#""x""#
        };
        let names = vec![name; 1_100_000].join(",");
        Reply::json(format!(r#"["numbers/+1415",{names}]"#))
    });
    let server = fake.server_with(HttpSettings {
        read_timeout: Duration::from_secs(20),
        ..impatient()
    });
    assert_eq!(server.databases("numbers/").await.unwrap(), [database()]);
    many.store(true, Ordering::Relaxed);
    let error = server.databases("numbers/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert!(
        error.to_string().contains("more than 1000000 databases"),
        "{error}"
    );
}

#[tokio::test]
async fn answers_of_a_run_share_a_budget() {
    const DOCUMENT: usize = 6 * MIB;
    const BUDGET: usize = 14 * MIB;
    const AT_ONCE: usize = 8;
    let fake = Fake::start(|request| {
        let (_, body) = crate::support::keyed(request);
        Reply::json(body.replacen('[', &format!("[{}", " ".repeat(DOCUMENT)), 1))
    });
    let answers = AnswerBudget::new(BUDGET);
    let settings = HttpSettings {
        answers: answers.clone(),
        longest_pause: Duration::from_secs(2),
        read_timeout: Duration::from_secs(20),
        ..settings()
    };
    // Two servers of one run share the budget.
    let servers = [
        fake.server_with(settings.clone()),
        fake.server_with(settings),
    ];
    let most = AtomicUsize::new(0);
    let watched = async {
        loop {
            most.fetch_max(answers.held(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let reads = join_all((0..AT_ONCE).map(|index| {
        let server = servers[index % 2].clone();
        async move {
            let database = database();
            let read = server.read_documents(&database, &["+1"], Attachments::Stubs, 1);
            read.await.map(|found| found[0].is_present())
        }
    }));
    tokio::select! {
        all = reads => for is_present in all {
            assert!(is_present.unwrap());
        },
        () = watched => {}
    }
    let most = most.into_inner();
    assert!(most <= BUDGET + AT_ONCE * MIB, "{most}");
    assert_eq!(answers.held(), 0);
    assert!(fake.requests() > AT_ONCE, "some had to wait");
}

#[tokio::test]
async fn write_with_too_large_answer_is_not_retried() {
    let fake = Fake::start(|_| endless());
    let server = fake.server_with(impatient());
    let documents = documents(4);
    let writes = writes(&documents);
    let landed = server.bulk_docs(&database(), &writes, 4).await;
    assert_eq!(fake.requests(), 1);
    for outcome in landed {
        assert!(
            matches!(&outcome, Landed::Failed(error) if error.is_temporary()),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn slow_body_or_head_times_out() {
    let pause = Duration::from_millis(50);
    for head in [false, true] {
        let fake = Fake::start(move |_| {
            if head {
                return Reply::SlowHead(pause);
            }
            Reply::Pieces {
                body: " ".repeat(1000),
                bytes: 1,
                pause,
            }
        });
        let server = fake.server_with(impatient());
        let began = Instant::now();
        let request = Request::read(
            kazoo_numbers_couchdb::Operation::OPEN_DOCS,
            Method::GET,
            "/",
        );
        let error = server.send(&request).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        let elapsed = began.elapsed();
        assert!(elapsed < settings().read_timeout * 5, "{elapsed:?}");
    }
}

#[tokio::test]
async fn slow_but_steady_body_is_accepted() {
    let body = format!("[{}]", " ".repeat(200 << 10));
    let fake = Fake::start(move |_| Reply::Pieces {
        body: body.clone(),
        bytes: 16 << 10,
        pause: Duration::from_millis(60),
    });
    let began = Instant::now();
    assert!(
        fake.server_with(impatient())
            .databases("numbers/")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        began.elapsed() > settings().read_timeout * 2,
        "the body did not take longer than the read timeout"
    );
}

#[tokio::test]
async fn retry_after_is_clamped() {
    for pause in ["4000000000", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let fake = Fake::start(move |_| {
            Reply::With(
                429,
                ("retry-after", pause),
                r#"{"error":"too_many_requests"}"#.into(),
            )
        });
        let server = fake.server_with(impatient());
        let request = Request::read(
            kazoo_numbers_couchdb::Operation::OPEN_DOCS,
            Method::GET,
            "/",
        );
        let error = server.send(&request).await.unwrap_err();
        assert_eq!(error.pause(), Some(impatient().longest_pause));
    }
}
