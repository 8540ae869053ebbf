//! Requests to a run, which other processes leave in the lock's document.
//!
//! A request is no part of an entry: it can neither renew a lease nor end one. The run reads it at its next renewal and removes it.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::holder::{moment, plain, rfc3339};
use couchdb::Rate;

/// The longest id of a request or a run.
const LONGEST_ID: usize = 64;

/// An order to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Finish the requests in flight, and end.
    Cancel,
    /// Finish the requests in flight, and start none.
    Pause,
    /// Start requests again.
    Resume,
    /// Start at most so many requests a second. `None`: no limit.
    Throttle(Option<Rate>),
}

/// A request to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct ControlRequest {
    /// An id of this request alone.
    pub id: String,
    /// The run.
    pub run: String,
    /// The order.
    pub order: Order,
    /// The user who asks.
    pub by: String,
    /// When it was asked, by the server's clock.
    pub at: SystemTime,
}

/// A request as it is in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Requested {
    /// A request.
    Request(ControlRequest),
    /// One that this version cannot read: its JSON text. The run that holds the lock removes it.
    Unreadable(Box<str>),
}

impl ControlRequest {
    pub(super) fn new(run: &str, order: Order, by: &str, at: SystemTime) -> Self {
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            run: run.to_owned(),
            order,
            by: by.to_owned(),
            at,
        }
    }
}

impl Order {
    /// The state of a run that has obeyed.
    pub(super) fn done(self) -> String {
        match self {
            Self::Cancel => "cancelled".to_owned(),
            Self::Pause => "paused".to_owned(),
            Self::Resume => "resumed".to_owned(),
            Self::Throttle(Some(rate)) => format!("throttled to {rate} requests a second"),
            Self::Throttle(None) => "no longer throttled".to_owned(),
        }
    }

    /// The order, for a sentence with "to".
    pub(super) fn verb(self) -> String {
        match self {
            Self::Cancel => "cancel".to_owned(),
            Self::Pause => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Throttle(Some(rate)) => format!("throttle to {rate} requests a second"),
            Self::Throttle(None) => "end the throttle".to_owned(),
        }
    }
}

/// `bob at 2026-11-24T03:00:00Z`
impl fmt::Display for ControlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match plain(&self.by) {
            by if by.is_empty() => "somebody".to_owned(),
            by => by,
        };
        write!(f, "{by} at {}", rfc3339(self.at))
    }
}

impl Requested {
    pub(super) fn parse(json: &str) -> Self {
        serde_json::from_str(json).map_or_else(|_| Self::Unreadable(json.into()), Self::Request)
    }

    pub(super) fn json(&self) -> String {
        match self {
            // All of it is text and numbers, of which serde_json refuses none.
            Self::Request(request) => {
                serde_json::to_string(request).unwrap_or_else(|_| "null".into())
            }
            Self::Unreadable(json) => json.to_string(),
        }
    }

    pub(super) fn request(&self) -> Option<&ControlRequest> {
        match self {
            Self::Request(request) => Some(request),
            Self::Unreadable(_) => None,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Cancel,
    Pause,
    Resume,
    Throttle,
}

/// The JSON of a request.
#[derive(Serialize, Deserialize)]
struct Text {
    id: String,
    run: String,
    order: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<f64>,
    by: String,
    #[serde(with = "moment")]
    at: SystemTime,
}

impl TryFrom<Text> for ControlRequest {
    type Error = &'static str;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        let is_id = |id: &str| {
            (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|one| one.is_ascii_graphic())
        };
        if !is_id(&text.id) || !is_id(&text.run) {
            return Err("no id");
        }
        let rate = match text.requests_per_second {
            None => None,
            Some(rate) => Some(Rate::new(rate).ok_or("no rate")?),
        };
        Ok(Self {
            order: match text.order {
                Word::Cancel => Order::Cancel,
                Word::Pause => Order::Pause,
                Word::Resume => Order::Resume,
                Word::Throttle => Order::Throttle(rate),
            },
            id: text.id,
            run: text.run,
            by: plain(&text.by),
            at: text.at,
        })
    }
}

impl From<ControlRequest> for Text {
    fn from(request: ControlRequest) -> Self {
        let (order, rate) = match request.order {
            Order::Cancel => (Word::Cancel, None),
            Order::Pause => (Word::Pause, None),
            Order::Resume => (Word::Resume, None),
            Order::Throttle(rate) => (Word::Throttle, rate),
        };
        Self {
            id: request.id,
            run: request.run,
            order,
            requests_per_second: rate.map(Rate::per_second),
            by: request.by,
            at: request.at,
        }
    }
}
