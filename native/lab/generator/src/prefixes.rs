//! The first five characters of numbers: area codes of North America and of other countries.

use crate::random::RandomStream;

/// Prefixes outside North America.
const ELSEWHERE: [&str; 24] = [
    "+4420", "+4930", "+3314", "+6128", "+4989", "+4411", "+3120", "+4610", "+3493", "+3906",
    "+4122", "+4317", "+3531", "+4822", "+8135", "+8522", "+6563", "+5511", "+5255", "+2711",
    "+9180", "+9722", "+6495", "+3257",
];

/// `count` different prefixes, `+1415` first, one in six from outside North America, and one
/// additional prefix at the end that gets no number database.
pub(crate) fn prefixes(seed: u64, count: usize) -> Vec<String> {
    let mut random = RandomStream::new(seed, "prefixes", 0);
    let mut north: Vec<usize> = (200..1000)
        .filter(|code| *code != 415 && code % 100 != 11)
        .collect();
    random.shuffle(&mut north);
    let mut elsewhere = ELSEWHERE.to_vec();
    random.shuffle(&mut elsewhere);
    let mut chosen = vec![String::from("+1415")];
    let wanted = count.clamp(1, 790) + 1;
    while chosen.len() < wanted {
        let abroad = if chosen.len() % 6 == 2 {
            elsewhere.pop()
        } else {
            None
        };
        match (abroad, north.pop()) {
            (Some(prefix), code) => {
                chosen.push(String::from(prefix));
                north.extend(code);
            }
            (None, Some(code)) => chosen.push(format!("+1{code}")),
            (None, None) => break,
        }
    }
    chosen
}

/// The number with index `serial` in a prefix. Different serials below eight million give different
/// numbers.
pub(crate) fn number(prefix: &str, serial: u32) -> String {
    // The step is prime to the range, so the sequence covers all of it.
    let step = (u64::from(serial) * 7919 + 3_550_100) % 8_000_000;
    if prefix.starts_with("+1") {
        format!("{prefix}{}", 2_000_000 + step)
    } else {
        format!("{prefix}{}", 20_000_000 + step)
    }
}
