//! What arrays take by their shapes, dtypes and orders, and which of them share a buffer.

use indicatif::HumanCount;

use super::{DAYS, F64, HOURS, Printed, depths, last_numbers, printed, tenths};

#[test]
fn array_sizes_are_those_of_their_shapes() {
    let printed = printed("array_sizes");
    let count = depths().len();
    // A vector that grew by pushes has doubled.
    let holds = count.next_power_of_two() * F64;
    assert_eq!(
        printed.numbers("magnitudes"),
        [count * F64, count * F64, holds]
    );
    let weeks = [1000 * count * F64, count * F64, holds];
    assert_eq!(printed.numbers("a thousand weeks"), weeks);
    assert_eq!(printed.numbers("the first ten"), [80, 80, holds]);
    assert_eq!(printed.numbers("[1, 2, 3]"), [24; 3]);
    assert_eq!(printed.numbers("[1, 2, 3] as i32"), [12; 3]);
    assert_eq!(printed.numbers("arange(1000)"), [1000; 3]);
    assert_eq!(printed.numbers("zeros"), [4_000_000; 3]);
    let sum = 1001 * count * F64 + 80;
    let sentence = printed.row("nbytes of the first three add up to");
    assert_eq!(sentence[0], format!("{sum};"));
    assert!(sentence.contains(&holds.to_string()) && sentence.contains(&"1".to_owned()));
    many_small_arrays(&printed, count);
    printed.has(&format!(
        "125 million float64: 1,000,000,000 bytes, {:.1} MiB",
        1e9 / 1_048_576.0
    ));
    printed.has("Unable to allocate 8.00 PiB for an array with shape (1125899906842624,)");
    printed.has("array is too big");
}

/// One element, one record and one handle each, against one of each.
fn many_small_arrays(printed: &Printed, count: usize) {
    let numbers = |name: &str| -> Vec<usize> {
        let words = printed.row(name);
        words.iter().filter_map(|word| word.parse().ok()).collect()
    };
    let whole = numbers(&format!(
        "one array of {} elements:",
        HumanCount(count as u64)
    ));
    let single = numbers(&format!(
        "{} arrays of one element:",
        HumanCount(count as u64)
    ));
    let [elements, record, handle] = whole[..] else {
        panic!("{whole:?}");
    };
    assert_eq!(elements, count * F64);
    assert_eq!(single, [elements, count * record, count * handle]);
    let allocated = |bytes| {
        printed
            .allocated
            .iter()
            .filter(|made| **made == bytes)
            .count()
    };
    assert!(allocated(record) >= count && allocated(F64) >= count);
    assert_eq!(allocated(count * handle), 1, "the list of handles");
}

#[test]
fn views_and_copies_allocate_what_their_rows_say() {
    let printed = printed("views_and_copies");
    let depths = depths();
    let count = depths.len();
    let all = count * count * F64;
    let below = depths
        .iter()
        .flat_map(|one| depths.iter().map(move |other| one - other));
    let deep = below.filter(|km| *km > 100.0).count() * F64;
    let even = count.div_ceil(2) * count.div_ceil(2) * F64;
    let row = count * F64;
    let views = [
        ("m[:10]", 10 * row),
        ("m[::2, ::2]", even),
        ("m[::-1]", all),
        ("m[1:4:-1]", 0),
        ("s![1..4;-1]", 3 * row),
        ("m.T", all),
        ("m.ravel()", all),
        ("m.T.ravel('K')", all),
    ];
    for (name, nbytes) in views {
        assert_eq!(printed.row(name)[0], "view", "{name}");
        assert_eq!(printed.numbers(name), [nbytes, 0, all], "{name}");
    }
    let copies = [
        ("m[:10].copy()", 10 * row),
        ("m[[0, 5, -1]]", 3 * row),
        ("m[m > 100]", deep),
        ("m.T.ravel()", all),
        ("m.flatten()", all),
        ("written", all),
    ];
    for (name, nbytes) in copies {
        assert_eq!(printed.row(name)[0], "copy", "{name}");
        assert_eq!(printed.numbers(name), [nbytes; 3], "{name}");
    }
    // m and its first ten rows; a clone; which has left; and m, which was dropped.
    printed.has("handles that share m's buffer: 2\n");
    printed.has("after written = m.clone(): 3\n");
    printed.has("after a write to it: 2, and m[0, 0] is still 0\n");
    printed.has("after drop(m): 1, ");
}

