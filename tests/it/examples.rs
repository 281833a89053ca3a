//! The examples about arrays: what they print against shapes, item sizes and the data
//! sets themselves, and that a recording changes none of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use heapline_trace::Trace;
use indicatif::HumanCount;
use serde_json::Value;

use crate::support::{fresh_folder, heapline, stacked_allocations, target_folder};

/// Bytes of a float64.
const F64: usize = 8;
const DAYS: usize = 364;
const HOURS: usize = 24;

/// An example as this test is built: with or without optimisation.
fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let (profile, folder) = match cfg!(debug_assertions) {
            true => ("dev", "debug"),
            false => ("release", "release"),
        };
        let status = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--quiet", "--examples", "--profile", profile])
            .arg("--target-dir")
            .arg(target_folder())
            .status();
        assert!(status.expect("cargo starts").success(), "they build");
        target_folder().join(folder).join("examples")
    });
    folder.join(name)
}

fn run(name: &str, settings: Option<String>) -> Output {
    let mut command = Command::new(example(name));
    command.env_remove("HEAPLINE");
    command.envs(settings.map(|settings| ("HEAPLINE", settings)));
    let output = command.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output
}

/// What an example prints, the same whether it is recorded or not.
fn printed(name: &str) -> Printed {
    let plain = run(name, None);
    let trace = fresh_folder(name).join("trace.heapline");
    let recorded = run(name, Some(format!("quiet,out={}", trace.display())));
    let text = String::from_utf8(plain.stdout).expect("UTF-8");
    assert_eq!(String::from_utf8_lossy(&recorded.stdout), text);
    let trace = Trace::open(std::fs::read(trace).expect("a trace")).expect("a readable trace");
    let allocations = stacked_allocations(&trace);
    let allocated: Vec<usize> = allocations.iter().map(|made| made.bytes as usize).collect();
    assert!(!allocated.is_empty(), "it was recorded");
    Printed { text, allocated }
}

struct Printed {
    text: String,
    /// Bytes of each allocation of the recorded run.
    allocated: Vec<usize>,
}

impl Printed {
    /// The words behind a row's name, without commas in numbers.
    fn row(&self, name: &str) -> Vec<String> {
        self.rows(name).remove(0)
    }

    /// The same of all rows of that name.
    fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let behind = |line: &str| {
            let words = line
                .strip_prefix(name)?
                .strip_prefix(' ')?
                .split_whitespace();
            Some(words.map(|word| word.replace(',', "")).collect())
        };
        let rows: Vec<_> = self.text.lines().filter_map(behind).collect();
        assert!(!rows.is_empty(), "no '{name}' in\n{}", self.text);
        rows
    }

    /// The last words of a row as numbers.
    fn numbers<const N: usize>(&self, name: &str) -> [usize; N] {
        last_numbers(&self.row(name))
    }

    #[track_caller]
    fn has(&self, text: &str) {
        assert!(self.text.contains(text), "no '{text}' in\n{}", self.text);
    }
}

fn last_numbers<const N: usize>(words: &[String]) -> [usize; N] {
    let numbers = words[words.len() - N..].iter().map(|word| {
        word.parse()
            .unwrap_or_else(|_| panic!("{word} of {words:?}"))
    });
    numbers.collect::<Vec<_>>().try_into().expect("so many")
}

/// A column of a data set, as text.
fn column(file: &str, name: &str) -> Vec<String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let mut reader = csv::Reader::from_path(data.join(file)).expect("there");
    let headers = reader.headers().expect("names").clone();
    let place = headers.iter().position(|header| header == name);
    let place = place.expect("the column");
    let rows = reader.into_records().map(|row| row.expect("a row"));
    rows.map(|row| row[place].to_owned()).collect()
}

fn depths() -> Vec<f64> {
    let depths = column("earthquakes.csv", "depth_km");
    depths
        .iter()
        .map(|km| km.parse().expect("a number"))
        .collect()
}

