//! Any text from outside is read or refused in time, without a panic, and no error shows a
//! password.
//!
//! `KAZOO_NUMBERS_CASES` sets the number of cases of each property.

use std::path::Path;
use std::time::{Duration, Instant};

use kazoo_numbers::command::{Argument, commands, parse};
use kazoo_numbers::connection::couchdb_url_of;
use kazoo_numbers::couchdb::ServerUrl;
use kazoo_numbers::document::{Document, Object, Revision, elements, quoted, string};
use kazoo_numbers::journal::{Journals, PlannedWrite, Record};
use kazoo_numbers::kazoo::{
    AccountId, Classification, Converters, DatabaseName, KazooDatabase, Normaliser, NumberFacts,
    encoded_number_database_of, number_database_of,
};
use kazoo_numbers_testkit::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::value::RawValue;

const PASSWORD: &str = "n0t-t0-be-5een";

fn policy() -> ProptestConfig {
    cases::config(cases::count(256))
}

/// Texts of any kind: arbitrary characters, control characters, characters with a meaning in paths
/// or URLs, and far too long texts.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "account/",
        "numbers/",
        "+1415",
        "..",
        "/",
        "%2F",
        "%2f",
        "%252F",
        "%2e%2e",
        "\0",
        "\n",
        "\u{1b}[2J",
        "_users",
        "?",
        "#",
        "\\",
        "\"",
        "'",
        " ",
        "é",
        "\u{202e}",
        "+",
        "-202601",
        "abcdef0123456789abcdef0123456789",
        "ef0123456789abcdef0123456789",
        "ab/cd/",
        "𝟜",
        "\u{fff0}",
    ]);
    prop_oneof![
        3 => vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
        2 => any::<String>(),
        2 => "[+0-9() .-]{0,24}",
        1 => ("[a-z+0-9/%]{1,4}", 1..30_000_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

/// A text with one changed character or a missing end.
fn damaged(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (text, any::<Index>(), any::<char>(), any::<bool>()).prop_map(|(text, at, with, cut)| {
        let mut all: Vec<char> = text.chars().collect();
        if all.is_empty() {
            return text;
        }
        let at = at.index(all.len());
        if cut {
            all.truncate(at);
        } else if let Some(place) = all.get_mut(at) {
            *place = with;
        }
        all.into_iter().collect()
    })
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| quoted(&text)),
    ];
    let key = prop_oneof![
        select(vec![
            "_id",
            "_rev",
            "_attachments",
            "pvt_type",
            "pvt_deleted",
            "pvt_assigned_to",
            "pvt_used_by",
            "pvt_module_name",
            "pvt_features",
            "revpos",
            "stub",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|all| format!("[{}]", all.join(","))),
            vec((key.clone(), inner), 0..6).prop_map(|all| {
                let fields: Vec<String> = all
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", quoted(key)))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn argument() -> impl Strategy<Value = Argument> {
    prop_oneof![
        hostile().prop_map(Argument::Text),
        vec(hostile(), 0..4).prop_map(Argument::List),
    ]
}

fn ini() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        select(vec![
            "[bigcouch]",
            "[data]",
            "config = bigcouch",
            "ip = \"10.0.0.1\"",
            "port = 15984",
            "port = 99999",
            "username = admin",
            "; a comment",
            "=",
            "[",
            "ip =",
        ])
        .prop_map(str::to_owned),
        Just(format!("password = {PASSWORD}")),
        Just(format!("password = \"{PASSWORD}")),
        Just(format!("pass{PASSWORD}")),
        hostile(),
    ];
    vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(policy())]

    #[test]
    fn arguments_are_accepted_or_refused_in_one_line(
        function in any::<Index>(),
        arguments in vec(argument(), 0..5),
    ) {
        let functions: Vec<_> = commands().collect();
        let spec = function.get(&functions);
        for arguments in [&arguments[..], &arguments[..spec.parameters.len().min(arguments.len())]] {
            if let Err(refusal) = parse(spec.name, arguments) {
                let line = refusal.to_string();
                prop_assert!(line.len() < 1000, "{line}");
                prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn unknown_function_is_refused_in_one_line(
        function in hostile(),
        arguments in vec(argument(), 0..3),
    ) {
        let line = parse(&function, &arguments).unwrap_err().to_string();
        prop_assert!(line.len() < 1000 && !line.chars().any(char::is_control), "{line:?}");
    }

    #[test]
    fn database_name_is_legal_or_none(text in hostile()) {
        let names = [DatabaseName::new(&text), number_database_of(&text)];
        for name in names.into_iter().flatten() {
            prop_assert!(name.plain().len() <= 238);
            let encoded = name.encoded();
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"%_-.~".contains(&byte);
            prop_assert!(encoded.bytes().all(is_safe), "{encoded}");
            prop_assert!(!encoded.contains(".."), "{encoded}");
            if let Classification::Account(id) = name.classification() {
                prop_assert_eq!(id.database(), name);
            }
        }
        prop_assert!(!encoded_number_database_of(&text).contains('/'));
    }

    #[test]
    fn account_id_round_trips_through_database_name(id in "[0-9a-fA-F]{32}") {
        let account = AccountId::parse(&id).unwrap();
        prop_assert_eq!(account.to_string(), id.to_lowercase());
        prop_assert_eq!(account.database().account(), Some(account));
        prop_assert_eq!(DatabaseName::new(account.database().plain()), Some(account.database()));
    }

    #[test]
    fn normalised_number_is_stable(text in hostile()) {
        let normaliser = Normaliser::new(&Converters::default());
        let number = normaliser.normalise(&text);
        prop_assert_eq!(normaliser.normalise(&number), number.clone());
        let _ = normaliser.is_reconcilable(&number);
    }

    #[test]
    fn any_converter_terminates(regex in hostile(), text in hostile()) {
        let converters = Converters {
            e164: vec![(regex, "+".into(), String::new())],
            ..Converters::default()
        };
        let began = Instant::now();
        let _ = Normaliser::new(&converters).normalise(&text);
        prop_assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn document_is_parsed_or_refused(text in prop_oneof![json(), damaged(json()), hostile()]) {
        let _ = string(&text);
        let _ = elements(&text);
        let Ok(document) = Document::new("+1", text.clone()) else {
            prop_assert!(Object::parse(&text).is_err());
            return Ok(());
        };
        let _ = NumberFacts::of(&document);
        // Nothing is changed: the same document, the revision apart.
        let same = document.edited(&[]);
        prop_assert_eq!(Object::parse(same.text()).unwrap().digest(), document.digest());
        let used = document.edited(&[("pvt_used_by", Some("\"callflow\""))]);
        let changed = Object::parse(used.text()).unwrap();
        let used_by = changed.string("pvt_used_by");
        prop_assert_eq!(used_by.as_deref(), Some("callflow"));
        for (field, value) in document.fields().filter(|(field, _)| !matches!(*field, "_rev" | "pvt_used_by")) {
            prop_assert_eq!(changed.get(field), Some(value));
        }
    }

    #[test]
    fn text_round_trips_through_json(text in any::<String>()) {
        let json = quoted(&text);
        let read = string(&json);
        prop_assert_eq!(read.as_deref(), Some(text.as_str()));
    }

    #[test]
    fn revision_prints_unchanged(
        text in prop_oneof!["[0-9]{1,12}-[0-9a-fA-F]{30,34}", hostile()],
    ) {
        prop_assert_eq!(Revision::parse(&text).to_string(), text);
    }

    #[test]
    fn configuration_is_parsed_or_refused_without_password(
        text in prop_oneof![ini(), damaged(ini())],
    ) {
        match couchdb_url_of(&text, Path::new("config.ini")) {
            Ok(url) => {
                let url = ServerUrl::parse(&url).unwrap();
                let shown = format!("{url} {url:?}");
                prop_assert!(!shown.contains(PASSWORD), "{shown}");
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains(PASSWORD), "{shown}");
            }
        }
    }

    #[test]
    fn url_is_parsed_or_refused_without_password(
        url in damaged(hostile().prop_map(|host| format!("http://admin:{PASSWORD}@{host}:5984"))),
    ) {
        // The damage may be in the password, so its beginning is checked as well.
        let message = match ServerUrl::parse(&url) {
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!message.contains("n0t-") && !message.contains("5een"), "{message}");
    }

    #[test]
    fn journal_line_round_trips_or_is_refused(
        database in hostile(),
        id in any::<String>(),
        before in option::of(json()),
        after in option::of(json()),
        damage in any::<Index>(),
        with in any::<u8>(),
    ) {
        let raw = |text: &Option<String>| {
            text.clone().map(|text| RawValue::from_string(text).unwrap())
        };
        let record = Record::Intent(PlannedWrite {
            database: database.clone(),
            id: id.clone(),
            rev: None,
            cause: None,
            before: raw(&before),
            after: raw(&after),
            leaves: Vec::new(),
        });
        let line = record.line().unwrap();
        let line = line.strip_suffix('\n').unwrap();
        prop_assert!(!line.contains('\n'));
        let Some(Record::Intent(entry)) = Record::read(line) else {
            return Err(TestCaseError::fail(line.to_owned()));
        };
        prop_assert_eq!((&entry.database, &entry.id), (&database, &id));
        // A missing value is written as `null`.
        let text = |raw: &Option<Box<RawValue>>| raw.as_ref().map(|raw| raw.get().to_owned());
        prop_assert_eq!(text(&entry.before), before.filter(|text| text != "null"));
        prop_assert_eq!(text(&entry.after), after.filter(|text| text != "null"));

        let mut bytes = line.as_bytes().to_vec();
        let at = damage.index(bytes.len());
        if bytes[at] != with && let Ok(damaged) = { bytes[at] = with; String::from_utf8(bytes) } {
            let case = line[..8].eq_ignore_ascii_case(damaged.get(..8).unwrap_or_default());
            prop_assert!(case || Record::read(&damaged).is_none(), "{damaged}");
        }
    }

    #[test]
    fn arbitrary_folder_is_not_a_journal(
        name in "[0-9A-Za-z-]{1,20}",
        bytes in vec(any::<u8>(), 0..400),
        requested in hostile(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::new(folder.path().to_owned());
        let whole = Record::Landed { database: "d".into(), id: "+1".into(), rev: "1-x".into() };
        let mut text = whole.line().unwrap().into_bytes();
        text.extend(&bytes);
        for extension in ["journal", "jsonl", "log"] {
            std::fs::write(folder.path().join(format!("{name}.{extension}")), &text).unwrap();
        }
        prop_assert!(journals.runs().unwrap().is_empty());
        // A write without an intent is ignored.
        for run in [&name, &requested] {
            if let Ok(done) = journals.done(run) {
                prop_assert!(done.is_empty(), "{done:?}");
            }
        }
    }
}

/// Nesting and field counts that would overflow a recursion or take quadratic time.
#[test]
fn large_and_deep_input_takes_linear_time() {
    let started = Instant::now();
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    let wide: Vec<String> = (0..200_000).map(|n| format!("\"{n}\":{n}")).collect();
    let wide = format!("{{{}}}", wide.join(","));
    for text in [deep(200_000), objects, wide.clone()] {
        let document = Document::new("+1", text).unwrap();
        let _ = document.digest();
        let _ = NumberFacts::of(&document);
    }
    let twice = format!("{},\"7\":7}}", wide.trim_end_matches('}'));
    assert!(Object::parse(&twice).is_err());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}
