//! Kazoo's config.ini: where CouchDB is, and as whom. It is read as Kazoo reads it (`kazoo_config`, `kz_dataconfig` and the
//! parser that they use), so that both reach the same server.

use std::env;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::ini::{Section, sections};
use couchdb::{Error, Kind, Operation, ServerUrl};

/// CouchDB's port where none is written, and its host: `kz_couch_connection` in Kazoo.
const DEFAULT_PORT: u16 = 5984;
const DEFAULT_HOST: &str = "localhost";

/// The zone of a node that is in none.
const DEFAULT_ZONE: &[u8] = b"local";

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
///
/// # Errors
/// [`Kind::Config`] where there is no file, or it does not say where CouchDB is.
pub fn server_of_config_ini(paths: &[PathBuf]) -> Result<ServerUrl, Error> {
    for path in paths {
        match std::fs::read(path) {
            Ok(text) => {
                let found = connection(&text, path, &Node::here())?;
                let source = match found.default {
                    None => path.display().to_string(),
                    Some(reason) => format!("{}: {reason}", path.display()),
                };
                return Ok(ServerUrl::parse(&found.url)?.from(source));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(config_error(path, &error.to_string())),
        }
    }
    let looked: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    Err(Error::new(
        Kind::Config,
        Operation::CONNECT,
        format!(
            "no address is configured: COUCHDB_URL is not set, and there is no {}",
            looked.join(", and no ")
        ),
    )
    .hint("set COUCHDB_URL=http://user:password@host:port"))
}

/// CouchDB's URL from the text of a config.ini: section `[data] config`, else `[bigcouch]`, with `ip`, `port`, `username`
/// and `password`.
///
/// # Errors
/// [`Kind::Config`]; of the file's content the error shows the names of sections alone.
pub fn couchdb_url_of(text: &str, path: &Path) -> Result<String, Error> {
    Ok(connection(text.as_bytes(), path, &Node::here())?.url)
}

/// The node that sections for a zone or a host are compared with.
struct Node {
    host: Vec<u8>,
    zone: Vec<u8>,
}

impl Node {
    fn here() -> Self {
        let zone = env::var_os("KAZOO_ZONE").map(std::os::unix::ffi::OsStringExt::into_vec);
        Self {
            host: rustix::system::uname().nodename().to_bytes().to_vec(),
            zone: zone.unwrap_or_else(|| DEFAULT_ZONE.to_vec()),
        }
    }
}

/// The connection that a file configures.
struct Connection {
    url: String,
    /// Why it is Kazoo's default, if it is.
    default: Option<String>,
}

fn connection(text: &[u8], path: &Path, node: &Node) -> Result<Connection, Error> {
    let sections = sections(text).map_err(|problem| config_error(path, &problem))?;
    let named = |wanted: &[u8]| -> Vec<&Section<'_>> {
        let all = sections.iter();
        all.filter(|section| section.name == wanted).collect()
    };
    let name = match generic(&named(b"data"), node).and_then(|data| data.get("config")) {
        Some(name) => name.to_ascii_lowercase(),
        None => b"bigcouch".to_vec(),
    };
    let shown = shown(&name);
    let candidates = named(&name);
    if candidates.is_empty() {
        return Err(
            config_error(path, &format!("there is no section [{shown}]"))
                .hint("Kazoo's databases are named there: ip, port, username, password"),
        );
    }
    let Some(couch) = generic(&candidates, node) else {
        return Ok(Connection {
            url: format!("http://{DEFAULT_HOST}:{DEFAULT_PORT}/"),
            default: Some(format!(
                "Kazoo's default, since no section [{shown}] without zone and host counts here"
            )),
        });
    };
    let host = couch.get("ip").unwrap_or(DEFAULT_HOST.as_bytes());
    let host = std::str::from_utf8(host).unwrap_or_default();
    let port = match couch.get("port") {
        None => DEFAULT_PORT,
        Some(port) => std::str::from_utf8(port)
            .ok()
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| config_error(path, &format!("[{shown}] port is not a port")))?,
    };
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let encoded = |bytes| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    let credentials = match couch.get("username") {
        Some(username) => {
            let password = couch.get("password").unwrap_or_default();
            format!("{}:{}@", encoded(username), encoded(password))
        }
        None => String::new(),
    };
    let is_host = !host.is_empty() && !host.contains(['@', '/', '?', '#', '\\']);
    url::Url::parse(&format!("http://{credentials}{host}:{port}/"))
        .ok()
        .filter(|_| is_host)
        .map(|url| Connection {
            url: url.into(),
            default: None,
        })
        .ok_or_else(|| config_error(path, &format!("[{shown}] ip is not an address")))
}

/// The name of a section for an error. A value that cannot be a name, as on a damaged line, is not repeated.
fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 64;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte);
    match std::str::from_utf8(name) {
        Ok(text) if text.len() <= LONGEST && name.iter().all(is_name) => text.to_owned(),
        _ => "...".to_owned(),
    }
}