#[test]
fn broadcast_operands_cost_nothing_and_results_their_shape() {
    let printed = printed("broadcast");
    let (year, cube) = (DAYS * HOURS * F64, DAYS * DAYS * HOURS * F64);
    assert_eq!(printed.numbers("year"), [year; 3]);
    assert_eq!(printed.numbers("days"), [cube, year, year]);
    assert_eq!(printed.numbers("others"), [cube, year, year]);
    assert_eq!(printed.numbers("days - others"), [cube; 3]);
    assert_eq!(printed.numbers("days.copy()"), [cube; 3]);
    printed.has(&format!("[{}, 0, {F64}]", HOURS * F64));
    printed.has("192 bytes broadcast to 69,888, same buffer: true");

    let hours: Vec<i64> = tenths("temperature");
    let day = |day: usize| &hours[day * HOURS..(day + 1) * HOURS];
    let apart = |a, b| {
        let pairs = std::iter::zip(day(a), day(b));
        pairs.map(|(one, other)| (one - other).abs()).sum::<i64>()
    };
    let [one, other] = ["days", "and"].map(|before| {
        let words = printed.row("most different:");
        let place = words.iter().position(|word| word == before).expect("there") + 1;
        words[place].parse::<usize>().expect("a day") - 1
    });
    let most = (0..DAYS)
        .flat_map(|a| (0..DAYS).map(move |b| apart(a, b)))
        .max();
    assert_eq!(Some(apart(one, other)), most);
    let mean = apart(one, other) as f64 / 10.0 / HOURS as f64;
    printed.has(&format!("{mean:.1} K on average"));
}

#[test]
fn reshapes_copy_where_strides_cannot_say_it() {
    let printed = printed("reshape_orders");
    let all = DAYS * DAYS * HOURS * F64;
    for (name, kind, new) in [
        ("m.reshape(364, 364, 24)", "view", 0),
        ("m.reshape(-1)", "view", 0),
        ("m.reshape(-1, order='F')", "copy", all),
        ("m.T.reshape(-1)", "copy", all),
        ("m.T.reshape(-1, order='F')", "view", 0),
        ("m.T.ravel('K')", "view", 0),
        ("asfortranarray(m)", "copy", all),
        ("asfortranarray(of that)", "view", 0),
    ] {
        let words = printed.row(name);
        assert_eq!(last_numbers(&words), [all, new], "{name}");
        assert_eq!(words[words.len() - 3], kind, "{name}");
    }
    let half = printed.row("m[:, ::2].reshape(364, 364, 12)");
    assert_eq!(last_numbers(&half), [all / 2, 0]);
    printed.has("the same by into_shape_with_order: refused");
    printed.has("m.T.reshape(-1, copy=False): the new shape needs a copy");
    assert_eq!(
        printed.row("alive while both are:")[0],
        (2 * all).to_string()
    );
    assert_eq!(printed.row("after drop(m):"), [all.to_string()]);
}

#[test]
fn dtypes_lose_what_integers_say_they_lose() {
    let printed = printed("dtype_choice");
    let (temperatures, pressures) = (tenths("temperature"), tenths("pressure"));
    let century = 100 * temperatures.len();
    let times = |numbers: &[i64], of: fn(i64) -> bool| {
        100 * numbers.iter().filter(|tenths| of(**tenths)).count()
    };
    // Of tenths, a binary number can have .0 and .5 alone; float16 has no .5 from 1024 on.
    let no_half = times(&temperatures, |tenths| tenths % 5 != 0);
    let no_whole = times(&temperatures, |tenths| tenths % 10 != 0);
    let no_float16 = |tenths: i64| tenths % 5 != 0 || tenths >= 10_240 && tenths % 10 != 0;
    let beyond_int8 = times(&temperatures, |tenths| !(-128..=127).contains(&tenths));
    let expected = [
        ("temperature", "float64", 8, [0, 0]),
        ("temperature", "float32", 4, [no_half, 0]),
        ("temperature", "float16", 2, [no_half, 0]),
        ("temperature", "int8", 1, [no_whole, 0]),
        ("tenths of it", "int16", 2, [0, 0]),
        ("tenths of it", "int8", 1, [0, beyond_int8]),
        ("pressure", "float16", 2, [times(&pressures, no_float16), 0]),
    ];
    for (name, dtype, itemsize, lost) in expected {
        let rows = printed.rows(name);
        let row = rows.iter().find(|words| words[0] == dtype).expect("a row");
        let [nbytes, counts @ ..] = last_numbers::<3>(&row[..4]);
        assert_eq!(
            (nbytes, counts),
            (century * itemsize, lost),
            "{name} {dtype}"
        );
    }
    let largest = temperatures.iter().max().expect("hours") - 127;
    assert_eq!(
        printed.rows("tenths of it")[1][4],
        format!("{largest}.00000000")
    );
    assert_eq!(
        printed.row("tenths as float64 and as int16, alive together:"),
        [(century * 10).to_string()]
    );
    assert_eq!(printed.row("int16 alone:"), [(century * 2).to_string()]);
    printed.has("sum inf");
    printed.has("1 + 1e-15: 1.000000000000001 in float64, 1 in float32");
    printed.has("1.80e308 parsed: inf");
    for (types, common) in [
        ("uint64, int64", "float64"),
        ("int32, float16", "float64"),
        ("int16, float32", "float32"),
        ("uint8, a whole number", "uint8"),
        ("300 by itself needs", "uint16"),
    ] {
        assert_eq!(printed.row(types), [common]);
    }
    for (dtype, max, eps) in [
        ("float16", "6.55040e4", "9.7656e-4"),
        ("float32", "3.40282e38", "1.1921e-7"),
        ("float64", "1.79769e308", "2.2204e-16"),
    ] {
        assert_eq!(printed.row(dtype)[..2], [max, eps]);
    }
}
