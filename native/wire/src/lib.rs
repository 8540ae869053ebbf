//! The protocol between the Erlang application and the native side, in Erlang's external term
//! format.
//!
//! One job is one conversation. Erlang sends a start request ([`request::StartRequest`]). The
//! native side then sends batches of lines to print, and calls that only the calling process can
//! make, because they need its group leader, its process dictionary or Kazoo's modules. Each is
//! answered before the next of its kind, which limits the frames in flight. The conversation ends
//! with exactly one last frame, even if the job panics ([`session`]). It ends early if the caller
//! is gone.
//!
//! The frames are the same for the NIF and for the port program ([`port`]). The codec is our own
//! ([`decode`](mod@decode)) and has only the six kinds of terms of the protocol: the available
//! codecs allocate as much as a length in the frame says, and a frame must never crash a node.

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
