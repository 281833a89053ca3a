//! Every place that a recording is told of, and every panic, is a line of the program, not of
//! this crate.

use std::ops::{AddAssign, DivAssign};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use heapline_array::{
    AnyArray, Astype, CopyMode, DType, NdArray, Order, concatenate, hstack, slice, stack, vstack,
};
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
    drop((m.copy(Order::C) + &m, 2.0 * &m, -&m, &m - 1.0 * &m));
    let any = AnyArray::from(m.clone());
    drop((any.clone(), any.astype(DType::Int8, Astype::default())));
    drop((NdArray::from(vec![1.0]), NdArray::from(ndarray::arr0(1))));
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
    let seen = Arc::new(Mutex::new((String::new(), String::new())));
    let hook = Arc::clone(&seen);
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().expect("it has one").file();
        *hook.lock().expect("no panic") = (file.to_owned(), panic.to_string());
    }));
    let m = NdArray::<f64, _>::ones((4, 6));
    let n = NdArray::<f64, _>::ones((5, 6));
    let wide = m.broadcast_to((1 << 50, 4, 6)).expect("fits");
    let (i, zero) = (NdArray::from_vec(vec![1, 2]), NdArray::from_vec(vec![3, 0]));
    let shapes = "arrays of shapes (4, 6) and (5, 6) do not fit together";
    let by_zero = "attempt to divide by zero";
    let bound = "bound 9 is out of bounds for axis 1 with length 6";
    let index = "index 7 is out of bounds for axis 0 with length 4";
    let d = m.to_dyn();
    let panics: [(&str, &dyn Fn(), &str); 27] = [
        ("start", &|| drop(m.slice(s![.., 9..])), bound),
        ("stop", &|| drop(m.slice(s![.., 7..9])), "bound 7 is"),
        ("stop alone", &|| drop(m.slice(s![.., ..9;-1])), bound),
        (
            "negative",
            &|| drop(m.slice(s![-5.., ..])),
            "bound -5 is out of bounds for axis 0",
        ),
        ("one place", &|| drop(m.slice(s![7, 0])), index),
        (
            "dynamic",
            &|| drop(d.slice(s![ndarray::NewAxis, 7, 0])),
            index,
        ),
        (
            "too few",
            &|| drop(d.slice(s![7])),
            "a slice of 1 axes for an array of 2 dimensions",
        ),
        ("index_axis", &|| drop(m.index_axis(Axis(0), 7)), index),
        (
            "no axis",
            &|| drop(m.index_axis(Axis(2), 0)),
            "axis 2 is out of bounds for an array of 2 dimensions",
        ),
        (
            "zeros",
            &|| drop(NdArray::<f64, _>::zeros(1 << 50)),
            "Unable",
        ),
        ("full", &|| drop(NdArray::full(1 << 50, 1.0)), "Unable"),
        ("copy", &|| drop(wide.copy(Order::C)), "Unable"),
        (
            "arange",
            &|| drop(NdArray::<i64, _>::arange(0, 1, 0)),
            "step",
        ),
        ("&a + &b", &|| drop(&m + &n), shapes),
        ("a + &b", &|| drop(m.copy(Order::C) + &n), shapes),
        ("&a + b", &|| drop(&m + n.copy(Order::C)), shapes),
        (
            "a + b",
            &|| drop(m.copy(Order::C) + n.copy(Order::C)),
            shapes,
        ),
        (
            "a += &b",
            &|| m.clone().add_assign(&n),
            "an array of shape (5, 6) cannot be broadcast to shape (4, 6)",
        ),
        ("&a / &b", &|| drop(&i / &zero), by_zero),
        ("a / &b", &|| drop(i.copy(Order::C) / &zero), by_zero),
        ("&a / b", &|| drop(&i / zero.copy(Order::C)), by_zero),
        ("&a / 0", &|| drop(&i / 0), by_zero),
        ("a / 0", &|| drop(i.copy(Order::C) / 0), by_zero),
        ("1 / &a", &|| drop(1 / &zero), by_zero),
        ("1 / a", &|| drop(1 / zero.copy(Order::C)), by_zero),
        ("a /= &b", &|| i.clone().div_assign(&zero), by_zero),
        ("a /= 0", &|| i.clone().div_assign(0), by_zero),
    ];
    let mut wrong = Vec::new();
    for (name, panic, expected) in panics {
        let is_panic = catch_unwind(AssertUnwindSafe(panic)).is_err();
        let (file, text) = std::mem::take(&mut *seen.lock().expect("no panic"));
        if !is_panic || file != file!() || !text.contains(expected) {
            wrong.push(format!("{name}: {text} in {file}"));
        }
    }
    drop(std::panic::take_hook());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
