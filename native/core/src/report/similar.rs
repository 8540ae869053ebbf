//! Suggestions for a name that does not exist.

/// The least similarity of a name to an existing one that is suggested for it. 1 is equality.
const NEAR: f64 = 0.8;

/// The most names that are suggested for an unknown one.
const OFFERED: usize = 3;

/// The most similar of these names, best first.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    // A text longer than every name resembles none of them, and comparing it takes time.
    if name.len() > 100 {
        return Vec::new();
    }
    let mut near: Vec<(f64, &str)> = names
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    // By name among equals, so that the forms of a function are neighbours.
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    near.dedup_by_key(|(_, name)| *name);
    near.truncate(OFFERED);
    near.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_comes_first() {
        let carriers = ["knm_local", "knm_telnyx", "knm_bandwidth2", "knm_inum"];
        let near = |name: &str| nearest(name, carriers.into_iter());
        assert_eq!(near("knm_telnix").first(), Some(&"knm_telnyx"));
        assert_eq!(near("knm_bandwith").first(), Some(&"knm_bandwidth2"));
        assert!(near("knm_telnix").len() <= OFFERED);
        assert_eq!(near("x"), Vec::<&str>::new());
        let twice = nearest("undu", ["undo", "undo", "audit"].into_iter());
        assert_eq!(twice, ["undo"]);
    }
}
