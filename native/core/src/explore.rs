//! An exhaustive checker of small state machines: breadth first, so that a counterexample is a shortest one.
//!
//! docs/decisions/0011-every-interleaving.md says why it is not a library.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A promise, in one sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Property(pub(crate) &'static str);

/// Every run comes to its end when faults end: from each state that can be reached, some fault-free steps lead to an end.
pub(crate) const RUNS_END: Property = Property("runs end when faults end");

/// A state machine: product code, its environment, and the ghosts that properties need.
pub(crate) trait Model {
    type State: Clone + Hash;
    type Step: Clone;

    fn initial(&self) -> Self::State;

    /// Every step that is possible in a state.
    fn steps(&self, state: &Self::State) -> Vec<Self::Step>;

    /// The state after a step, or the property that the step breaks.
    fn after(&self, state: &Self::State, step: &Self::Step) -> Result<Self::State, Property>;

    /// A step from this state, in words.
    fn sentence(&self, state: &Self::State, step: &Self::Step) -> String;

    /// Whether a step is the work of a run or of time, and not a fault or somebody else's.
    fn is_fault_free(&self, step: &Self::Step) -> bool;

    /// Whether nothing is left to do.
    fn is_end(&self, state: &Self::State) -> bool;
}

/// The size of what was explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// The length of the longest of the shortest paths.
    pub(crate) depth: usize,
    /// Different states in which everything has ended.
    pub(crate) ends: usize,
}

/// A shortest way to break a property.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Counterexample {
    pub(crate) property: Property,
    pub(crate) trace: Vec<String>,
}

impl fmt::Debug for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken: {}", self.property.0)?;
        let mut rest = &self.trace[..];
        let mut number = 0;
        while !rest.is_empty() {
            // Two steps that repeat, as those of a run that waits, are printed once.
            let pair = &rest[..rest.len().min(2)];
            let times = rest.chunks(2).take_while(|chunk| *chunk == pair).count();
            let shown = if times > 1 { 2 } else { 1 };
            for step in &rest[..shown] {
                number += 1;
                writeln!(f, "{number:>4}. {step}")?;
            }
            if times > 1 {
                writeln!(f, "      (again, {} times in all)", times)?;
            }
            number += shown * (times - 1);
            rest = &rest[shown * times..];
        }
        Ok(())
    }
}

/// A step of the graph: where it comes from, and which of the steps of that state it is.
#[derive(Clone, Copy)]
struct Origin {
    from: u32,
    step: u32,
}

/// More states than a test can explore in its time.
const MOST_STATES: usize = 1_000_000;

/// Explores a model, which must have at least so many states and be at least so deep.
pub(crate) fn check<M: Model>(name: &str, model: &M, states: usize, depth: usize) {
    let explored = explore(model).unwrap_or_else(|broken| panic!("{name}: {broken:?}"));
    println!("{name}: {explored:?}");
    assert!(explored.states >= states, "{name}: {explored:?}");
    assert!(explored.depth >= depth, "{name}: {explored:?}");
    assert!(explored.ends > 0, "{name}: {explored:?}");
}

/// Explores a model with a defect, which must break this property within so many steps.
pub(crate) fn check_finds<M: Model>(
    defect: &impl fmt::Debug,
    model: &M,
    property: Property,
    length: usize,
) {
    let broken = explore(model).expect_err(&format!("{defect:?}"));
    println!("{defect:?}: {broken:?}");
    assert_eq!(broken.property, property, "{defect:?}: {broken:?}");
    assert!(broken.trace.len() <= length, "{defect:?}: {broken:?}");
}

/// Explores every state.
fn explore<M: Model>(model: &M) -> Result<Explored, Counterexample> {
    const START: Origin = Origin {
        from: u32::MAX,
        step: 0,
    };
    let initial = model.initial();
    let mut known = HashMap::from([(fingerprint(&initial), 0_u32)]);
    let mut origins = vec![START];
    let mut fault_free = Vec::new();
    let mut is_end = vec![model.is_end(&initial)];
    let mut level = vec![(0_u32, initial)];
    let mut explored = Explored {
        states: 0,
        transitions: 0,
        depth: 0,
        ends: 0,
    };
    while !level.is_empty() {
        let mut next = Vec::new();
        for (at, state) in level {
            for (index, step) in model.steps(&state).iter().enumerate() {
                explored.transitions += 1;
                let origin = Origin {
                    from: at,
                    step: u32::try_from(index).unwrap(),
                };
                let after = model.after(&state, step).map_err(|property| {
                    let mut trace = trace(model, &origins, at);
                    trace.push(model.sentence(&state, step));
                    Counterexample { property, trace }
                })?;
                let number = u32::try_from(origins.len()).unwrap();
                let to = match known.entry(fingerprint(&after)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        new.insert(number);
                        origins.push(origin);
                        is_end.push(model.is_end(&after));
                        next.push((number, after));
                        number
                    }
                };
                if model.is_fault_free(step) {
                    fault_free.push((at, to));
                }
            }
        }
        // A model that grows unnoticed must not fill the machine.
        assert!(
            origins.len() < MOST_STATES,
            "more than {MOST_STATES} states"
        );
        level = next;
        explored.depth += usize::from(!level.is_empty());
    }
    explored.states = origins.len();
    explored.ends = is_end.iter().filter(|end| **end).count();
    if let Some(stuck) = stuck(is_end, fault_free) {
        return Err(Counterexample {
            property: RUNS_END,
            trace: trace(model, &origins, stuck),
        });
    }
    Ok(explored)
}

