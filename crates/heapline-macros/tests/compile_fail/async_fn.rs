//! A function that runs while it is polled.

#[heapline_macros::profile]
async fn length() -> usize {
    1
}

fn main() {
    drop(length());
}
