//! `/_session`: describes the user, logs in, logs out.

use super::{App, HttpAnswer, Request, request};
use crate::auth::User;
use crate::json::Json;
use crate::request_error::RequestError;

pub(super) fn session(
    app: &App,
    request: &Request,
    user: &User,
    handler: &str,
) -> Result<HttpAnswer, RequestError> {
    match request.method() {
        "GET" => Ok(HttpAnswer::json(200, &who(user, handler))),
        "POST" => log_in(app, request),
        "DELETE" => {
            if let Some(cookie) = request.header("cookie") {
                app.accounts.close_session(cookie);
            }
            Ok(HttpAnswer::ok(200).with("set-cookie", cookie("")))
        }
        _ => Err(RequestError::methods("GET,HEAD,POST,DELETE")),
    }
}

fn roles(user: &User) -> Json {
    Json::Array(user.roles.iter().map(Json::str).collect())
}

fn name(user: &User) -> Json {
    user.name.as_ref().map_or(Json::Null, Json::str)
}

fn who(user: &User, handler: &str) -> Json {
    let mut info = vec![(
        "authentication_handlers".to_owned(),
        Json::Array(vec![Json::str("cookie"), Json::str("default")]),
    )];
    if user.name.is_some() {
        info.push(("authenticated".to_owned(), Json::str(handler)));
    }
    let context = Json::object([("name", name(user)), ("roles", roles(user))]);
    Json::object([
        ("ok", Json::Bool(true)),
        ("userCtx", context),
        ("info", Json::Object(info)),
    ])
}

fn log_in(app: &App, request: &Request) -> Result<HttpAnswer, RequestError> {
    let is_form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let fields = if is_form {
        request::split_query(&String::from_utf8_lossy(&request.body))
    } else {
        let body = request.json_object()?;
        body.as_object()
            .unwrap_or_default()
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    let field = |names: &[&str]| {
        fields
            .iter()
            .find(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| value.as_str())
    };
    let user_name = field(&["name", "username"])
        .ok_or_else(|| RequestError::bad_request("request body must contain a username"))?;
    let password = field(&["password"])
        .ok_or_else(|| RequestError::bad_request("request body must contain a password"))?;
    let user = app
        .accounts
        .login(&app.store, user_name, password, request.remote)?;
    let body = Json::object([
        ("ok", Json::Bool(true)),
        ("name", name(&user)),
        ("roles", roles(&user)),
    ]);
    let token = app.accounts.open_session(user);
    Ok(HttpAnswer::json(200, &body).with("set-cookie", cookie(&token)))
}

fn cookie(token: &str) -> String {
    format!("AuthSession={token}; Version=1; Path=/; HttpOnly")
}