/// The first state from which fault-free steps lead to no end.
fn stuck(is_end: Vec<bool>, mut fault_free: Vec<(u32, u32)>) -> Option<u32> {
    fault_free.sort_unstable_by_key(|(_, to)| *to);
    let mut ends = is_end;
    let index = |number: u32| usize::try_from(number).unwrap();
    let mut reached: Vec<u32> = (0_u32..)
        .zip(&ends)
        .filter(|(_, is_end)| **is_end)
        .map(|(number, _)| number)
        .collect();
    while let Some(to) = reached.pop() {
        let first = fault_free.partition_point(|edge| edge.1 < to);
        for &(from, _) in fault_free[first..].iter().take_while(|edge| edge.1 == to) {
            if !std::mem::replace(&mut ends[index(from)], true) {
                reached.push(from);
            }
        }
    }
    let stuck = ends.iter().position(|ends| !ends)?;
    Some(u32::try_from(stuck).unwrap())
}

/// The steps that lead to a state.
fn trace<M: Model>(model: &M, origins: &[Origin], mut at: u32) -> Vec<String> {
    let mut steps = Vec::new();
    while at != 0 {
        let origin = origins[usize::try_from(at).unwrap()];
        steps.push(origin.step);
        at = origin.from;
    }
    steps.reverse();
    let mut state = model.initial();
    steps
        .into_iter()
        .map(|index| {
            let step = model.steps(&state)[usize::try_from(index).unwrap()].clone();
            let sentence = model.sentence(&state, &step);
            state = model.after(&state, &step).unwrap_or_else(|_| state.clone());
            sentence
        })
        .collect()
}

/// 128 bits: the probability of a collision among ten million states is below 10^-24.
fn fingerprint(state: &impl Hash) -> u128 {
    let mut bytes = Bytes(Vec::with_capacity(1024));
    state.hash(&mut bytes);
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(&bytes.0);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// The bytes that a value hashes. Tests are not optimised: one long write is faster than many short ones.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter to a limit that a fault may stop; at `breaks` a property breaks.
    struct Counter {
        breaks: u8,
        stops: bool,
    }

    const SMALL: Property = Property("the counter stays small");

    impl Model for Counter {
        type State = (u8, bool);
        type Step = &'static str;

        fn initial(&self) -> (u8, bool) {
            (0, false)
        }

        fn steps(&self, &(count, stopped): &(u8, bool)) -> Vec<&'static str> {
            match (count, stopped) {
                (9, _) => vec![],
                (_, true) => vec!["wait"],
                _ if self.stops => vec!["one", "two", "stop"],
                _ => vec!["one", "two"],
            }
        }

        fn after(
            &self,
            &(count, stopped): &(u8, bool),
            step: &&'static str,
        ) -> Result<(u8, bool), Property> {
            let count = match *step {
                "one" => count + 1,
                "two" => (count + 2).min(9),
                _ => count,
            };
            match count == self.breaks {
                true => Err(SMALL),
                false => Ok((count, stopped || *step == "stop")),
            }
        }

        fn sentence(&self, _: &(u8, bool), step: &&'static str) -> String {
            (*step).to_owned()
        }

        fn is_fault_free(&self, step: &&'static str) -> bool {
            *step != "stop"
        }

        fn is_end(&self, state: &(u8, bool)) -> bool {
            state.0 == 9
        }
    }

    #[test]
    fn explorer_counts_states_and_finds_the_shortest_trace() {
        let explored = explore(&Counter {
            breaks: 99,
            stops: false,
        });
        let expected = Explored {
            states: 10,
            transitions: 18,
            depth: 5,
            ends: 1,
        };
        assert_eq!(explored, Ok(expected));
        let broken = explore(&Counter {
            breaks: 4,
            stops: false,
        });
        let broken = broken.unwrap_err();
        assert_eq!(broken.property, SMALL);
        assert_eq!(broken.trace, ["two", "two"]);
    }

    #[test]
    fn counterexample_prints_repeated_steps_once() {
        let trace = ["start", "read", "fail", "read", "fail", "stop"].map(str::to_owned);
        let broken = Counterexample {
            property: SMALL,
            trace: trace.to_vec(),
        };
        let expected = "broken: the counter stays small
   1. start
   2. read
   3. fail
      (again, 2 times in all)
   6. stop
";
        assert_eq!(format!("{broken:?}"), expected);
    }

    #[test]
    fn explorer_finds_a_loop_without_an_end() {
        let broken = explore(&Counter {
            breaks: 99,
            stops: true,
        });
        let broken = broken.unwrap_err();
        assert_eq!(broken.property, RUNS_END);
        assert_eq!(broken.trace, ["stop"]);
    }
}
