//! The filter of the command line's log: levels, for all or for some modules.

use std::str::FromStr;

use kazoo_numbers::report::sanitise;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterFn, Targets, filter_fn};

use crate::OURS;
use crate::recorder::is_recorded;

/// The events that these directives want, and all spans around them: without the span of the run an event would not name it.
pub fn filter(targets: Targets) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(move |metadata| {
        if metadata.is_span() {
            is_recorded(metadata)
        } else {
            targets.would_enable(metadata.target(), metadata.level())
        }
    })
}

/// The directives for so many `-v`.
pub fn of_verbosity(times: u8) -> Targets {
    let level = match times {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Targets::new().with_target(OURS, level)
}

/// Reads directives: `LEVEL` or `MODULE=LEVEL`, separated by commas.
///
/// # Errors
///
/// The reason in one line: a directive has another form, or its module is not one of ours.
pub fn parse(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for directive in text.split(',').map(str::trim) {
        if directive.is_empty() {
            continue;
        }
        let (module, level) = directive.split_once('=').unwrap_or((OURS, directive));
        let level = match LevelFilter::from_str(level) {
            Ok(level) if module.starts_with(OURS) && !level_is_empty(directive) => level,
            _ => {
                return Err(format!(
                    "\"{}\" is neither a level (error, warn, info, debug, trace, off) nor a module of this program and its level",
                    sanitise::message(directive)
                ));
            }
        };
        targets = targets.with_target(module, level);
    }
    Ok(targets)
}

/// `MODULE=` would be the level error.
fn level_is_empty(directive: &str) -> bool {
    directive.ends_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn directives_are_levels_for_all_or_for_a_module() {
        let targets = parse("info, kazoo_numbers::lease=trace,kazoo_numbers_couchdb=off").unwrap();
        assert!(targets.would_enable("kazoo_numbers::engine", &Level::INFO));
        assert!(!targets.would_enable("kazoo_numbers::engine", &Level::DEBUG));
        assert!(targets.would_enable("kazoo_numbers::lease::acquire", &Level::TRACE));
        assert!(!targets.would_enable("kazoo_numbers_couchdb::retry", &Level::ERROR));
        assert!(!targets.would_enable("hyper", &Level::ERROR));
    }

    #[test]
    fn unknown_directives_are_refused_without_their_secrets() {
        for text in [
            "debgu",
            "hyper=debug",
            "kazoo_numbers=",
            "kazoo_numbers=loud",
            "info,[run]=debug",
            "=info",
            "http://admin:secret@host",
        ] {
            let line = parse(text).unwrap_err();
            assert!(
                line.contains("is neither a level") && !line.contains("secret"),
                "{line}"
            );
        }
    }
}
