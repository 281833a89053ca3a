//! A method without a body.

trait Measure {
    #[heapline_macros::profile]
    fn length(&self) -> usize;
}

fn main() {}
