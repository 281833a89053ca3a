//! No function at all.

#[heapline_macros::profile]
struct Length(usize);

fn main() {
    drop(Length(1));
}
