//! The command itself: the only place here that knows the library.

use crate::caller::Caller;
use crate::frame::Returned;
use crate::printer::Printer;
use crate::request::Start;
use std::sync::Arc;

/// Runs the command to its end; an error is the one line that says why it could not be run at all.
pub(crate) async fn run(start: Start, caller: &Arc<Caller>) -> Result<Returned, String> {
    let (lines, printer) = Printer::new(Arc::clone(caller));
    let printing = tokio::spawn(printer.run());
    let _ = lines
        .put(format!("{}: {:?}", start.function, start.arguments))
        .await;
    drop(lines);
    match printing.await {
        Ok(Ok(())) => Ok(Returned::Ok),
        _ => Ok(Returned::Status(1)),
    }
}
