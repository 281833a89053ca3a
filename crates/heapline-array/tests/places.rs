//! Every place that a recording is told of, and every panic, is a line of the program, not of
//! this crate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use heapline_array::{Astype, CopyMode, NdArray, Order, concatenate, hstack, slice, stack, vstack};
use heapline_trace::{Place, Record, TextKind, Trace};
use ndarray::{Axis, IxDyn, s};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

fn all_operations() -> heapline_array::ArrayError {
    let m = NdArray::<f64, _>::ones((4, 6)).named("m");
    let (full, range) = (
        NdArray::full((2, 2), 0.5),
        NdArray::<i32, _>::arange(0, 9, 2),
    );
    let scalar = NdArray::<f64, IxDyn>::zeros(IxDyn(&[]));
    drop((
        full,
        range,
        scalar.ascontiguousarray(),
        scalar.asfortranarray(),
    ));
    drop((
        m.slice(s![.., 1..]),
        m.index(&[slice(None, None, -1)]),
        m.t(),
    ));
    drop((m.index_axis(Axis(0), 1), m.to_dyn(), m.clone(), m.squeeze()));
    drop((m.split(2, 1), m.diagonal(0, 0, 1), m.expand_dims(0)));
    m.chunks(100).for_each(drop);
    drop((
        m.ravel(Order::C),
        m.ravel(Order::F),
        m.flatten(Order::C),
        m.copy(Order::F),
    ));
    drop((
        m.t().reshape(24, Order::C, CopyMode::IfNeeded),
        m.broadcast_to((2, 4, 6)),
    ));
    drop((m.sliding_window(&[2, 2], [0, 1]), m.view_dtype::<u8>()));
    drop((
        m.take(&[0, 2], 1),
        m.sort(0),
        m.repeat(&[2], 0),
        m.tile(&[2, 1]),
    ));
    drop((m.astype::<f32>(Astype::default()), m.resized((3, 3))));
    drop((
        concatenate(&[&m, &m], 0),
        stack(&[&m, &m], 0),
        vstack(&[&m, &m]),
        hstack(&[&m, &m]),
    ));
    drop((&m + &m, &m * 2.0, m.mean()));
    let mut own = m.clone();
    own.make_mut()[[0, 0]] = 3.0;
    own += &m;
    m.reshape((5, 5), Order::C, CopyMode::Never)
        .expect_err("24 elements")
}

#[test]
fn places_are_the_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("places.heapline");
    let recording = heapline::start(&heapline::Config::new().out(&path)).expect("starts");
    let error = all_operations();
    drop(recording);
    drop(error);
    let trace = Trace::open(std::fs::read(&path).expect("a trace")).expect("readable");
    let mut places = 0;
    for stream in trace.streams() {
        for record in trace.records(stream) {
            if let Record::Text {
                kind: TextKind::Place,
                text,
                ..
            } = record.expect("no damage")
            {
                let place = Place::read(&text).expect("a place");
                assert_eq!(place.file, file!(), "line {}", place.line);
                places += 1;
            }
        }
    }
    assert!(places > 15, "{places}");
}

#[test]
fn panics_are_the_programs() {
    let file = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&file);
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().expect("it has one");
        *seen.lock().expect("no panic") = place.file().to_owned();
    }));
    let m = NdArray::<f64, _>::ones((4, 6));
    let wide = m.broadcast_to((1 << 50, 4, 6)).expect("fits");
    let panics: [(&str, &dyn Fn()); 4] = [
        ("zeros", &|| drop(NdArray::<f64, _>::zeros(1 << 50))),
        ("full", &|| drop(NdArray::full(1 << 50, 1.0))),
        ("copy", &|| drop(wide.copy(Order::C))),
        ("arange", &|| drop(NdArray::<i64, _>::arange(0, 1, 0))),
    ];
    for (name, panic) in panics {
        file.lock().expect("no panic").clear();
        assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
        assert_eq!(*file.lock().expect("no panic"), file!(), "{name}");
    }
    drop(std::panic::take_hook());
}
