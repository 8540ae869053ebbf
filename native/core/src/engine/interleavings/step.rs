//! The events of the environment, and their names in a trace.

use super::run::IDS;

/// The fate of a request that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    Answered,
    LostBeforeTheServerActed,
    LostAfterTheServerActed,
    /// The server acted on the first row only.
    LostInBetween,
    /// The sender gives up, and the server may act later.
    Delayed,
    /// 403: each row is refused.
    Refused,
    /// 401: the run ends.
    Unauthorized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reads { run: usize },
    ReadFails { run: usize },
    Sends { run: usize, network: Network },
    DelayedRequestLands { request: usize },
    OutsideWrites { document: usize, value: Option<u8> },
    OutsideWritesLosingLeaf { document: usize, value: u8 },
    Killed { run: usize },
    StartsAgain { run: usize },
}

impl Step {
    pub(super) fn sentence(self) -> String {
        let written = |value: Option<u8>| match value {
            Some(value) => format!("writes the value {value}"),
            None => "deletes the document".to_owned(),
        };
        let (run, what) = match self {
            Self::Reads { run } => (run, "reads"),
            Self::ReadFails { run } => (run, "has no answer to its read"),
            Self::Sends { run, network } => (run, network.name()),
            Self::Killed { run } => (run, "is killed"),
            Self::StartsAgain { run } => (run, "is started again"),
            Self::DelayedRequestLands { .. } => {
                return "the server acts on a delayed request".to_owned();
            }
            Self::OutsideWrites { document, value } => {
                return format!("another client {} ({})", written(value), IDS[document]);
            }
            Self::OutsideWritesLosingLeaf { document, value } => {
                let id = IDS[document];
                return format!("another client writes the value {value} to a losing leaf ({id})");
            }
        };
        format!("run {} {what}", ["A", "B"][run])
    }
}

impl Network {
    fn name(self) -> &'static str {
        match self {
            Self::Answered => "sends its changes and has the answer",
            Self::LostBeforeTheServerActed => "sends its changes, which are lost",
            Self::LostAfterTheServerActed => {
                "sends its changes and loses the answer: the server has acted"
            }
            Self::LostInBetween => {
                "sends its changes and loses the answer: the server has acted on the first"
            }
            Self::Delayed => "sends its changes and gives up: they are on their way",
            Self::Refused => "sends its changes and has a 403 for each",
            Self::Unauthorized => "sends its changes and has a 401",
        }
    }
}
