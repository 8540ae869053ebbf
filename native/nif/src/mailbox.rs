//! The mailbox of the calling process, as an outlet for a job's frames.

use kazoo_numbers_wire::caller::Outlet;
use rustler::env::SavedTerm;
use rustler::{Encoder, Env, LocalPid, NewBinary, OwnedEnv, Reference, Term};
use std::sync::{Mutex, PoisonError};

rustler::atoms! { kazoo_numbers_maintenance }

/// Where the frames of one job go. Only threads of the library's runtime send: the VM forbids it to its own.
pub(crate) struct Mailbox {
    owner: LocalPid,
    reference: Mutex<Kept>,
}

/// The caller's reference, in an environment of its own.
struct Kept {
    environment: OwnedEnv,
    reference: SavedTerm,
}

impl Mailbox {
    /// The calling process, and the reference by which it knows the frames.
    pub(crate) fn of_caller<'a>(env: Env<'a>, reference: Reference<'a>) -> Self {
        let environment = OwnedEnv::new();
        let reference = environment.save(reference);
        Self {
            owner: env.pid(),
            reference: Mutex::new(Kept {
                environment,
                reference,
            }),
        }
    }

    pub(crate) fn owner(&self) -> LocalPid {
        self.owner
    }
}

impl Outlet for Mailbox {
    fn send(&self, frame: Vec<u8>) -> bool {
        let kept = self
            .reference
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        OwnedEnv::new()
            .send_and_clear(&self.owner, |env| {
                let mut binary = NewBinary::new(env, frame.len());
                binary.as_mut_slice().copy_from_slice(&frame);
                let reference: Term<'_> = kept
                    .environment
                    .run(|own| kept.reference.load(own).in_env(env));
                (kazoo_numbers_maintenance(), reference, Term::from(binary)).encode(env)
            })
            .is_ok()
    }
}
