//! `_all_docs` and `_design_docs`: documents sorted by the bytes of their ids.

use super::databases::sequence;
use super::options::RowOptions;
use super::{App, HttpAnswer, Request};
use crate::json::{Json, write_string};
use crate::render::{self, DocOptions};
use crate::request_error::RequestError;
use crate::store::{Database, DocRow, Reader, StoreError};
use std::ops::Bound;

type IdBounds = (Bound<String>, Bound<String>);

const EVERYTHING: IdBounds = (Bound::Unbounded, Bound::Unbounded);

pub(super) fn all_docs(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    let options = read_options(request)?;
    let page = PageWriter::read(app, db, &EVERYTHING, &options)?;
    Ok(HttpAnswer::text(200, page))
}

pub(super) fn design_docs(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    let options = read_options(request)?;
    let designs = (
        Bound::Included("_design/".to_owned()),
        Bound::Excluded("_design0".to_owned()),
    );
    Ok(HttpAnswer::text(
        200,
        PageWriter::read(app, db, &designs, &options)?,
    ))
}

pub(super) fn queries(
    app: &App,
    request: &Request,
    db: &Database,
) -> Result<HttpAnswer, RequestError> {
    if request.method() != "POST" {
        return Err(RequestError::methods("POST"));
    }
    let body = request.json_object()?;
    let mut out = String::from("{\"results\":[");
    for (index, query) in queries_of(&body)?.iter().enumerate() {
        let options = RowOptions::of_body(query, "body member")?;
        options.refuse_reduction()?;
        options.check_keys()?;
        if index > 0 {
            out.push(',');
        }
        out.push_str(&PageWriter::read(app, db, &EVERYTHING, &options)?);
    }
    out.push_str("]}");
    Ok(HttpAnswer::text(200, out))
}

/// The list of queries for `…/queries`.
pub(super) fn queries_of(body: &Json) -> Result<&[Json], RequestError> {
    let queries = body
        .get("queries")
        .ok_or_else(|| RequestError::bad_request("POST body must include `queries` parameter."))?;
    queries
        .as_array()
        .ok_or_else(|| RequestError::bad_request("`queries` member must be an array."))
}

pub(super) fn read_options(request: &Request) -> Result<RowOptions, RequestError> {
    let options = match request.method() {
        "GET" => RowOptions::default(),
        "POST" => RowOptions::of_body(&request.json_object()?, "body member")?,
        _ => return Err(RequestError::methods("GET,HEAD,POST")),
    };
    let options = options.with_query(request)?;
    options.refuse_reduction()?;
    Ok(options)
}

/// An answer while it is written.
struct PageWriter<'a> {
    app: &'a App,
    reader: Reader,
    db: u64,
    options: &'a RowOptions,
    out: String,
}

impl<'a> PageWriter<'a> {
    fn read(
        app: &'a App,
        db: &Database,
        within: &IdBounds,
        options: &'a RowOptions,
    ) -> Result<String, RequestError> {
        let mut page = Self {
            app,
            reader: app.store.reader()?,
            db: db.number,
            options,
            out: String::new(),
        };
        let counters = page.reader.counters(page.db)?;
        let total = if *within == EVERYTHING {
            counters.documents
        } else {
            page.reader.count(page.db, as_ref(within))?
        };
        page.out
            .push_str(&format!("{{\"total_rows\":{total},\"offset\":"));
        match &options.keys {
            Some(keys) => {
                page.out.push_str("null");
                if options.update_seq {
                    page.out.push_str(",\"update_seq\":null");
                }
                page.out.push_str(",\"rows\":[");
                page.keys(keys)?;
            }
            None => {
                let range = narrow(within, options);
                let rows_before = page.rows_before(&range, within, total)?;
                let offset = (rows_before + options.skip() as u64).min(total);
                page.out.push_str(&offset.to_string());
                if options.update_seq {
                    page.out.push_str(",\"update_seq\":");
                    sequence(page.db, counters.update_seq).write(&mut page.out);
                }
                page.out.push_str(",\"rows\":[");
                let (rows, last) = page.rows(&range)?;
                if let (Some(last), false, true) = (last, options.descending, *within == EVERYTHING)
                {
                    let rank = offset + rows as u64 - 1;
                    app.ranks.remember(page.db, counters, &last, rank);
                }
            }
        }
        page.out.push_str("]}");
        Ok(page.out)
    }

    /// The number of documents before the range, in reading direction.
    fn rows_before(
        &self,
        range: &IdBounds,
        within: &IdBounds,
        total: u64,
    ) -> Result<u64, StoreError> {
        let counters = self.reader.counters(self.db)?;
        if self.options.descending {
            let above = match &range.1 {
                Bound::Included(id) => Bound::Excluded(id.as_str()),
                Bound::Excluded(id) => Bound::Included(id.as_str()),
                Bound::Unbounded => return Ok(0),
            };
            let end = as_ref(within).1;
            if let (Bound::Excluded(id), Bound::Unbounded) = (above, end) {
                let live = self.reader.inspect(self.db, id, |doc| !doc.deleted)?;
                let up_to = self.app.ranks.before(&self.reader, self.db, counters, id)?
                    + u64::from(live == Some(true));
                return Ok(total.saturating_sub(up_to));
            }
            return self.reader.count(self.db, (above, end));
        }
        let start = match &range.0 {
            Bound::Included(id) | Bound::Excluded(id) => id,
            Bound::Unbounded => return Ok(0),
        };
        if *within == EVERYTHING {
            return self
                .app
                .ranks
                .before(&self.reader, self.db, counters, start);
        }
        let from = as_ref(within).0;
        self.reader
            .count(self.db, (from, Bound::Excluded(start.as_str())))
    }

