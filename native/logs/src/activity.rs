//! The work in progress, and since when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::open_span::OpenSpan;
use crate::recorder::installed;
use crate::session::LogSession;

/// Something that a run does or waits for at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// How deep it is below the run.
    pub depth: usize,
    /// Its name and fields, without credentials.
    pub text: String,
    /// Since when.
    pub age: Duration,
    /// Whether nothing more detailed is known.
    pub is_innermost: bool,
}

impl Activity {
    /// The line, indented by its depth.
    pub fn line(&self) -> String {
        format!(
            "{}{}, {:.1} s",
            "  ".repeat(self.depth),
            self.text,
            self.age.as_secs_f64()
        )
    }
}

/// All that is in progress in this process: each followed by what it consists of, the oldest first.
pub fn all() -> Vec<Activity> {
    of(|_| true)
}

/// All that is in progress in a session.
pub fn of_session(session: &LogSession) -> Vec<Activity> {
    of(|span| session.has(span))
}

fn of(wanted: impl Fn(&OpenSpan) -> bool) -> Vec<Activity> {
    let Some(recorder) = installed() else {
        return Vec::new();
    };
    let mut inside: HashMap<Option<*const OpenSpan>, Vec<Arc<OpenSpan>>> = HashMap::new();
    for span in recorder.snapshot() {
        if wanted(&span) && span.name != "session" {
            inside.entry(parent(&span)).or_default().push(span);
        }
    }
    let mut activities = Vec::new();
    let mut left: Vec<(usize, Arc<OpenSpan>)> = Vec::new();
    let push = |left: &mut Vec<_>, depth, spans: Vec<Arc<OpenSpan>>| {
        left.extend(spans.into_iter().rev().map(|span| (depth, span)));
    };
    push(&mut left, 0, inside.remove(&None).unwrap_or_default());
    while let Some((depth, span)) = left.pop() {
        let within = inside.remove(&Some(Arc::as_ptr(&span)));
        let fields = span.fields().to_string();
        activities.push(Activity {
            depth,
            text: format!("{} {fields}", span.name).trim_end().to_owned(),
            age: span.since.elapsed(),
            is_innermost: within.is_none(),
        });
        push(&mut left, depth + 1, within.unwrap_or_default());
    }
    activities
}

/// The parent in the tree that is shown.
fn parent(span: &OpenSpan) -> Option<*const OpenSpan> {
    let parent = span.parent.as_ref()?;
    (parent.name != "session").then_some(Arc::as_ptr(parent))
}
