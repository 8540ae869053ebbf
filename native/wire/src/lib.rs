//! The protocol between the Erlang application and the native side, in Erlang's external term format.
//!
//! One job is one conversation. Erlang asks for a command ([`request::Start`]); the native side then sends batches of lines to print
//! and calls that only the calling process can make, because they need its group leader, its process dictionary or Kazoo's own
//! modules; each is answered before the next of its kind comes, which bounds what is under way. The conversation ends in exactly one
//! last frame, also when the job panics ([`session`]). It ends early when the caller is gone.
//!
//! The frames are the same whether the native side is a library inside the VM or a program beside it ([`port`]). They are read by a
//! codec of our own ([`decode`](mod@decode)), which has the six kinds of term that the protocol knows, because the codecs that can be
//! had allocate what a length in the frame promises, and a node must not die of a frame.

pub mod caller;
pub mod decode;
pub mod encode;
mod follow;
pub mod frame;
mod host;
mod job;
pub mod panics;
pub mod port;
pub mod printer;
pub mod request;
pub mod runtime;
pub mod session;
pub mod term;