/// Numbers with one digit behind the point at most, in tenths.
fn tenths(name: &str) -> Vec<i64> {
    let texts = column("seattle-hourly-normals.csv", name);
    let tenths = texts.iter().map(|text| {
        let (whole, digit) = text.split_once('.').unwrap_or((text, "0"));
        assert_eq!(digit.len(), 1, "{text}");
        format!("{whole}{digit}").parse().expect("digits")
    });
    tenths.collect()
}

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

/// What the README shows of three examples is what the commands print.
#[test]
fn the_readme_shows_what_the_reports_say() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("there");
    let (_, chapter) = readme.split_once("## Arrays").expect("the chapter");
    let mut shown = chapter.split("```text\n").skip(1);
    for (name, command) in [
        ("leak_by_view", &["arrays"][..]),
        ("views_and_copies", &["profile", "--arrays"]),
        ("broadcast", &["arrays"]),
    ] {
        let (shown, _) = shown
            .next()
            .expect("a block")
            .split_once("```")
            .expect("its end");
        let trace = fresh_folder(name).join("trace.heapline");
        run(name, Some(format!("quiet,out={}", trace.display())));
        let trace = trace.to_str().expect("a plain path");
        let output = heapline(&[command, &[trace]].concat());
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let printed: Vec<&str> = printed.lines().map(comparable).collect();
        for line in shown.lines().filter(|line| *line != "…").map(comparable) {
            assert!(
                printed.contains(&line),
                "{name} does not print {line:?}:\n{printed:#?}"
            );
        }
    }
}

#[test]
fn arrays_stand_beside_lines_and_in_json() {
    let trace = fresh_folder("broadcast").join("trace.heapline");
    run("broadcast", Some(format!("quiet,out={}", trace.display())));
    let trace = trace.to_str().expect("a plain path");
    let text = |arguments: &[&str]| {
        let output = heapline(&[arguments, &[trace]].concat());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let lines = text(&["lines", "--arrays", "--file", "examples/broadcast.rs"]);
    let copy = lines
        .lines()
        .find(|line| line.contains("days.copy(Order::C)"));
    let note = "[copy of days: 25,439,232 B]";
    assert!(copy.expect("the line").ends_with(note), "{lines}");
    let json: Value =
        serde_json::from_str(&text(&["lines", "--arrays", "--format", "json"])).expect("JSON");
    let rows = json["rows"].as_array().expect("rows").iter();
    let notes = rows.flat_map(|row| row["arrays"].as_array().expect("notes"));
    let copies = notes.filter(|note| note["kind"] == "copy");
    assert_eq!(
        copies
            .map(|note| note["bytes"].as_u64())
            .collect::<Vec<_>>(),
        [Some(25_439_232)]
    );

    let json: Value = serde_json::from_str(&text(&["arrays", "--format", "json"])).expect("JSON");
    let cube = (DAYS * DAYS * HOURS * F64) as u64;
    let year = (DAYS * HOURS * F64) as u64;
    assert_eq!(json["held_bytes"], 2 * cube + year);
    assert_eq!(json["nbytes"], 4 * cube + year);
    let buffers = json["buffers"].as_array().expect("buffers");
    let arrays = buffers
        .iter()
        .flat_map(|buffer| buffer["arrays"].as_array().expect("arrays"));
    let days = arrays.filter(|array| array["name"] == "days");
    let days: Vec<_> = days
        .map(|array| (&array["byte_strides"], &array["unique_nbytes"]))
        .collect();
    assert_eq!(
        days,
        [(&serde_json::json!([HOURS * F64, 0, F64]), &year.into())]
    );
    let none = heapline(&["arrays", "--at", "soon", trace]);
    assert_eq!(none.status.code(), Some(2));
}

/// Of a row of a `#[profile]` table the line's source and what follows: buffers of the
/// standard library differ from machine to machine.
fn comparable(line: &str) -> &str {
    match line.split_once(" MiB ") {
        Some((_, rest)) => rest.split_once("  1   ").map_or(rest, |(_, source)| source),
        None => line,
    }
}
