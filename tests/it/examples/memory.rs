//! What is alive and where: buffers that views keep, what expressions need meanwhile, mapped
//! files.

use indicatif::HumanCount;
use serde_json::Value;

use super::{DAYS, F64, HOURS, column, depths, printed, run, tenths};
use crate::support::{fresh_folder, heapline};

#[test]
fn views_leak_their_base_and_copies_do_not() {
    let printed = printed("leak_by_view");
    let row = depths().len() * F64;
    let matrix = depths().len() * row;
    let kept = |name| printed.row(name)[..2].to_vec();
    assert_eq!(
        kept("views"),
        [(3 * row).to_string(), (3 * matrix).to_string()]
    );
    assert_eq!(
        kept("copies"),
        [(3 * row).to_string(), (3 * row).to_string()]
    );
    assert_eq!(printed.numbers("slice_move"), [row, matrix]);
    assert_eq!(printed.numbers("its clone"), [row, matrix]);
    assert_eq!(printed.numbers("its to_owned"), [row, row]);
    for (name, live, resident) in [
        ("zeros", "40000000", "0"),
        ("written", "40000000", "40"),
        ("dropped", "0", "0"),
    ] {
        assert_eq!(printed.row(name), [live, resident, "MB"]);
    }
}

#[test]
fn expressions_need_what_their_operands_make() {
    let printed = printed("temporaries");
    let count = depths().len();
    let column = |name| {
        let texts = column("earthquakes.csv", name);
        let numbers = texts
            .iter()
            .map(|text| text.parse::<f64>().expect("a number"));
        numbers.collect::<Vec<_>>()
    };
    let (latitudes, depths) = (column("latitude"), column("depth_km"));
    // The example has added b to a before it looks for what is positive.
    let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
    let sums = pairs.map(|(i, j)| (latitudes[i] - latitudes[j]) + (depths[i] - depths[j]));
    let positive = sums.filter(|sum| *sum > 0.0).count() as f64 / (count * count) as f64;
    // Vectors double; a reallocation is one step.
    let grown = count.next_power_of_two() as f64 / count as f64;
    let part = |tenths: usize| (count * tenths / 10) as f64 / count as f64;
    for (expression, kept, peak) in [
        ("&a + &b", 1.0, 1.0),
        ("&a + &(&b * &c)", 1.0, 2.0),
        ("&b * &c + &a", 1.0, 1.0),
        ("(&a + &b) + &c", 1.0, 1.0),
        ("&a + &row", 1.0, 1.0),
        ("a += &b", 0.0, 0.0),
        ("a.sum()", 0.0, 0.0),
        ("a.std(0.)", 0.0, 0.0),
        ("median of a", 0.0, 1.0),
        ("a.mapv(f64::sqrt)", 1.0, 1.0),
        ("a.mapv(|x| x as f32)", 0.5, 0.5),
        ("a[a > 0]", positive, positive + 0.125),
        ("a.t().to_owned()", 1.0, 1.0),
        ("a + &b", 0.0, 0.0),
        ("rows pushed", grown, grown),
        ("write to 0.4 of shared", part(4), part(4)),
        ("write to 0.6 of shared", 1.0, 1.0),
    ] {
        let expected = [kept, peak].map(|units| format!("{units:.3}"));
        assert_eq!(printed.row(expression), expected, "{expression}");
    }
}

#[test]
fn mapped_bytes_are_not_on_the_heap() {
    let printed = printed("out_of_core");
    let year = DAYS * HOURS * F64;
    let all = 600 * year;
    assert_eq!(printed.numbers("written"), [all, year, 0]);
    assert_eq!(printed.numbers("mapped"), [all, 0, all]);
    assert_eq!(printed.numbers("read"), [all, all, 0]);
    // A header of 128 bytes, as NumPy's.
    assert_eq!(printed.row("file:")[0], (all + 128).to_string());
    let years = (1 << 20) / year;
    let sum: i64 = tenths("temperature")[..DAYS * HOURS].iter().sum();
    printed.has(&format!(
        "{} pieces of at most {} bytes, mean {:.3} °C",
        600_usize.div_ceil(years),
        HumanCount((years * year) as u64),
        sum as f64 / 10.0 / (DAYS * HOURS) as f64
    ));
    let trace = fresh_folder("out_of_core").join("trace.heapline");
    run(
        "out_of_core",
        Some(format!("quiet,out={}", trace.display())),
    );
    let trace = trace.to_str().expect("a plain path");
    let output = heapline(&["arrays", "--format", "json", trace]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // At the peak the array that was read is alive, and so is the mapped one.
    for (what, expected) in [
        ("buffer_count", 1),
        ("held_bytes", all),
        ("array_count", 1),
        ("nbytes", all),
        ("mapped_buffer_count", 1),
        ("mapped_bytes", all),
        ("mapped_array_count", 1),
        ("mapped_nbytes", all),
    ] {
        assert_eq!(json[what], expected, "{what}");
    }
    let mut notes = json["lines"].as_array().expect("notes").iter();
    let mapped = notes.find(|note| note["operation"] == "open_npy_mmap");
    let mapped = mapped.expect("a line of it");
    assert_eq!(mapped["bytes"], 0);
    assert_eq!(mapped["mapped_bytes"], all);
}
