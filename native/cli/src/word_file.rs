//! Words from a file: `@FILE` in the place of accounts, number databases or numbers.

use std::fs;

/// The mark before the name of a file. No account, database or number begins with it.
const MARK: char = '@';

/// Puts the words of files in the places of their names. Each line of a file is one word; empty lines and lines that begin with `#`
/// do not count.
///
/// # Errors
///
/// A file cannot be read: the line that says so.
pub(crate) fn expanded(words: impl IntoIterator<Item = String>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for word in words {
        let Some(path) = word.strip_prefix(MARK) else {
            all.push(word);
            continue;
        };
        let text = fs::read_to_string(path)
            .map_err(|error| format!("error: cannot read the words in {path}: {error}"))?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let words = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        all.extend(words.map(str::to_owned));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_file_are_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parts");
        fs::write(&path, "\u{feff}+1415\r\n\n  # customers\n +1416 \n").unwrap();
        let words = ["+1202".to_owned(), format!("@{}", path.display())];
        assert_eq!(expanded(words).unwrap(), ["+1202", "+1415", "+1416"]);
        let missing = expanded(["@/no/such/file".to_owned()]).unwrap_err();
        assert!(missing.starts_with("error: cannot read the words in /no/such/file: "));
    }
}