    /// Writes the rows of a range. Returns their number and the last id.
    fn rows(&mut self, range: &IdBounds) -> Result<(usize, Option<String>), StoreError> {
        let (mut skip, limit) = (self.options.skip(), self.options.limit());
        let rows = self.reader.docs(self.db, as_ref(range))?;
        if self.options.descending {
            self.write_rows(rows.rev(), &mut skip, limit)
        } else {
            self.write_rows(rows, &mut skip, limit)
        }
    }

    fn write_rows(
        &mut self,
        rows: impl Iterator<Item = Result<DocRow, redb::StorageError>>,
        skip: &mut usize,
        limit: usize,
    ) -> Result<(usize, Option<String>), StoreError> {
        let mut count = 0;
        let mut last = None;
        if limit == 0 {
            return Ok((0, None));
        }
        for row in rows {
            let row = row?;
            let doc = row.view()?;
            if doc.deleted {
                continue;
            }
            if *skip > 0 {
                *skip -= 1;
                continue;
            }
            let id = row.id();
            self.separate(count);
            write_head(&mut self.out, id, doc.rev);
            self.out.push('}');
            if self.options.include_docs {
                self.out.push_str(",\"doc\":");
                if self.options.doc.is_plain() {
                    render::write_plain(&mut self.out, id, doc.rev, false, doc.fields, doc.stubs);
                } else {
                    let record = doc.to_record()?;
                    self.winner(id, &record)?;
                }
            }
            self.out.push('}');
            count += 1;
            if count == limit {
                last = Some(id.to_owned());
                break;
            }
        }
        Ok((count, last))
    }

    fn winner(&mut self, id: &str, record: &crate::store::DocRecord) -> Result<(), StoreError> {
        render::write_winner(
            &mut self.out,
            &self.reader,
            (self.db, id),
            record,
            DocOptions {
                revs: false,
                ..self.options.doc
            },
        )
    }

    fn separate(&mut self, count: usize) {
        if count > 0 {
            self.out.push(',');
        }
    }

    /// Writes one row for each key, existing or not.
    fn keys(&mut self, keys: &[Json]) -> Result<(), StoreError> {
        let mut keys: Vec<&Json> = keys.iter().collect();
        if self.options.descending {
            keys.reverse();
        }
        let wanted = keys
            .into_iter()
            .skip(self.options.skip())
            .take(self.options.limit());
        for (count, key) in wanted.enumerate() {
            self.separate(count);
            let record = match key.as_str() {
                Some(id) => self.reader.doc(self.db, id)?,
                None => None,
            };
            let Some((id, record)) = key.as_str().zip(record) else {
                self.out.push_str("{\"key\":");
                key.write(&mut self.out);
                self.out.push_str(",\"error\":\"not_found\"}");
                continue;
            };
            write_head(&mut self.out, id, &record.rev.to_string());
            if record.deleted {
                self.out.push_str(",\"deleted\":true");
            }
            self.out.push('}');
            if self.options.include_docs {
                self.out.push_str(",\"doc\":");
                if record.deleted {
                    self.out.push_str("null");
                } else {
                    self.winner(id, &record)?;
                }
            }
            self.out.push('}');
        }
        Ok(())
    }
}

/// `{"id":…,"key":…,"value":{"rev":…`
fn write_head(out: &mut String, id: &str, rev: &str) {
    out.push_str("{\"id\":");
    let start = out.len();
    write_string(out, id);
    let end = out.len();
    out.push_str(",\"key\":");
    let name = out[start..end].to_owned();
    out.push_str(&name);
    out.push_str(",\"value\":{\"rev\":");
    write_string(out, rev);
}

fn as_ref(range: &IdBounds) -> (Bound<&str>, Bound<&str>) {
    (
        range.0.as_ref().map(String::as_str),
        range.1.as_ref().map(String::as_str),
    )
}

/// The part of a range that the options select, the lower id first.
fn narrow(within: &IdBounds, options: &RowOptions) -> IdBounds {
    let (lower, upper) = if options.descending {
        (&options.end, &options.start)
    } else {
        (&options.start, &options.end)
    };
    let open = |bound: &Bound<String>| bound.clone();
    // A key that is not a string sorts before all ids.
    let lower = match lower {
        None => open(&within.0),
        Some(Json::String(id)) if options.descending && !options.inclusive_end => {
            Bound::Excluded(id.clone())
        }
        Some(Json::String(id)) => Bound::Included(id.clone()),
        Some(_) => open(&within.0),
    };
    let upper = match upper {
        None => open(&within.1),
        Some(Json::String(id)) if !options.descending && !options.inclusive_end => {
            Bound::Excluded(id.clone())
        }
        Some(Json::String(id)) => Bound::Included(id.clone()),
        Some(_) => Bound::Excluded(String::new()),
    };
    (
        tighter(lower, &within.0, true),
        tighter(upper, &within.1, false),
    )
}

/// A bound that stays within another range.
fn tighter(bound: Bound<String>, limit: &Bound<String>, lower: bool) -> Bound<String> {
    let id = |bound: &Bound<String>| match bound {
        Bound::Included(id) | Bound::Excluded(id) => Some(id.clone()),
        Bound::Unbounded => None,
    };
    match (id(&bound), id(limit)) {
        (Some(asked), Some(edge)) if (lower && asked < edge) || (!lower && asked > edge) => {
            limit.clone()
        }
        (None, Some(_)) => limit.clone(),
        _ => bound,
    }
}
