//! Sends the frames of a job to the mailbox of the calling process.

use kazoo_numbers_wire::caller::FrameSink;
use rustler::env::SavedTerm;
use rustler::{Encoder, Env, LocalPid, NewBinary, OwnedEnv, Reference, Term};
use std::sync::{Mutex, PoisonError};

rustler::atoms! { kazoo_numbers_maintenance }

/// The destination of a job's frames. Only threads of the library's runtime send: the VM does not
/// allow it in its own threads.
pub(crate) struct Mailbox {
    owner: LocalPid,
    reference: Mutex<SavedReference>,
}

/// The caller's reference in a separate environment.
struct SavedReference {
    environment: OwnedEnv,
    reference: SavedTerm,
}

impl Mailbox {
    /// Creates a mailbox for the calling process, with the reference for its frames.
    pub(crate) fn of_caller<'a>(env: Env<'a>, reference: Reference<'a>) -> Self {
        let environment = OwnedEnv::new();
        let reference = environment.save(reference);
        Self {
            owner: env.pid(),
            reference: Mutex::new(SavedReference {
                environment,
                reference,
            }),
        }
    }

    pub(crate) fn owner(&self) -> LocalPid {
        self.owner
    }
}

impl FrameSink for Mailbox {
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
