//! Users: basic authentication, session cookies, and lockout after wrong passwords.

use crate::json::{self, Json};
use crate::random_id::random_id;
use crate::request_error::RequestError;
use crate::store::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use sha2::Sha256;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) const USERS: &str = "_users";
const USER_PREFIX: &str = "org.couchdb.user:";
pub(crate) const ADMIN_ROLE: &str = "_admin";

const MAX_FAILURES: u32 = 5;
const LOCK_TIME: Duration = Duration::from_secs(300);
const SESSION_TIME: Duration = Duration::from_secs(600);
/// Fewer iterations than in CouchDB: the server holds test data, and tests wait for each login.
const ITERATIONS: u32 = 1000;

/// The user of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Option<String>,
    pub(crate) roles: Vec<String>,
}

impl User {
    fn anonymous() -> Self {
        Self {
            name: None,
            roles: Vec::new(),
        }
    }

    pub(crate) fn admin(name: Option<&str>) -> Self {
        Self {
            name: name.map(str::to_owned),
            roles: vec![ADMIN_ROLE.to_owned()],
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == ADMIN_ROLE)
    }

    pub(crate) fn must_be_admin(&self) -> Result<(), RequestError> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(RequestError::unauthorized("You are not a server admin."))
        }
    }
}

#[derive(Debug)]
pub(crate) struct Users {
    /// Without an administrator, everybody is one.
    admin: Option<(String, String)>,
    failures: Mutex<HashMap<(String, IpAddr), (u32, Instant)>>,
    sessions: Mutex<HashMap<String, (User, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wrong() -> RequestError {
    RequestError::unauthorized("Name or password is incorrect.")
}

impl Users {
    pub(crate) fn new(admin: Option<(String, String)>) -> Self {
        Self {
            admin,
            failures: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    /// Identifies the user of a request by its headers.
    pub(crate) fn identify(
        &self,
        store: &Store,
        authorization: Option<&str>,
        cookie: Option<&str>,
        remote: IpAddr,
    ) -> Result<(User, &'static str), RequestError> {
        if let Some(encoded) = authorization.and_then(|value| value.strip_prefix("Basic ")) {
            let decoded = STANDARD.decode(encoded.trim()).map_err(|_| {
                RequestError::bad_request("Authorization header has invalid base64 value")
            })?;
            let decoded = String::from_utf8_lossy(&decoded).into_owned();
            if let Some((name, password)) = decoded.split_once(':') {
                let user = self.login(store, name, password, remote)?;
                return Ok((user, "default"));
            }
        }
        if let Some(user) = cookie.and_then(|cookie| self.session_user(cookie)) {
            return Ok((user, "cookie"));
        }
        if self.admin.is_none() {
            return Ok((User::admin(None), "default"));
        }
        Ok((User::anonymous(), "default"))
    }

    /// Checks a name and a password.
    pub(crate) fn login(
        &self,
        store: &Store,
        name: &str,
        password: &str,
        remote: IpAddr,
    ) -> Result<User, RequestError> {
        let candidate = match &self.admin {
            Some((admin, secret)) if admin == name => {
                let user = User::admin(Some(name));
                Some((user, secret == password))
            }
            _ => find_user(store, name)?.map(|(user, secret)| {
                let right = secret.is_of(password);
                (user, right)
            }),
        };
        // Failures are counted only for existing names.
        let (user, right) = candidate.ok_or_else(wrong)?;
        let mut failures = lock(&self.failures);
        failures.retain(|_, (_, since)| since.elapsed() < LOCK_TIME);
        let count = failures
            .entry((name.to_owned(), remote))
            .or_insert((0, Instant::now()));
        if count.0 >= MAX_FAILURES {
            return Err(RequestError::forbidden(
                "Account is temporarily locked due to multiple authentication failures",
            ));
        }
        if !right {
            count.0 += 1;
            return Err(wrong());
        }
        Ok(user)
    }

    /// Opens a session and returns the value of its cookie.
    pub(crate) fn open_session(&self, user: User) -> String {
        let token = random_id();
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, (_, since)| since.elapsed() < SESSION_TIME);
        sessions.insert(token.clone(), (user, Instant::now()));
        token
    }

    pub(crate) fn close_session(&self, cookie: &str) {
        if let Some(token) = session_token(cookie) {
            lock(&self.sessions).remove(token);
        }
    }

    fn session_user(&self, cookie: &str) -> Option<User> {
        let token = session_token(cookie)?;
        let mut sessions = lock(&self.sessions);
        let (user, since) = sessions.get_mut(token)?;
        if since.elapsed() >= SESSION_TIME {
            return None;
        }
        *since = Instant::now();
        Some(user.clone())
    }

    /// Ends all lockouts.
    pub(crate) fn unlock(&self) {
        lock(&self.failures).clear();
    }
}

fn session_token(cookie: &str) -> Option<&str> {
    cookie
        .split(';')
        .find_map(|part| part.trim().strip_prefix("AuthSession="))
        .filter(|token| !token.is_empty())
}

/// A stored password hash.
struct Secret {
    salt: String,
    iterations: u32,
    derived_key: String,
}

impl Secret {
    fn is_of(&self, password: &str) -> bool {
        derive(password, &self.salt, self.iterations) == self.derived_key
    }
}

fn derive(password: &str, salt: &str, iterations: u32) -> String {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), iterations, &mut key);
    HEXLOWER.encode(&key)
}

fn find_user(store: &Store, name: &str) -> Result<Option<(User, Secret)>, StoreError> {
    let reader = store.reader()?;
    let Some(users) = reader.database(USERS)? else {
        return Ok(None);
    };
    let id = format!("{USER_PREFIX}{name}");
    let Some(record) = reader.doc(users.number, &id)? else {
        return Ok(None);
    };
    if record.deleted {
        return Ok(None);
    }
    let text = format!("{{{}}}", record.body.fields);
    let document = json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)?;
    Ok(read_user(name, &document))
}

fn read_user(name: &str, document: &Json) -> Option<(User, Secret)> {
    let text = |field| document.get(field).and_then(Json::as_str);
    let roles = document
        .get("roles")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(|role| role.as_str().map(str::to_owned))
        .collect();
    let secret = Secret {
        salt: text("salt")?.to_owned(),
        iterations: u32::try_from(document.get("iterations")?.as_u64()?).ok()?,
        derived_key: text("derived_key")?.to_owned(),
    };
    let user = User {
        name: Some(name.to_owned()),
        roles,
    };
    Some((user, secret))
}

/// Replaces the password in a user's document by its hash.
pub(crate) fn hide_password(document: &mut Json) {
    let Json::Object(fields) = document else {
        return;
    };
    let Some(at) = fields.iter().position(|(name, _)| name == "password") else {
        return;
    };
    let Some(password) = fields[at].1.as_str().map(str::to_owned) else {
        return;
    };
    fields.remove(at);
    let kept = [
        "password_scheme",
        "pbkdf2_prf",
        "salt",
        "iterations",
        "derived_key",
    ];
    fields.retain(|(name, _)| !kept.contains(&name.as_str()));
    let salt = random_id();
    let derived_key = derive(&password, &salt, ITERATIONS);
    let values = [
        Json::str("pbkdf2"),
        Json::str("sha256"),
        Json::str(salt),
        Json::int(ITERATIONS),
        Json::str(derived_key),
    ];
    fields.extend(kept.map(str::to_owned).into_iter().zip(values));
}
