//! An audit as one self-contained HTML page for reading, printing and sending.
//!
//! Ids, names and fields come from others, so [`escaped`] escapes all of them. The page forbids scripts and external content.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::figures::{Bar, by_account, by_prefix};
use super::style::{STYLE, colour};
use super::{Audit, Finding, remedy, table};
use crate::plan::Drift;
use crate::report::sanitise;

/// The most bars of one chart; the last bar sums up the rest.
const BARS: usize = 40;

/// The most findings of a kind on the page. The CSV has all of them.
const FINDINGS: usize = 1000;

/// The whole report as one page.
pub fn to_html(audit: &Audit) -> String {
    let mut page = String::new();
    head(&mut page, audit);
    tiles(&mut page, audit);
    state(&mut page, audit);
    kinds(&mut page, audit);
    bars(&mut page, "By account", &by_account(audit));
    bars(&mut page, "By prefix", &by_prefix(audit));
    for kind in Drift::ALL {
        findings(&mut page, audit, kind);
    }
    page.push_str("</body></html>\n");
    page
}

/// Escapes text for use between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in sanitise::line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

macro_rules! put {
    ($page:expr, $($what:tt)*) => {
        // Writing to a string cannot fail.
        let _ = write!($page, $($what)*);
    };
}

fn head(page: &mut String, audit: &Audit) {
    let scope = escaped(&table::scope(&audit.scope));
    let moment = UNIX_EPOCH + Duration::from_secs(audit.taken_at);
    let moment = httpdate::fmt_http_date(moment);
    put!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Audit of {scope}</title><style>{STYLE}</style></head><body>\
         <h1>Audit of {scope}</h1><p class=\"faint\">{moment}</p>"
    );
}

fn tiles(page: &mut String, audit: &Audit) {
    page.push_str("<div class=\"tiles\">");
    for (figure, text) in [
        (audit.assigned, "assigned numbers"),
        (audit.in_sync, "in sync"),
        (audit.findings.len() as u64, "drifted"),
        (audit.unchecked, "could not be checked"),
    ] {
        put!(page, "<div class=\"tile\"><b>{figure}</b>{text}</div>");
    }
    page.push_str("</div>");
}

fn state(page: &mut String, audit: &Audit) {
    if audit.is_clean() {
        page.push_str("<p class=\"good\">Clean: no drift found.</p>");
    }
    if audit.unread.is_empty() && audit.unchecked == 0 {
        return;
    }
    put!(
        page,
        "<div class=\"warn\"><p>Incomplete: {} databases or numbers could not be read, {} documents could not be checked in full.</p>",
        audit.unread.count(),
        audit.unchecked
    );
    for (database, failures) in audit.unread.by_database() {
        let last_error = failures.last_error.map(|kind| kind.name().into());
        let failed = failures.failed.keys().map(|reason| reason.key());
        let reasons: Vec<_> = last_error.into_iter().chain(failed).collect();
        let (database, reasons) = (escaped(database), escaped(&reasons.join(", ")));
        put!(page, "<p><code>{database}</code>: {reasons}</p>");
    }
    page.push_str("</div>");
}

fn kinds(page: &mut String, audit: &Audit) {
    page.push_str(
        "<h2>By kind</h2><table class=\"kinds\"><tr><th>Drift</th><th class=\"count\">Numbers</th><th></th><th>Repaired by</th></tr>",
    );
    let most = audit.kinds.iter().map(|kind| kind.count).max();
    for one in &audit.kinds {
        let command = match &one.command {
            Some(command) => format!("<code>{}</code>", escaped(command)),
            None => "no command".to_owned(),
        };
        let hint = one.hint.map_or_else(String::new, |hint| {
            format!("<br><span class=\"faint\">{}</span>", escaped(hint))
        });
        put!(
            page,
            "<tr><td><span class=\"key\" style=\"background:{}\"></span>{}<br><span class=\"faint\">{}</span></td>\
             <td class=\"count\">{}</td><td style=\"width:22%\">",
            colour(one.kind),
            one.kind.name(),
            escaped(one.meaning),
            one.count
        );
        if one.count > 0 {
            put!(
                page,
                "<div class=\"bar\" style=\"width:{:.1}%;background:{}\"></div>",
                share(one.count, most.unwrap_or_default()),
                colour(one.kind)
            );
        }
        put!(page, "</td><td>{command}{hint}</td></tr>");
    }
    page.push_str("</table>");
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture is as exact as a pixel"
)]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    part as f64 * 100.0 / of as f64
}

fn bars(page: &mut String, title: &str, bars: &[Bar]) {
    if bars.is_empty() {
        return;
    }
    put!(page, "<h2>{title}</h2><table class=\"bars\">");
    let most = bars.iter().map(Bar::total).max().unwrap_or_default();
    for bar in bars.iter().take(BARS) {
        put!(
            page,
            "<tr><td class=\"label\">{}</td><td class=\"count\">{}</td><td class=\"fill\"><div class=\"bar\" style=\"width:{:.1}%\">",
            escaped(&bar.label),
            bar.total(),
            share(bar.total(), most)
        );
        for (kind, count) in &bar.parts {
            put!(
                page,
                "<i style=\"flex:{count};background:{}\" title=\"{}: {count}\"></i>",
                colour(*kind),
                kind.name()
            );
        }
        page.push_str("</div></td></tr>");
    }
    page.push_str("</table>");
    if let Some(rest) = bars.get(BARS..).filter(|rest| !rest.is_empty()) {
        let total: u64 = rest.iter().map(Bar::total).sum();
        put!(
            page,
            "<p class=\"faint\">and {} more with {total} in all</p>",
            rest.len()
        );
    }
}

fn findings(page: &mut String, audit: &Audit, kind: Drift) {
    let findings = audit.of_kind(kind);
    if findings.is_empty() {
        return;
    }
    put!(
        page,
        "<h2><span class=\"key\" style=\"background:{}\"></span>{} ({})</h2><p class=\"faint\">{}</p>\
         <table><tr><th>Number</th><th>Database</th><th>Account</th><th>{}</th></tr>",
        colour(kind),
        kind.name(),
        findings.len(),
        escaped(kind.meaning()),
        if kind == Drift::DifferingCopy {
            "Fields"
        } else {
            "Repaired by"
        }
    );
    for finding in findings.iter().take(FINDINGS) {
        put!(
            page,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td><code>{}</code></td></tr>",
            escaped(&finding.number),
            escaped(&finding.database.encoded()),
            account(audit, finding),
            escaped(&last_column(finding))
        );
    }
    page.push_str("</table>");
    if findings.len() > FINDINGS {
        put!(
            page,
            "<p class=\"faint\">and {} more: they are in the CSV and the JSON</p>",
            findings.len() - FINDINGS
        );
    }
}

fn last_column(finding: &Finding) -> String {
    if finding.kind == Drift::DifferingCopy {
        finding.fields.join(", ")
    } else {
        remedy::command_for(finding).unwrap_or_else(|| "no command".to_owned())
    }
}

fn account(audit: &Audit, finding: &Finding) -> String {
    let Some(id) = finding.account.map(|account| account.to_string()) else {
        return String::new();
    };
    let name_of = |id: &str| match audit.account_names.get(id) {
        Some(name) => format!("{}<br><code>{id}</code>", escaped(name)),
        None => format!("<code>{id}</code>"),
    };
    match finding.assigned_to.map(|account| account.to_string()) {
        Some(other) => format!("{}<br>assigned to {}", name_of(&id), name_of(&other)),
        None => name_of(&id),
    }
}
