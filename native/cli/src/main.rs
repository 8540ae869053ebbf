//! The command line of the number maintenance.
fn main() {}
