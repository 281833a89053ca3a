//! `.npy` files: every dtype there and back, mapped bytes apart from the heap, and files
//! that lie.

use heapline_array::{
    AnyArray, ArrayMemory, Astype, DType, HEADER_NBYTES, NdArray, Order, deep_nbytes,
    open_npy_mmap, read_npy, with_array, write_npy,
};
use ndarray::s;

use crate::counting::measure;

#[allow(unsafe_code)]
fn map(path: &std::path::Path) -> Result<AnyArray, heapline_array::NpyError> {
    // SAFETY: the tests write no file that is mapped.
    unsafe { open_npy_mmap(path) }
}

fn same_text(a: &AnyArray, b: &AnyArray) {
    let text = |any: &AnyArray| with_array!(any, array => format!("{:?}", array.view()));
    assert_eq!(text(a), text(b));
}

#[test]
fn every_dtype_there_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = AnyArray::from(NdArray::<i64, _>::arange(-3, 9, 1).into_dyn());
    for &dtype in DType::ALL {
        let path = folder.path().join(dtype.name());
        let (array, _) = numbers.astype(dtype, Astype::default()).expect("any cast");
        write_npy(&path, &array).expect("written");
        same_text(&read_npy(&path).expect("read"), &array);
        same_text(&map(&path).expect("mapped"), &array);
    }
}

/// A file of version 1.
fn file(descr: &str, is_fortran: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {is_fortran}, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    file
}

#[test]
fn both_orders_and_both_byte_orders() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("array.npy");
    let write = |descr: &str, is_fortran: &str, bytes: &[u8]| {
        std::fs::write(&path, file(descr, is_fortran, "(2, 2)", bytes)).expect("written");
    };
    write("<i2", "True", &[1, 0, 2, 0, 3, 0, 4, 0]);
    let mapped: NdArray<i16> = map(&path).expect("mapped").try_into().expect("int16");
    assert_eq!(mapped.view(), ndarray::array![[1, 3], [2, 4]].into_dyn());
    assert!(mapped.flags().f_contiguous);
    same_text(&read_npy(&path).expect("read"), &mapped.into());
    write(">f2", "False", &[0x3c, 0, 0, 1, 0, 0, 0x7c, 0]);
    let read: NdArray<heapline_array::f16> = read_npy(&path).expect("read").try_into().expect("f2");
    assert_eq!(read.view()[[0, 0]].to_f32(), 1.0);
    assert!(map(&path).is_err());
    // The machine's own order, in a spelling that NumPy reads, but does not write.
    let own = [1_i16, -2, 3, -4].map(i16::to_ne_bytes).concat();
    write("=i2", "False", &own);
    let read: NdArray<i16> = read_npy(&path).expect("read").try_into().expect("int16");
    assert_eq!(read.view(), ndarray::array![[1, -2], [3, -4]].into_dyn());
    same_text(&map(&path).expect("mapped"), &read.into());
    write("|b1", "False", &[0, 1, 2, 1]);
    assert!(map(&path).is_err() && read_npy(&path).is_err());
}

#[test]
fn mapped_bytes_are_not_on_the_heap() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("array.npy");
    let array = NdArray::<f64, _>::ones((1000, 125)).into_dyn();
    write_npy(&path, &array.into()).expect("written");
    let (mapped, usage) = measure(|| map(&path).expect("mapped"));
    assert_eq!(usage.kept, HEADER_NBYTES as isize);
    let mapped: NdArray<f64> = mapped.try_into().expect("float64");
    let mut rows = mapped.slice(s![10..20, ..]);
    let base = rows.base();
    assert_eq!(
        (base.is_mapped, base.nbytes, rows.nbytes()),
        (true, 1_000_000, 10_000)
    );
    let deep = deep_nbytes([rows.base(), mapped.base()]);
    assert_eq!((deep.heap_nbytes, deep.mapped_nbytes), (0, 1_000_000));
    let (sum, usage) = measure(|| mapped.chunks(10_000).map(|chunk| chunk.sum()).sum::<f64>());
    assert_eq!((sum, usage.kept, usage.peak), (125_000.0, 0, 0));
    assert_eq!(mapped.chunks(10_000).len(), 100);
    drop(mapped);
    assert_eq!(rows.holders(), 1);
    assert!(!rows.is_writeable() && rows.view_mut().is_none());
    rows.make_mut()[[0, 0]] = 2.0;
    assert!(!rows.base().is_mapped);
    let again: NdArray<f64> = map(&path).expect("mapped").try_into().expect("float64");
    assert_eq!(again.sum(), 125_000.0);
    assert!(again.into_array().is_err());
}

