//! `/_sandbox`: endpoints of this server only. They report the counters to clients in other
//! processes.

use super::{App, HttpAnswer, Request};
use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;
use crate::stats::{Stats, TrafficCounts};

pub(super) fn sandbox(
    app: &App,
    request: &Request,
    user: &User,
) -> Result<HttpAnswer, RequestError> {
    user.must_be_admin()?;
    match (request.part(1), request.method()) {
        ("stats", "GET") => Ok(HttpAnswer::json(200, &to_json(&app.stats.stats()))),
        ("stats", _) => Err(RequestError::methods("GET,HEAD")),
        ("reset", "POST") => {
            app.stats.reset();
            app.accounts.unlock();
            Ok(HttpAnswer::ok(200))
        }
        ("reset", _) => Err(RequestError::methods("POST")),
        _ => Err(RequestError::missing()),
    }
}

fn traffic(traffic: TrafficCounts) -> [(&'static str, Json); 3] {
    [
        ("requests", Json::int(traffic.requests)),
        ("bytes_in", Json::int(traffic.bytes_in)),
        ("bytes_out", Json::int(traffic.bytes_out)),
    ]
}

fn to_json(stats: &Stats) -> Json {
    let rows = stats.by_endpoint.iter().map(|(asked, counted)| {
        let mut row = vec![
            ("method".to_owned(), Json::str(asked.method.as_str())),
            ("endpoint".to_owned(), Json::str(asked.endpoint.as_str())),
            (
                "database".to_owned(),
                asked.database.as_deref().map_or(Json::Null, Json::str),
            ),
        ];
        row.extend(traffic(*counted).map(|(name, value)| (name.to_owned(), value)));
        Json::Object(row)
    });
    let rows = Json::Array(rows.collect());
    let mut fields: Vec<_> = traffic(stats.total)
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
    fields.push(("by_endpoint".to_owned(), rows));
    Json::Object(fields)
}
