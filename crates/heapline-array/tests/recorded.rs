//! A program whose arrays are known by construction, recorded: what the report says of
//! them, at the peak, at an instant, at the end, and line by line.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use heapline_array::{ArrayMemory, Astype, CopyMode, HEADER_NBYTES, NdArray, Order};
use heapline_report::{
    Advice, ArrayBuffer, Arrays, At, Holds, LineNoteKind, Options, PackOptions, Report, pack,
};
use ndarray::{Array1, Axis, Ix1, arr0, s};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

/// Tiny arrays, enough to be told of.
const TINY: u64 = 2_000;

/// Nothing else of the process allocates as much as a tenth of an array.
#[heapline::profile]
#[rustfmt::skip]
fn program() -> impl Sized {
    let a = NdArray::<f64, _>::ones((1000, 1000)).named("a");
    let v = a.slice(s![..3, 0]).named("v");
    let t = a.t().named("t");
    let row = NdArray::<f64, _>::arange(0, 1000, 1).named("row");
    let wide = row.broadcast_to((1000, 1000)).expect("fits").named("wide");
    let sum = (&a + &row).named("sum");
    let flat = t.reshape(1_000_000, Order::C, CopyMode::IfNeeded).expect("fits").named("flat");
    let small = a.astype::<f32>(Astype::default()).expect("allowed").0.named("small");
    let dense = wide.copy(Order::C);
    let mut plain = Array1::<u8>::zeros(100_000);
    plain.track("plain");
    plain.push(Axis(0), arr0(1).view()).expect("fits");
    plain.track("plain");
    let mut lost = plain.slice(s![..50_000]).to_owned();
    lost.track("lost");
    lost.push(Axis(0), arr0(1).view()).expect("fits");
    let tiny: Vec<_> = (0..TINY).map(|n| NdArray::from_vec(vec![n])).collect();
    drop(sum);
    drop((t, flat, small, dense, tiny, wide));
    let mut mine = a.clone();
    mine.make_mut()[(0, 0)] = 2.0;
    drop((a, mine));
    (v, row, plain, lost)
}

fn recorded<T>(folder: &Path, program: impl FnOnce() -> T) -> Report {
    // One recording at a time.
    static RECORDING: Mutex<()> = Mutex::new(());
    let _alone = RECORDING.lock().unwrap_or_else(PoisonError::into_inner);
    let trace = folder.join("arrays.heapline");
    let recording = heapline::start(&heapline::Config::new().out(&trace)).expect("starts");
    let alive = program();
    drop(recording);
    drop(alive);
    Report::open(&trace, &Options::default(), &mut |_| {}).expect("a trace")
}

#[test]
fn very_many_views_are_counted() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let few = views_of_one_array(folders[0].path(), 50_000);
    let report = views_of_one_array(folders[1].path(), 200_000);
    let arrays = report.arrays(At::End, &mut |_| {}).expect("reads again");
    assert_eq!(arrays.array_count(), 1, "no view is alive");
    assert_eq!(arrays.counted_views, 196_608 - 131_072);
    let views = arrays
        .lines
        .iter()
        .find(|note| note.kind == LineNoteKind::View);
    // 131,072 of them one by one, and the rest but for less than 4,096 at the end.
    assert_eq!(
        views.expect("noted").text(),
        "≥ 196,608 views of m: 0 B, holds 40,000 B"
    );
    // Noted one by one, they would take four times as many bytes.
    let bytes = |report: &Report| -> u64 {
        let streams = report.streams();
        streams.iter().map(|stream| stream.record_bytes).sum()
    };
    assert!(
        bytes(&report) < 3 * bytes(&few),
        "{} {}",
        bytes(&report),
        bytes(&few)
    );
}

fn views_of_one_array(folder: &Path, views: usize) -> Report {
    recorded(folder, || {
        let m = NdArray::<f32, _>::zeros((1000, 10)).named("m");
        let sum: usize = (0..views)
            .map(|n| m.index_axis(Axis(0), n % 1000).nbytes())
            .sum();
        assert_eq!(sum, views * 40);
        m
    })
}

#[test]
fn of_numbers_that_became_truth_values_nothing_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = recorded(folder.path(), || {
        let a = NdArray::<f64, _>::ones(100_000);
        let truth = a.astype::<bool>(Astype::default()).expect("allowed").0;
        let small = a.astype::<f32>(Astype::default()).expect("allowed").0;
        (a, truth, small)
    });
    let arrays = report.arrays(At::End, &mut |_| {}).expect("reads again");
    let copied: u64 = arrays.copies.iter().map(|site| site.copies).sum();
    assert_eq!(copied, 2);
    let [Advice::FitsNarrower(site)] = arrays.advice.as_slice() else {
        panic!("{:?}", arrays.advice);
    };
    let (_, to) = site.narrower.clone().expect("both");
    assert_eq!(to, "float32");
}

