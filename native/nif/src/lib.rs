//! The NIF library: decode, call, encode.
