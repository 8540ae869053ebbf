//! Kazoo's config.ini: where CouchDB is, and as whom.

use std::path::{Path, PathBuf};

use ini::Ini;

use couchdb::{Error, Kind, Operation};

/// Kazoo's port when none is written: HAProxy in front of the cluster.
const DEFAULT_PORT: u16 = 15984;

/// Where Kazoo looks for its configuration, in order: `KAZOO_CONFIG` as given, then its two
/// default places.
pub fn default_paths(kazoo_config: Option<PathBuf>) -> Vec<PathBuf> {
    match kazoo_config {
        Some(path) => vec![path],
        None => vec![
            PathBuf::from("/etc/kazoo/config.ini"),
            PathBuf::from("/etc/kazoo/core/config.ini"),
        ],
    }
}

/// Reads the first of these files that is there, and returns CouchDB's URL, credentials and all.
pub fn read_config_ini(paths: &[PathBuf]) -> Result<String, Error> {
    for path in paths {
        match std::fs::read_to_string(path) {
            Ok(text) => return couchdb_url_of(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(config_error(path, &error.to_string())),
        }
    }
    let looked: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    Err(Error::new(
        Kind::Config,
        Operation::CONNECT,
        format!(
            "no CouchDB is configured: set COUCHDB_URL=http://user:password@host:port; also looked for {}",
            looked.join(", ")
        ),
    ))
}

/// CouchDB's URL from the text of a config.ini: section `[data] config`, else `[bigcouch]`, with
/// `ip` or `host`, `port`, `username`, `password`.
pub fn couchdb_url_of(text: &str, path: &Path) -> Result<String, Error> {
    // Kazoo quotes values now and then, and passwords hold backslashes: neither is an escape.
    let options = ini::ParseOption {
        enabled_quote: true,
        enabled_escape: false,
        ..ini::ParseOption::default()
    };
    // The parser's own message may quote the line that it failed on, which may be a password.
    let ini = Ini::load_from_str_opt(text, options)
        .map_err(|error| config_error(path, &format!("not an INI file (line {})", error.line)))?;
    let section = ini
        .get_from(Some("data"), "config")
        .map_or("bigcouch", str::trim);
    let couch = ini
        .section(Some(section))
        .ok_or_else(|| config_error(path, &format!("there is no section [{section}]")))?;
    let value = |name: &str| couch.get(name).map(str::trim).filter(|v| !v.is_empty());
    let host = value("ip").or_else(|| value("host")).unwrap_or("127.0.0.1");
    let port = match value("port") {
        None => DEFAULT_PORT,
        Some(port) => port
            .parse()
            .map_err(|_| config_error(path, &format!("[{section}] port is not a port")))?,
    };
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut url = url::Url::parse(&format!("http://{host}:{port}"))
        .map_err(|_| config_error(path, &format!("[{section}] ip is not an address")))?;
    if let Some(username) = value("username") {
        // These fail only for URLs that can have no user, and http can.
        let _ = url.set_username(username);
        let _ = url.set_password(value("password"));
    }
    Ok(url.into())
}

fn config_error(path: &Path, detail: &str) -> Error {
    Error::new(
        Kind::Config,
        Operation::CONNECT,
        format!("{}: {detail}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, String> {
        couchdb_url_of(text, Path::new("config.ini")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_usual_file() {
        let text = "; Kazoo\n[zone]\nname = \"local\"\n[bigcouch]\nip = \"10.0.0.1\"\nport = 15984\n\
                    username = admin\npassword = p@ss\\w%rd\nadmin_port = 15986\n";
        assert_eq!(
            url(text).unwrap(),
            "http://admin:p%40ss%5Cw%rd@10.0.0.1:15984/"
        );
    }

    #[test]
    fn the_section_may_be_named_and_defaults_hold() {
        assert_eq!(
            url("[data]\nconfig = couch\n[couch]\nhost=db\n").unwrap(),
            "http://db:15984/"
        );
    }

    #[test]
    fn what_is_missing_is_named_and_no_password_told() {
        let error = url("[data]\nconfig = couch\n[bigcouch]\npassword=secret\n").unwrap_err();
        assert!(error.contains("no section [couch]"), "{error}");
        let error = url("[bigcouch]\nport=x\npassword=secret\n").unwrap_err();
        assert!(
            error.contains("port") && !error.contains("secret"),
            "{error}"
        );
    }
}
