//! Every interleaving of two runs that want the lock with time, lost requests, kills, another client and `unlock`.

mod model;
mod properties;

use super::holders::Lock;
use crate::explore::explore;
use model::Locking;

fn locking(locks: [Lock; 2]) -> Locking {
    Locking {
        locks,
        faults: 1,
        kills: 1,
        touches: 1,
        unlocks: 0,
        jumps: 0,
        defect: None,
    }
}

#[test]
fn measure_lock() {
    let start = std::time::Instant::now();
    for (faults, kills, touches, unlocks, jumps) in [
        (0, 0, 0, 0, 0),
        (0, 1, 0, 0, 0),
        (1, 0, 0, 0, 0),
        (1, 1, 0, 0, 0),
        (1, 1, 1, 0, 0),
        (1, 0, 1, 1, 1),
        (2, 0, 0, 0, 0),
    ] {
        let model = Locking {
            faults,
            kills,
            touches,
            unlocks,
            jumps,
            ..locking([Lock::Wait, Lock::Wait])
        };
        match explore(&model) {
            Ok(explored) => println!(
                "{faults} {kills} {touches} {unlocks} {jumps} {explored:?} {:?}",
                start.elapsed()
            ),
            Err(broken) => println!(
                "{faults} {kills} {touches} {unlocks} {jumps} {broken:?} {:?}",
                start.elapsed()
            ),
        }
        if start.elapsed().as_secs() > 120 {
            break;
        }
    }
}
