//! The events of the environment, and their names in a trace.

use super::state::Request;
use crate::lease::request::Order;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Starts(usize),
    /// The server acts on the request of a run, and the run has the answer.
    Answered(usize),
    /// The server acts on the request of a run, whose answer is on its way.
    Acted(usize),
    /// The answer arrives.
    AnswerArrives(usize),
    LostBeforeTheServerActed(usize),
    LostAfterTheServerActed(usize),
    /// The sender gives up, and the server may act later.
    Delayed(usize),
    DelayedWriteLands(usize),
    /// No request of the run reaches the server from now on.
    NetworkFails(usize),
    NetworkWorks(usize),
    Finishes(usize),
    Killed(usize),
    OutsideWrite,
    /// An operator calls `unlock anyway`.
    Unlock,
    /// An operator calls `unlock`, which reads the entries.
    UnlockBegins,
    /// It reads them again, when it has watched them for long enough.
    UnlockLooks,
    /// It removes those that were silent.
    UnlockRemoves,
    /// An operator leaves a request for the run.
    Asks(usize, Order),
    /// An operator cancels a run that is paused. No pause is without an end.
    EndsPause(usize),
    ServersClockJumps,
    TimePasses,
}

impl Step {
    /// `request`: the request of the run.
    pub(super) fn sentence(self, request: Option<&Request>) -> String {
        let request = match request {
            Some(Request::Write(_)) => "write",
            _ => "read",
        };
        let (run, what) = match self {
            Self::Starts(run) => (run, "starts".to_owned()),
            Self::Answered(run) => (run, format!("sends its {request} and has the answer")),
            Self::Acted(run) => (run, format!("sends its {request}, and the server acts")),
            Self::AnswerArrives(run) => (run, "has the answer".to_owned()),
            Self::LostBeforeTheServerActed(run) => {
                (run, format!("sends its {request}, which is lost"))
            }
            Self::LostAfterTheServerActed(run) => (
                run,
                format!("sends its {request} and loses the answer: the server has acted"),
            ),
            Self::Delayed(run) => (
                run,
                format!("sends its {request} and gives up: it is on its way"),
            ),
            Self::NetworkFails(run) => (run, "is cut off from the server".to_owned()),
            Self::NetworkWorks(run) => (run, "reaches the server again".to_owned()),
            Self::Finishes(run) => (run, "finishes its work".to_owned()),
            Self::Killed(run) => (run, "is killed".to_owned()),
            Self::Asks(run, order) => (run, format!("is asked to {}", order.verb())),
            Self::EndsPause(run) => (run, "is paused, and asked to cancel".to_owned()),
            Self::DelayedWriteLands(_) => return "the server acts on a delayed write".to_owned(),
            Self::OutsideWrite => return "another client writes the document".to_owned(),
            Self::Unlock => return "an operator calls unlock anyway".to_owned(),
            Self::UnlockBegins => return "an operator calls unlock".to_owned(),
            Self::UnlockLooks => return "unlock has watched the lock".to_owned(),
            Self::UnlockRemoves => return "unlock removes silent entries".to_owned(),
            Self::ServersClockJumps => return "the server's clock jumps".to_owned(),
            Self::TimePasses => return "time passes to the next timer".to_owned(),
        };
        format!("run {} {what}", ["A", "B"][run])
    }

    /// The run whose step it is.
    pub(super) fn run(self) -> Option<usize> {
        match self {
            Self::Starts(run)
            | Self::Answered(run)
            | Self::Acted(run)
            | Self::AnswerArrives(run)
            | Self::LostBeforeTheServerActed(run)
            | Self::LostAfterTheServerActed(run)
            | Self::Delayed(run)
            | Self::NetworkFails(run)
            | Self::NetworkWorks(run)
            | Self::Finishes(run)
            | Self::Killed(run)
            | Self::Asks(run, _)
            | Self::EndsPause(run) => Some(run),
            Self::DelayedWriteLands(_)
            | Self::OutsideWrite
            | Self::Unlock
            | Self::UnlockBegins
            | Self::UnlockLooks
            | Self::UnlockRemoves
            | Self::ServersClockJumps
            | Self::TimePasses => None,
        }
    }
}