#[test]
fn writing_keeps_nothing_and_reading_the_elements() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("array.npy");
    // What readers, writers and the header's text need meanwhile.
    let little = 20_000;
    let row = NdArray::<f64, _>::ones(125);
    let repeated = row.broadcast_to((1000, 125)).expect("a row fits");
    for array in [repeated.copy(Order::C), repeated.copy(Order::F), repeated] {
        let any = AnyArray::from(array.into_dyn());
        let ((), usage) = measure(|| write_npy(&path, &any).expect("written"));
        assert!(usage.kept == 0 && usage.peak < little, "{usage:?}");
        let (read, usage) = measure(|| read_npy(&path).expect("read"));
        assert_eq!(read.nbytes(), 1_000_000);
        assert_eq!(usage.kept, 1_000_000 + HEADER_NBYTES as isize);
        assert!(usage.peak < usage.kept + little, "{usage:?}");
    }
}

#[test]
fn files_that_lie_are_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("array.npy");
    let ones = [1.0_f64.to_ne_bytes(); 12].concat();
    let native = if cfg!(target_endian = "big") {
        ">f8"
    } else {
        "<f8"
    };
    let good = file(native, "False", "(3, 4)", &ones);
    std::fs::write(&path, &good).expect("written");
    let read: NdArray<f64> = read_npy(&path).expect("read").try_into().expect("float64");
    assert_eq!(read.sum(), 12.0);
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).expect("written");
        for (result, usage) in [measure(|| read_npy(&path)), measure(|| map(&path))] {
            let error = result.map(|_| ()).expect_err(what);
            assert!(error.to_string().contains("array.npy"), "{error}");
            assert!(usage.peak < 100_000, "{what}: {usage:?}");
        }
    };
    for length in 0..good.len() {
        check(&good[..length], "cut off");
    }
    check(&[&good[..], &[0]].concat(), "too long");
    let lie = |descr, shape| file(descr, "False", shape, &ones);
    check(&lie(native, "(9, 9)"), "another shape");
    check(&lie("<f9", "(3, 4)"), "another dtype");
    check(&lie("|O8", "(3, 4)"), "objects");
    check(
        &lie(native, "(4611686018427387904, 4)"),
        "more bytes than have a number",
    );
    check(
        &lie(native, "(1152921504606846975,)"),
        "more bytes than there are",
    );
    check(&lie(native, "(3, 4"), "no tuple");
    check(&lie(native, &"(".repeat(200)), "many tuples");
    let mut long = good.clone();
    (long[6], long[8], long[9], long[10], long[11]) = (2, 0xff, 0xff, 0xff, 0xff);
    check(&long, "a header of 4 GiB");
    let says = |bytes: &[u8], text: &str| {
        std::fs::write(&path, bytes).expect("written");
        let errors = [read_npy(&path), map(&path)];
        for error in errors.map(|result| result.map(|_| ()).expect_err(text)) {
            let error = error.to_string();
            let (_, said) = error.split_once("array.npy: ").expect("the path");
            assert_eq!(said, text);
        }
    };
    says(
        &b"a,b\n1,2\n".repeat(20),
        "not a .npy file: its first bytes are not \\x93NUMPY",
    );
    says(
        b"\x93NUMB",
        "not a .npy file: its first bytes are not \\x93NUMPY",
    );
    for length in [0, 4, 9, 11, 50] {
        let text = format!("the file ends at byte {length}, inside its .npy header");
        says(&good[..length], &text);
    }
    let mut newer = good.clone();
    newer[6] = 9;
    says(
        &newer,
        "no .npy header at byte 0: unknown version number: 9.0",
    );
    let hello = format!("{:<20}\n", "hello");
    let bad = [&b"\x93NUMPY\x01\x00\x15\x00"[..], hello.as_bytes()].concat();
    says(
        &bad,
        "no .npy header at byte 0: error parsing metadata dict: syntax error at 1:1: expected value",
    );
    std::fs::remove_file(&path).expect("removed");
    assert!(read_npy(&path).is_err() && map(&path).is_err());
}

/// What ndarray-npy takes to parse a header is its own affair; with it goes a buffer of 8 KiB.
#[test]
fn files_cost_their_elements_and_what_does_not_grow_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("array.npy");
    let costs = |rows: usize, dtype: DType| {
        let array: AnyArray = NdArray::<u8, _>::ones((rows, 125)).t().into_dyn().into();
        let (array, _) = array.astype(dtype, Astype::default()).expect("any cast");
        let nbytes = array.nbytes() as isize;
        let ((), write) = measure(|| write_npy(&path, &array).expect("written"));
        let (read, reading) = measure(|| read_npy(&path).expect("read"));
        let (mapped, mapping) = measure(|| map(&path).expect("mapped"));
        assert_eq!((write.kept, mapping.kept), (0, HEADER_NBYTES as isize));
        assert_eq!(reading.kept, nbytes + HEADER_NBYTES as isize);
        drop((read, mapped));
        [write.peak, reading.peak - nbytes, mapping.peak]
    };
    let buffer = 8 << 10;
    for &dtype in DType::ALL {
        let few = costs(8200, dtype);
        assert_eq!(few, costs(9900, dtype), "{dtype}");
        let [write, read, mapping] = few;
        assert!((buffer..buffer + (4 << 10)).contains(&write), "{write}");
        assert!((buffer..buffer + 256).contains(&read), "{read}");
        assert!(mapping < 16 << 10, "{mapping}");
    }
}
