//! Prints lines in batches. A call to the operator's terminal takes about 0.1 ms across the
//! distribution, and the terminal may be slow. So there is at most one batch in flight, and further
//! lines wait for the next one.

use crate::caller::{Caller, CallerGone};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// How long lines are collected before they are sent. A few times a second looks continuous.
const GATHER: Duration = Duration::from_millis(100);

/// The most lines in a batch, and in the queue. If it is full, the job waits for the terminal.
const BATCH: usize = 4096;

/// The sending end of the printer.
#[derive(Clone)]
pub struct LineSender {
    sender: mpsc::Sender<String>,
}

impl LineSender {
    /// Queues one line, and waits while the queue is full.
    pub async fn put(&self, line: String) -> Result<(), CallerGone> {
        self.sender.send(line).await.map_err(|_| CallerGone)
    }
}

/// The printer. It ends when every [`LineSender`] is dropped and all lines are printed.
pub struct Printer {
    caller: Arc<Caller>,
    receiver: mpsc::Receiver<String>,
}

impl Printer {
    /// Creates a printer for a caller.
    pub fn new(caller: Arc<Caller>) -> (LineSender, Self) {
        let (sender, receiver) = mpsc::channel(BATCH);
        (LineSender { sender }, Self { caller, receiver })
    }

    /// Prints until the end.
    pub async fn run(mut self) -> Result<(), CallerGone> {
        let mut batch = Vec::new();
        while self.receiver.recv_many(&mut batch, BATCH).await > 0 {
            if self.gather(&mut batch).await {
                self.caller.print(std::mem::take(&mut batch)).await?;
            } else {
                return self.caller.print(batch).await;
            }
        }
        Ok(())
    }

    /// Adds the lines of the next interval. Returns false if no more can come.
    async fn gather(&mut self, batch: &mut Vec<String>) -> bool {
        let moment = sleep(GATHER);
        tokio::pin!(moment);
        loop {
            let room = BATCH.saturating_sub(batch.len());
            if room == 0 {
                return true;
            }
            tokio::select! {
                () = &mut moment => return true,
                () = self.caller.gone().cancelled() => return true,
                count = self.receiver.recv_many(batch, room) => if count == 0 { return false },
            }
        }
    }
}
