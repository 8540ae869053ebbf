//! The protocol between the Erlang application and the native side, in Erlang's external term format.