#[test]
fn a_resize_that_sets_the_peak_makes_no_second_array() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = recorded(folder.path(), || {
        let mut a = NdArray::<f64, _>::ones(1_000).named("a");
        let b = NdArray::<f64, _>::ones(1_000).named("b");
        a.resize(2_000_000).expect("its only handle");
        (a, b)
    });
    for at in [At::Peak, At::End] {
        let arrays = report.arrays(at, &mut |_| {}).expect("reads again");
        let rows: Vec<_> = arrays.buffers.iter().map(row).collect();
        let expected = [
            ("a".to_owned(), 16_000_000, vec![]),
            ("b".to_owned(), 8_000, vec![]),
        ];
        assert_eq!(rows, expected);
        assert_eq!(arrays.held_bytes(), 16_008_000);
        assert_eq!((arrays.nbytes(), arrays.unknown_count()), (16_008_000, 0));
    }
}

#[test]
fn the_report_says_what_the_program_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = recorded(folder.path(), program);
    assert!(report.quality().exact, "{:?}", report.quality());
    let peak = report.arrays(At::Peak, &mut |_| {}).expect("reads again");
    let end = report.arrays(At::End, &mut |_| {}).expect("reads again");
    buffers_at_the_peak(&peak);
    buffers_at_the_end(&end);
    let time = report.peak_at_ns();
    let instant = report.arrays(At::Nanoseconds(time), &mut |_| {});
    assert_eq!(
        instant.expect("reads again").buffers,
        peak.buffers,
        "the peak is an instant"
    );
    copies_and_advice(&peak);
    lines(&report, &peak);
    assert_eq!(packed(folder.path()), [peak, end], "the same when packed");
}

fn packed(folder: &Path) -> [Arrays; 2] {
    let (raw, packed) = (
        folder.join("arrays.heapline"),
        folder.join("packed.heapline"),
    );
    let options = PackOptions::default();
    pack(&raw, Some(&packed), options, &mut |_| {}, &|| false).expect("packs");
    let report = Report::open(&packed, &Options::default(), &mut |_| {}).expect("a trace");
    [At::Peak, At::End].map(|at| report.arrays(at, &mut |_| {}).expect("reads again"))
}

/// Name, bytes held, and names of the other arrays that hold them.
fn row(buffer: &ArrayBuffer) -> (String, u64, Vec<String>) {
    let mut names = buffer.arrays.iter().map(|array| array.label().name);
    let first = names.next().expect("one");
    (first, buffer.holds.heap_bytes(), names.collect())
}

fn buffers_at_the_peak(arrays: &Arrays) {
    let (tiny, others) = arrays.buffers.iter().partition(|buffer| buffer.count > 1);
    let (tiny, others): (Vec<_>, Vec<_>) = (tiny, others);
    let tiny = tiny.iter().map(|buffer| (buffer.count, buffer.holds));
    assert_eq!(tiny.collect::<Vec<_>>(), [(TINY, Holds::Block(8))]);
    let mut rows: Vec<_> = others.into_iter().map(row).collect();
    let dense = rows
        .iter()
        .position(|(name, ..)| name.starts_with("copy #"));
    rows.remove(dense.expect("unnamed"));
    let expected = [
        ("a", 8_000_000, &["v", "t"][..]),
        ("sum", 8_000_000, &[]),
        ("flat", 8_000_000, &[]),
        ("small", 4_000_000, &[]),
        // It had grown to twice its capacity.
        ("plain", 200_000, &[]),
        ("lost", 100_000, &[]),
        ("row", 8_000, &["wide"]),
    ];
    let expected = expected.map(|(name, bytes, views)| {
        let views = views.iter().map(|&view| view.to_owned()).collect();
        (name.to_owned(), bytes, views)
    });
    assert_eq!(rows, expected);
    assert_eq!(arrays.buffer_count(), 8 + TINY);
    assert_eq!(
        arrays.held_bytes(),
        4 * 8_000_000 + 4_000_000 + 200_000 + 100_000 + 8_000 + TINY * 8
    );
    // Nobody told of "lost" after its reallocation.
    let nbytes = 6 * 8_000_000 + 24 + 4_000_000 + 100_001 + 8_000 + TINY * 8;
    assert_eq!((arrays.nbytes(), arrays.unknown_count()), (nbytes, 1));
    let wide = arrays.buffers.iter().flat_map(|buffer| &buffer.arrays);
    let wide = wide
        .clone()
        .find(|array| array.name.as_deref() == Some("wide"));
    let wide = wide.expect("there");
    assert_eq!((wide.nbytes, wide.unique_bytes), (8_000_000, Some(8_000)));
    let layout = wide.layout.as_ref().expect("told of");
    assert_eq!(layout.byte_strides, [0, 8]);
    let place = wide.place.as_ref().expect("told of");
    assert_eq!(place.file, file!());
}

