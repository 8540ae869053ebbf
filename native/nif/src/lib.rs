//! The NIF library: the functions that the Erlang VM calls.
//!
//! There are four short functions. `start` hands a request to a job on the library's runtime and
//! returns. The job then sends messages to the calling process, which answers with `reply` and
//! `cancel`. The caller is monitored: when it ends, the job only finishes the request in flight.
//! The jobs are implemented in the crate `kazoo_numbers_wire`.

mod job;
mod mailbox;

use job::JobHandle;
use kazoo_numbers::command::commands;
use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::panics;
use kazoo_numbers_wire::runtime::runtime;
use kazoo_numbers_wire::session::Session;
use mailbox::Mailbox;
use rustler::{Binary, Encoder, Env, NifResult, Reference, ResourceArc, Term};

mod atoms {
    rustler::atoms! { ok, error, version, commands }
}

/// Starts a job. Its frames are sent to the calling process as `{kazoo_numbers_maintenance, Ref,
/// Frame}`. It is a dirty NIF, because the first job creates the runtime and a request may hold a
/// long list.
#[rustler::nif(schedule = "DirtyIo")]
fn start<'a>(env: Env<'a>, reference: Reference<'a>, request: Binary<'a>) -> Term<'a> {
    match begin(env, reference, &request) {
        Ok(job) => (atoms::ok(), job).encode(env),
        Err(line) => (atoms::error(), line).encode(env),
    }
}

fn begin<'a>(
    env: Env<'a>,
    reference: Reference<'a>,
    request: &[u8],
) -> Result<ResourceArc<JobHandle>, String> {
    let start = match ToNative::decode(request).map_err(|error| error.to_string())? {
        ToNative::Start(start) => *start,
        _ => return Err("bad frame: expected a start request".to_owned()),
    };
    let runtime = runtime().map_err(|error| format!("cannot start the native threads: {error}"))?;
    let mailbox = Mailbox::of_caller(env, reference);
    let caller = mailbox.owner();
    let (session, _task) = Session::start(runtime.handle(), start, mailbox);
    let job = ResourceArc::new(JobHandle::new(session));
    if env.monitor(&job, &caller).is_none() {
        // The caller died during this function.
        job.mark_gone();
    }
    Ok(job)
}

/// Delivers the answer to a batch of lines or a call.
#[rustler::nif]
fn reply<'a>(env: Env<'a>, job: ResourceArc<JobHandle>, frame: Binary<'a>) -> Term<'a> {
    match ToNative::decode(&frame) {
        Ok(frame) => {
            job.receive(frame);
            atoms::ok().encode(env)
        }
        Err(error) => (atoms::error(), error.to_string()).encode(env),
    }
}

/// Stops the job within a second. Its last frame is still sent.
#[rustler::nif]
fn cancel(job: ResourceArc<JobHandle>) -> rustler::Atom {
    job.receive(ToNative::Cancel);
    atoms::ok()
}

/// The version of the library, and its commands by name and arity.
#[rustler::nif]
fn info(env: Env<'_>) -> NifResult<Term<'_>> {
    let commands: Vec<(&str, usize)> = commands()
        .flat_map(|command| command.arities().map(|arity| (command.name, arity)))
        .collect();
    Term::map_from_pairs(
        env,
        &[
            (atoms::version(), env!("CARGO_PKG_VERSION").encode(env)),
            (atoms::commands(), commands.encode(env)),
        ],
    )
}

/// Called when the VM loads the library.
fn loaded(_env: Env<'_>, _info: Term<'_>) -> bool {
    panics::print_one_line();
    true
}

rustler::init!("kazoo_numbers_native", load = loaded);
