//! Lines in batches. Printing crosses the distribution to the operator's terminal at about a tenth of a millisecond a call, and
//! what reads the other end may be slow: so at most one batch is on its way, and what comes meanwhile waits for the next.

use crate::caller::{Caller, Gone};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// How long lines gather before they are sent: a few times a second looks continuous.
const GATHER: Duration = Duration::from_millis(100);

/// Lines in one batch, and lines that wait, at most; beyond them the job waits for the terminal.
const BATCH: usize = 4096;

/// The sending end of the printer.
#[derive(Clone)]
pub struct Lines {
    sender: mpsc::Sender<String>,
}

impl Lines {
    /// Hands over one line, and waits while the terminal is behind.
    pub async fn put(&self, line: String) -> Result<(), Gone> {
        self.sender.send(line).await.map_err(|_| Gone)
    }
}

/// The printer; it is over when every [`Lines`] is dropped and all is printed.
pub struct Printer {
    caller: Arc<Caller>,
    receiver: mpsc::Receiver<String>,
}

impl Printer {
    /// A printer to that caller.
    pub fn new(caller: Arc<Caller>) -> (Lines, Self) {
        let (sender, receiver) = mpsc::channel(BATCH);
        (Lines { sender }, Self { caller, receiver })
    }

    /// Prints until there is no more.
    pub async fn run(mut self) -> Result<(), Gone> {
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

    /// Adds what comes in the next moment; false when no more can come.
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
