//! A function that may run at compile time.

#[heapline_macros::profile]
const fn length() -> usize {
    1
}

fn main() {
    length();
}