/// The section that Kazoo reads for the connection: the last in the file that names neither a zone nor a host. Kazoo finds none
/// where one names this very host or this zone: `kz_config` then returns those alone, and `kz_dataconfig` asks for the
/// generic one anyway.
fn generic<'a>(sections: &[&'a Section<'a>], node: &Node) -> Option<&'a Section<'a>> {
    let hidden = sections.iter().any(|section| match section.own_host() {
        Some(host) => host == node.host,
        None => section.get("zone").is_some_and(|zone| zone == node.zone),
    });
    let mut generic = sections
        .iter()
        .filter(|section| section.own_host().is_none() && section.get("zone").is_none());
    generic.next_back().copied().filter(|_| !hidden)
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

    fn node() -> Node {
        Node {
            host: b"apps001".to_vec(),
            zone: b"west".to_vec(),
        }
    }

    fn found(text: &[u8]) -> Result<Connection, String> {
        connection(text, Path::new("config.ini"), &node()).map_err(|error| error.to_string())
    }

    fn url(text: &str) -> Result<String, String> {
        found(text.as_bytes()).map(|found| found.url)
    }

    /// The password that a line of the file means, percent-encoded.
    fn password(line: &[u8]) -> String {
        let file = [
            b"[bigcouch]\nip = h\nusername = a\n".as_slice(),
            line,
            b"\n",
        ]
        .concat();
        let url = found(&file).unwrap().url;
        url.strip_prefix("http://a:")
            .and_then(|rest| rest.strip_suffix("@h:5984/"))
            .unwrap_or_else(|| panic!("{url}"))
            .to_owned()
    }

    #[test]
    fn usual_file_gives_address_and_credentials() {
        let text = "; Kazoo\n[zone]\nname = \"local\"\n[bigcouch]\nip = \"10.0.0.1\"\nport = 15984\n\
                    username = admin\npassword = p@ss\\w%rd\nadmin_port = 15986\n";
        assert_eq!(
            url(text).unwrap(),
            "http://admin:p%40ss%5Cw%25rd@10.0.0.1:15984/"
        );
    }

    #[test]
    fn comments_quotes_byte_order_mark_and_line_ends_are_no_part_of_a_value() {
        let text = "\u{feff}  [bigcouch] ; databases\r\n  ip = \"db.example.com\" ; the \"HAProxy\"\r\n\
                    \tport=15984;its port\r\n# not Kazoo's comment, but many a file has it\r\nusername = \"a b\"\r\n";
        assert_eq!(url(text).unwrap(), "http://a%20b@db.example.com:15984/");
    }

    #[test]
    fn password_counts_byte_for_byte() {
        for (line, expected) in [
            (b"password = %41".as_slice(), "%2541"),
            (b"password = 007", "007"),
            (b"password = a#b", "a%23b"),
            (b"password = a=b", "a%3Db"),
            (b"password = a;b", "a"),
            (b"password = \"a;b\" ; comment", "a%3Bb"),
            (b"password = \" a \"", "%20a%20"),
            (b"password = \"a\"b\"", "a%22b"),
            (b"password = caf\xe9", "caf%E9"),
            (b"password = one\npassword = two", "two"),
        ] {
            assert_eq!(
                password(line),
                expected,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn section_may_be_named_and_defaults_are_kazoos() {
        assert_eq!(
            url("[data]\nconfig = \"Couch\"\n[couch]\nip=db\n").unwrap(),
            "http://db:5984/"
        );
        assert_eq!(
            url("[bigcouch]\nip = ::1\nport = 5984\n").unwrap(),
            "http://[::1]:5984/"
        );
    }

    #[test]
    fn sections_for_another_zone_or_host_are_left_aside_and_the_last_generic_one_counts() {
        let generic = "[bigcouch]\nip=generic\n";
        for text in [
            format!("[bigcouch]\nzone=east\nip=east\n{generic}"),
            format!("{generic}[bigcouch]\nzone = \"east\"\nip=east\n"),
            format!("[bigcouch]\nhost=db9.example.com\nip=other\n{generic}"),
            format!("[bigcouch]\nip=first\n{generic}"),
        ] {
            assert_eq!(url(&text).unwrap(), "http://generic:5984/", "{text}");
        }
    }

    #[test]
    fn section_that_is_not_there_is_named_if_it_is_a_name() {
        let warning = |text: &str| {
            let error = couchdb_url_of(text, Path::new("config.ini")).unwrap_err();
            error.to_string()
        };
        let line = warning("[data]\nconfig = cluster_2");
        assert!(line.ends_with("there is no section [cluster_2]"), "{line}");
        for damaged in [
            "c\rpassword = topsecret",
            "a:topsecret@b",
            &"topsecret".repeat(9),
        ] {
            let line = warning(&format!("[data]\nconfig = {damaged}"));
            assert!(line.ends_with("there is no section [...]"), "{line}");
        }
    }

    /// `kz_config` returns the section of this host or zone alone, and `kz_dataconfig` looks for the generic one in it.
    #[test]
    fn section_for_this_node_leaves_kazoos_default() {
        let generic = "[bigcouch]\nip=generic\n";
        for text in [
            format!("[bigcouch]\nzone=west\nip=west\n{generic}"),
            format!("{generic}[bigcouch]\nhost = apps001\nip=own\n"),
            "[bigcouch]\nzone=east\nip=east\n".to_owned(),
        ] {
            let found = found(text.as_bytes()).unwrap();
            assert_eq!(found.url, "http://localhost:5984/", "{text}");
            assert!(found.default.is_some_and(|why| why.contains("[bigcouch]")));
        }
    }

    #[test]
    fn problem_is_named_and_no_password_shown() {
        for (text, said) in [
            (
                "[data]\nconfig = couch\n[bigcouch]\npassword=secret\n",
                "no section [couch]",
            ),
            (
                "[bigcouch]\nport=x\npassword=secret\n",
                "port is not a port",
            ),
            (
                "[bigcouch]\nip=a b\npassword=secret\n",
                "ip is not an address",
            ),
            ("[bigcouch]\npassword=\"secret\n", "line 2"),
            ("[bigcouch]\nsecret\n", "line 2"),
            ("[secret\n", "line 1"),
        ] {
            let error = url(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
        let error = found(b"\xff\xfe[\0b\0").err().unwrap();
        assert!(error.contains("UTF-16"), "{error}");
    }
}
