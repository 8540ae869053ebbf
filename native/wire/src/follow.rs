//! Reports the progress of the run a few times a second. Each frame is answered before the next,
//! and intermediate values are skipped.

use crate::caller::Caller;
use kazoo_numbers::report::Progress;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// The time between two frames and before the first. A shorter run needs no progress report.
const PAUSE: Duration = Duration::from_millis(300);

/// Reports progress until the caller is gone or the task is aborted.
pub(crate) async fn follow(caller: Arc<Caller>, mut progress: watch::Receiver<Progress>) {
    let began = Instant::now();
    loop {
        sleep(PAUSE).await;
        if progress.changed().await.is_err() {
            return;
        }
        let line = progress.borrow_and_update().line(began.elapsed());
        if caller.progress(line).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::FrameSink;
    use crate::decode::decode;
    use crate::term::Term;
    use tokio::sync::mpsc;

    struct RecordingSink(mpsc::UnboundedSender<Vec<u8>>);

    impl FrameSink for RecordingSink {
        fn send(&self, frame: Vec<u8>) -> bool {
            self.0.send(frame).is_ok()
        }
    }

    fn so_far(databases: u64) -> Progress {
        Progress {
            databases,
            of: 200,
            ..Progress::default()
        }
    }

    #[tokio::test]
    async fn intermediate_progress_is_skipped() {
        let (sender, mut frames) = mpsc::unbounded_channel();
        let caller = Arc::new(Caller::new(RecordingSink(sender)));
        let (progress, latest) = watch::channel(Progress::default());
        let following = tokio::spawn(follow(Arc::clone(&caller), latest));
        for (number, last) in [(1, 100), (2, 150)] {
            for databases in 0..=last {
                progress.send_replace(so_far(databases));
            }
            let frame = decode(&frames.recv().await.unwrap()).unwrap();
            let Some(("progress", [Term::Integer(asked), line])) = frame.as_tagged() else {
                panic!("{frame:?}");
            };
            assert_eq!(*asked, number);
            let line = line.as_text().unwrap();
            assert!(
                line.starts_with(&format!("{last} of 200 databases")),
                "{line}"
            );
            caller.reply(number.unsigned_abs(), Term::atom("ok"));
        }
        // The last answer may arrive before the caller leaves. Then only the end of the sender ends
        // it.
        caller.mark_gone();
        drop(progress);
        following.await.unwrap();
        assert!(frames.try_recv().is_err());
    }
}
