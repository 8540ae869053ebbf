//! The NIF library: what the Erlang VM calls, and nothing else.
//!
//! Four functions, each of a few lines. `start` hands a request to a job on the library's own runtime and returns; from then on the
//! job talks to the calling process in messages, and `reply` and `cancel` are the way back. The caller is watched: a job outlives it
//! by the request that is in flight. What the jobs do is not known here (see the crate `kazoo_numbers_wire`).

mod job;
mod mailbox;

use job::Job;
use kazoo_numbers::command::{extras, table};
use kazoo_numbers_wire::frame::ToNative;
use kazoo_numbers_wire::panics;
use kazoo_numbers_wire::runtime::runtime;
use kazoo_numbers_wire::session::Session;
use mailbox::Mailbox;
use rustler::{Binary, Encoder, Env, NifResult, Reference, ResourceArc, Term};

mod atoms {
    rustler::atoms! { ok, error, version, commands }
}

/// Starts the job of this request; its frames come to the calling process as `{kazoo_numbers_maintenance, Ref, Frame}`.
/// Dirty, for the first job builds the runtime, and a request may hold a long list.
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
) -> Result<ResourceArc<Job>, String> {
    let start = match ToNative::decode(request).map_err(|error| error.to_string())? {
        ToNative::Start(start) => *start,
        _ => return Err("bad frame: expected a start request".to_owned()),
    };
    let runtime = runtime().map_err(|error| format!("the native code gets no threads: {error}"))?;
    let mailbox = Mailbox::of_caller(env, reference);
    let caller = mailbox.owner();
    let (session, _task) = Session::start(runtime.handle(), start, mailbox);
    let job = ResourceArc::new(Job::new(session));
    if env.monitor(&job, &caller).is_none() {
        // It died while this function ran.
        job.leave();
    }
    Ok(job)
}

/// Passes in the answer to a batch of lines or a call.
#[rustler::nif]
fn reply<'a>(env: Env<'a>, job: ResourceArc<Job>, frame: Binary<'a>) -> Term<'a> {
    match ToNative::decode(&frame) {
        Ok(frame) => {
            job.receive(frame);
            atoms::ok().encode(env)
        }
        Err(error) => (atoms::error(), error.to_string()).encode(env),
    }
}

/// Stops the job within a second; its last frame still comes.
#[rustler::nif]
fn cancel(job: ResourceArc<Job>) -> rustler::Atom {
    job.receive(ToNative::Cancel);
    atoms::ok()
}

/// What this library is, and the commands that it knows by name and arity.
#[rustler::nif]
fn info(env: Env<'_>) -> NifResult<Term<'_>> {
    let commands: Vec<(&str, usize)> = table()
        .iter()
        .chain(extras())
        .map(|command| (command.name, command.parameters.len()))
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