fn buffers_at_the_end(arrays: &Arrays) {
    let rows: Vec<_> = arrays.buffers.iter().map(row).collect();
    let expected = [
        ("a".to_owned(), 8_000_000, vec!["v".to_owned()]),
        ("plain".to_owned(), 200_000, vec![]),
        ("lost".to_owned(), 100_000, vec![]),
        ("row".to_owned(), 8_000, vec![]),
    ];
    assert_eq!(rows, expected);
    let first = &arrays.buffers[0];
    assert!(first.arrays[0].is_gone && !first.arrays[1].is_gone);
    assert_eq!(first.holds, Holds::Block(8_000_000));
    let views = arrays.advice.iter().find_map(|advice| match advice {
        Advice::SmallViews(views) => Some(views),
        _ => None,
    });
    let views = views.expect("v keeps a");
    assert_eq!((views.array.name.as_str(), views.holders), ("v", 1));
    assert_eq!((views.used_bytes, views.held_bytes), (24, 8_000_000));
    assert!(!views.is_at_least);
    let base = &views.base;
    assert_eq!(base.as_ref().expect("gone").name, "a");
}

fn copies_and_advice(arrays: &Arrays) {
    let copies = arrays.copies.iter();
    let mut copies: Vec<_> = copies
        .map(|site| (site.operation.as_str(), site.copies, site.bytes))
        .collect();
    copies.sort_unstable();
    let expected = [
        ("astype", 1, 4_000_000),
        ("copy", 1, 8_000_000),
        ("make_mut", 1, 8_000_000),
        ("reshape", 1, 8_000_000),
    ];
    assert_eq!(copies, expected);
    let kinds = arrays.advice.iter().map(|advice| match advice {
        Advice::Slack {
            array,
            nbytes,
            held_bytes,
            ..
        } => format!("slack {} {nbytes} of {held_bytes}", array.name),
        Advice::Tiny {
            buffers,
            bytes,
            record_bytes,
            ..
        } => format!("tiny {buffers} {bytes} {record_bytes}"),
        Advice::CopyOnWrite(site) => format!("on write {}", site.bytes),
        Advice::RepeatedCopied(site) => format!("repeated {}", site.repeated_bytes),
        Advice::FitsNarrower(site) => {
            let (from, to) = site.narrower.clone().expect("both");
            format!("{from} fits {to}")
        }
        Advice::SmallViews(_) => "small views".to_owned(),
    });
    let mut kinds: Vec<_> = kinds.collect();
    let records = 2_000 * (HEADER_NBYTES + size_of::<NdArray<u64, Ix1>>());
    let tiny = format!("tiny 2000 16000 {records}");
    kinds.sort_unstable();
    let expected = [
        "float64 fits float32",
        "on write 8000000",
        "repeated 7992000",
        "slack plain 100001 of 200000",
        &tiny,
    ];
    assert_eq!(kinds, expected);
}

fn lines(report: &Report, arrays: &Arrays) {
    let tables = report.profile_tables();
    let start = tables[0].rows.first().expect("rows").line;
    let text = |offset: u32| {
        let is_here = |place: &heapline_trace::Place| place.line == start + offset;
        heapline_report::render::text::line_notes(arrays, is_here)
    };
    let expected = [
        "[ones: 8,000,000 B]",
        "[view of a: 0 B, holds 8,000,000 B]",
        "[view of a: 0 B, holds 8,000,000 B]",
        "[arange: 8,000 B]",
        "[view of row: 0 B, holds 8,000 B]",
        "[broadcast result: 8,000,000 B]",
        "[copy of t: 8,000,000 B]",
        "[copy of a: 4,000,000 B]",
        "[copy of wide: 8,000,000 B]",
        "",
        "[track plain: 100,000 B]",
        "",
        "[track plain: 100,001 B]",
        "",
        "[track lost: 50,000 B]",
        "",
        "[from_vec, 2,000 times: 16,000 B]",
        "[free of sum: 8,000,000 B]",
        "[2,003 frees: 20,016,000 B]",
        "[view of a: 0 B, holds 8,000,000 B]",
        "[copy of a: 8,000,000 B]",
        "[free: 8,000,000 B]",
    ];
    // The attribute, its neighbour and the signature come first.
    let notes: Vec<String> = (3..3 + expected.len() as u32).map(text).collect();
    assert_eq!(notes, expected);
    let freed = arrays.lines.iter();
    let freed = freed.filter(|note| note.kind == LineNoteKind::Free);
    let bytes: u64 = freed.map(|note| note.bytes).sum();
    assert_eq!(bytes, 8_000_000 + 20_016_000 + 8_000_000);
}
