//! The commands in messages, as an operator types them.

use std::borrow::Cow;
use std::path::Path;

use super::Frontend;

/// How the operator types a command: by which program, and with which options.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The caller.
    pub frontend: Frontend,
    /// The options of the command line, with their values, that each command needs.
    pub options: Vec<String>,
}

impl Typed {
    /// A command with its arguments. Words are quoted where a shell needs that.
    pub fn command(&self, function: &str, arguments: &[&str]) -> String {
        let mut words = vec![self.frontend.call().to_owned(), function.to_owned()];
        words.extend(arguments.iter().map(|argument| quoted(argument)));
        if self.frontend == Frontend::CommandLine {
            words.extend(self.options.iter().map(|option| quoted(option)));
        }
        words.join(" ")
    }
}

fn quoted(word: &str) -> String {
    // A shell takes no NUL, and neither does a path.
    shlex::try_quote(word).map_or_else(|_| format!("{word:?}"), Cow::into_owned)
}

/// The argument by which a command finds the file of a plan. It has a slash, which ids do not have, and does not begin like an
/// option.
pub(crate) fn file_argument(path: &Path) -> String {
    let text = path.to_string_lossy();
    match text.contains('/') && !text.starts_with('-') {
        true => text.into_owned(),
        false => format!("./{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_can_be_typed_as_printed() {
        let mut typed = Typed {
            frontend: Frontend::CommandLine,
            options: Vec::new(),
        };
        assert_eq!(
            typed.command("undo", &["20261126T001209Z-487223"]),
            "kazoo-numbers undo 20261126T001209Z-487223"
        );
        typed.options = ["--journal", "/tmp/o'clock $(x)"]
            .map(str::to_owned)
            .to_vec();
        let line = typed.command("apply", &[&file_argument(Path::new("a plan"))]);
        assert_eq!(
            shlex::split(&line).unwrap(),
            [
                "kazoo-numbers",
                "apply",
                "./a plan",
                "--journal",
                "/tmp/o'clock $(x)"
            ]
        );
        let erlang = Typed::default().command("apply", &["1"]);
        assert_eq!(erlang, "sup kazoo_numbers_maintenance apply 1");
        assert_eq!(file_argument(Path::new("/a/b")), "/a/b");
        assert_eq!(file_argument(Path::new("-x/b")), "./-x/b");
    }
}
