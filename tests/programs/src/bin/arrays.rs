//! Arrays whose memory is known by construction, line by line.

use heapline_array::{ArrayMemory, Astype, CopyMode, NdArray, Order};
use ndarray::{Array1, s};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[heapline::profile]
fn main() {
    let a = NdArray::<f64, _>::ones((1000, 1000)).named("a");
    let v = a.slice(s![..3, 0]).named("v");
    let t = a.t().named("t");
    let row = NdArray::<f64, _>::arange(0, 1000, 1).named("row");
    let wide = row.broadcast_to((1000, 1000)).expect("fits").named("wide");
    let sum = (&a + &row).named("sum");
    let flat = t
        .reshape(1_000_000, Order::C, CopyMode::IfNeeded)
        .expect("fits")
        .named("flat");
    let (small, _) = a.astype::<f32>(Astype::default()).expect("allowed");
    let small = small.named("small");
    let dense = wide.copy(Order::C);
    let mut plain = Array1::<u8>::zeros(100_000);
    plain.track("plain");
    plain
        .push(ndarray::Axis(0), ndarray::arr0(1).view())
        .expect("fits");
    let tiny: Vec<_> = (0..2_000).map(|n| NdArray::from_vec(vec![n])).collect();
    drop(sum);
    drop(flat);
    drop((t, small, dense, tiny));
    let mut mine = a.clone();
    mine.make_mut()[(0, 0)] = 2.0;
    drop(a);
    println!("{} {} {}", v.nbytes(), plain.len(), mine.nbytes());
}
