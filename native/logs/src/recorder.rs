//! Records the spans that are open, and passes events to their session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::OURS;
use crate::fields::Fields;
use crate::log_event::log_event;
use crate::open_span::OpenSpan;
use crate::sessions;

/// The spans that are open.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<BTreeMap<u64, Arc<OpenSpan>>>>);

static INSTALLED: OnceLock<Recorder> = OnceLock::new();

/// Installs the recorder for this process (or this copy of the NIF library), with a further layer. Only the first call has an
/// effect, so each run may call it.
pub fn install(further: impl FnOnce() -> Option<Box<dyn Layer<Registry> + Send + Sync>>) {
    INSTALLED.get_or_init(|| {
        let recorder = Recorder::default();
        let layers = tracing_subscriber::registry()
            .with(further())
            .with(recorder.clone().with_filter(Wanted));
        // A program that has a subscriber keeps it. Then nothing is recorded.
        let _ = tracing::subscriber::set_global_default(layers);
        recorder
    });
}

/// The recorder that is installed.
pub(crate) fn installed() -> Option<&'static Recorder> {
    INSTALLED.get()
}

impl Recorder {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<OpenSpan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The spans that are open now, the oldest first.
    pub(crate) fn snapshot(&self) -> Vec<Arc<OpenSpan>> {
        let mut spans: Vec<_> = self.open().values().cloned().collect();
        spans.sort_by_key(|span| span.since);
        spans
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent().and_then(|parent| recorded(&parent));
        let session = match fields.session {
            Some(number) => sessions::of_number(number),
            None => parent.as_ref().and_then(|parent| parent.session.clone()),
        };
        let opened = Arc::new(OpenSpan {
            name: attributes.metadata().name(),
            parent,
            session,
            since: Instant::now(),
            fields: Mutex::new(fields),
        });
        span.extensions_mut().insert(opened.clone());
        self.open().insert(id.into_u64(), opened);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let span = self.open().get(&id.into_u64()).cloned();
        if let Some(span) = span {
            values.record(&mut *span.fields());
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let closed = self.open().remove(&id.into_u64());
        drop(closed);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).and_then(|span| recorded(&span));
        if let Some(span) = span
            && let Some(session) = &span.session
        {
            session.queue_event(*event.metadata().level(), || log_event(event, &span));
        }
    }
}

fn recorded<'a, R: LookupSpan<'a>>(
    span: &tracing_subscriber::registry::SpanRef<'a, R>,
) -> Option<Arc<OpenSpan>> {
    span.extensions().get::<Arc<OpenSpan>>().cloned()
}

/// Spans are always wanted, and events that a session wants.
struct Wanted;

impl Wanted {
    fn wants(metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            is_recorded(metadata)
        } else {
            metadata.target().starts_with(OURS) && *metadata.level() <= sessions::most_verbose()
        }
    }
}

/// Whether a span is recorded.
pub(crate) fn is_recorded(span: &Metadata<'_>) -> bool {
    span.target().starts_with(OURS) && *span.level() <= Level::DEBUG
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::wants(metadata)
    }

    /// Asked again when the most verbose session changes.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(sessions::most_verbose().max(LevelFilter::DEBUG))
    }
}
