//! The cost of views and of questions about memory.
fn main() {}
