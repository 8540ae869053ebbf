//! Which application uses a number (contract section 4).

use crate::kazoo::{Usage, UsedBy};
use couchdb::Object;

/// What fixing `pvt_used_by` comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// It is right.
    Unchanged,
    /// Both applications name the number: it is left alone and reported.
    UsedByBoth,
    /// The document with `pvt_used_by` set right, and nothing else changed.
    Update(Box<str>),
}

/// Sets `pvt_used_by` to what the account's documents say, or takes it out where they say
/// nothing. Usage that is not known is no usage: that case never comes here.
pub fn fix_used_by(document: &Object<'_>, used_by: UsedBy, usage: Usage) -> Fix {
    let right = match usage {
        Usage::Both => return Fix::UsedByBoth,
        Usage::None => (UsedBy::Nobody, None),
        Usage::Callflow => (UsedBy::Callflow, Some("\"callflow\"")),
        Usage::Trunkstore => (UsedBy::Trunkstore, Some("\"trunkstore\"")),
    };
    if used_by == right.0 {
        return Fix::Unchanged;
    }
    Fix::Update(document.with(&[("pvt_used_by", right.1)]).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kazoo::NumberFacts;

    fn fix(document: &str, usage: Usage) -> Fix {
        let document = Object::parse(document).unwrap();
        fix_used_by(&document, NumberFacts::of(&document).used_by, usage)
    }

    #[test]
    fn the_rules_of_section_4() {
        let callflow = r#"{"_id":"+1","pvt_used_by":"callflow","n":1.0}"#;
        let none = r#"{"_id":"+1","n":1.0}"#;
        let null = r#"{"_id":"+1","pvt_used_by":null,"n":1.0}"#;
        assert_eq!(fix(callflow, Usage::Callflow), Fix::Unchanged);
        assert_eq!(fix(none, Usage::None), Fix::Unchanged);
        assert_eq!(fix(callflow, Usage::Both), Fix::UsedByBoth);
        assert_eq!(fix(callflow, Usage::None), Fix::Update(none.into()));
        assert_eq!(fix(null, Usage::None), Fix::Update(none.into()));
        assert_eq!(
            fix(callflow, Usage::Trunkstore),
            Fix::Update(r#"{"_id":"+1","pvt_used_by":"trunkstore","n":1.0}"#.into())
        );
    }
}
