//! Arguments where there are none.

#[heapline_macros::profile(precision = 3)]
fn length() -> usize {
    1
}

fn main() {
    length();
}
