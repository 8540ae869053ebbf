//! The Erlang handle of a running job.

use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::session::Session;
use rustler::{Env, LocalPid, Monitor, Resource};

/// A job that monitors its caller.
pub(crate) struct JobHandle {
    session: Session,
}

impl JobHandle {
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(crate) fn receive(&self, frame: ToNative) {
        self.session.receive(frame);
    }

    pub(crate) fn mark_gone(&self) {
        self.session.mark_gone();
    }
}

#[rustler::resource_impl]
impl Resource for JobHandle {
    const IMPLEMENTS_DOWN: bool = true;

    fn down<'a>(&'a self, _env: Env<'a>, _pid: LocalPid, _monitor: Monitor) {
        self.mark_gone();
    }
}
