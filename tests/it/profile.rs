//! The tables of `#[profile]` functions against what their lines do by construction.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::processes::{Watched, wait_until};
use crate::support::{Build, Run, fresh_folder, heapline, program, record};

const FILE: &str = "tests/programs/src/bin/profiled.rs";

const HEADER: &str = "Line #    Mem usage    Increment  Occurrences   Line Contents";

/// What a row must say: the program's comment behind its line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stated {
    occurrences: u64,
    increment_units: i64,
    usage_units: i64,
}

/// A line of the program.
#[derive(Clone, Debug)]
struct Line {
    number: usize,
    text: String,
    stated: Option<Stated>,
}

fn source() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(path).expect("there");
    text.lines().map(str::to_owned).collect()
}

/// The functions with statements, each from its attribute to its closing brace.
fn stated_functions() -> Vec<Vec<Line>> {
    let mut functions: Vec<Vec<Line>> = Vec::new();
    let mut inside = false;
    for (index, text) in source().into_iter().enumerate() {
        inside |= text.starts_with("#[heapline::profile] //=");
        if !inside {
            continue;
        }
        if text.starts_with("#[") {
            functions.push(Vec::new());
        }
        let lines = functions.last_mut().expect("begun");
        let mut stated = text.split_once("//= ").map(|(_, words)| parse(words));
        // On a line of its own the statement is about the line above.
        if text.trim_start().starts_with("//=") {
            lines.last_mut().expect("there is one").stated = stated.take();
        }
        inside = !text.starts_with('}');
        lines.push(Line {
            number: index + 1,
            text,
            stated,
        });
    }
    functions
}

fn parse(words: &str) -> Stated {
    let mut words = words.split(' ').map(|word| word.parse().expect("a number"));
    let mut next = || words.next().expect("three numbers");
    Stated {
        occurrences: next() as u64,
        increment_units: next(),
        usage_units: next(),
    }
}

fn tables(run: &Run) -> String {
    let output = heapline(&["profile", run.trace.to_str().expect("a plain path")]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn recorded(arguments: &[&str]) -> Run {
    let run = record(&program("profiled", Build::Release), arguments);
    assert!(run.output.status.success(), "{}", run.stderr());
    run
}

/// A row of a table, taken apart at the columns.
#[derive(Debug)]
struct Row<'a> {
    line: &'a str,
    usage: &'a str,
    increment: &'a str,
    occurrences: &'a str,
    contents: &'a str,
}

impl<'a> Row<'a> {
    fn parse(row: &'a str) -> Self {
        for gap in [6..7, 19..20, 32..34, 44..47] {
            assert!(row[gap].trim().is_empty(), "no gap: {row:?}");
        }
        Row {
            line: row[..6].trim(),
            usage: row[7..19].trim(),
            increment: row[20..32].trim(),
            occurrences: row[34..44].trim(),
            contents: &row[47..],
        }
    }

    /// A cell in units of 128 KiB, which three decimals of a MiB hold exactly.
    fn units(cell: &str) -> i64 {
        let number = cell.strip_suffix(" MiB").expect("in MiB");
        let units = number.parse::<f64>().expect("a number") * 8.0;
        assert_eq!(units.fract(), 0.0, "{cell}");
        units as i64
    }
}

#[test]
fn every_column_is_as_stated() {
    let text = tables(&recorded(&["tables"]));
    let blocks: Vec<&str> = text
        .split("\n\n\n")
        .filter(|text| !text.is_empty())
        .collect();
    let functions = stated_functions();
    assert_eq!(blocks.len(), functions.len());
    assert_eq!(functions.len(), 15);
    for (block, lines) in blocks.into_iter().zip(functions) {
        // A file name, an empty line, the header, and the rule.
        let rows: Vec<Row> = block.lines().skip(4).map(Row::parse).collect();
        assert_eq!(rows.len(), lines.len(), "{block}");
        for (row, line) in rows.into_iter().zip(lines) {
            check_row(&row, &line);
        }
    }
}

fn check_row(row: &Row, line: &Line) {
    assert_eq!(row.line, line.number.to_string());
    assert_eq!(row.contents, line.text);
    let found = (!row.occurrences.is_empty()).then(|| Stated {
        occurrences: row.occurrences.parse().expect("a number"),
        increment_units: Row::units(row.increment),
        usage_units: Row::units(row.usage),
    });
    assert_eq!(found, line.stated, "line {}: {}", line.number, line.text);
    if found.is_none() {
        assert_eq!((row.usage, row.increment), ("", ""), "{row:?}");
    }
}

#[test]
fn the_text_is_memory_profilers_byte_for_byte() {
    let mut expected = String::new();
    for lines in stated_functions() {
        writeln!(expected, "Filename: {FILE}\n\n{HEADER}\n{}", "=".repeat(61)).expect("a string");
        for line in lines {
            let mib = |units: i64| format!("{:8.3} MiB", units as f64 / 8.0);
            let [usage, increment, occurrences] = match line.stated {
                None => [String::new(), String::new(), String::new()],
                Some(stated) => [
                    mib(stated.usage_units),
                    mib(stated.increment_units),
                    stated.occurrences.to_string(),
                ],
            };
            let (number, text) = (line.number, line.text);
            writeln!(
                expected,
                "{number:>6} {usage:>12} {increment:>12}  {occurrences:>10}   {text}"
            )
            .expect("a string");
        }
        expected.push_str("\n\n");
    }
    let text = tables(&recorded(&["tables"]));
    for (found, expected) in text.split('\n').zip(expected.split('\n')) {
        assert_eq!(found, expected);
    }
    assert!(text == expected, "one text is longer");
}

/// One function in full, so that no code of the test's has a part in the layout.
#[test]
fn one_table_as_it_stands_on_the_terminal() {
    let lines = source();
    let place = lines.iter().position(|line| line.starts_with("fn twice("));
    let first = place.expect("there");
    let n = |offset: usize| format!("{:6}", first + offset);
    let expected = [
        "Filename: tests/programs/src/bin/profiled.rs\n",
        "\n",
        "Line #    Mem usage    Increment  Occurrences   Line Contents\n",
        "=============================================================\n",
        &n(0),
        "    0.250 MiB    0.000 MiB           2   #[heapline::profile] //= 2 +0 2\n",
        &n(1),
        "                                         fn twice() -> Block {\n",
        &n(2),
        "    0.625 MiB    0.750 MiB           2       let local = block(3); //= 2 +6 5\n",
        &n(3),
        "    0.250 MiB   -0.750 MiB           2       drop(local); //= 2 -6 2\n",
        &n(4),
        "    0.375 MiB    0.250 MiB           2       block(1) //= 2 +2 3\n",
        &n(5),
        "    0.375 MiB    0.000 MiB           2   } //= 2 +0 3\n",
        "\n",
        "\n",
    ];
    let text = tables(&recorded(&["tables"]));
    assert!(text.contains(&expected.concat()), "{text}");
}

/// The row of the line that ends with this comment.
fn row<'a>(text: &'a str, comment: &str) -> Row<'a> {
    let row = text.lines().find(|line| line.ends_with(comment));
    Row::parse(row.expect(comment))
}

fn occurrences(text: &str, comment: &str) -> u64 {
    let row = row(text, comment);
    row.occurrences.parse().expect("a number")
}

/// Bytes of records in all streams.
fn record_bytes(run: &Run) -> u64 {
    let trace = run.trace();
    let bytes = trace.streams().iter().map(|stream| stream.record_bytes());
    bytes.sum()
}

#[test]
fn a_loop_that_allocates_nothing_writes_nothing_and_is_counted() {
    const TURNS: u64 = 10_000_000;
    let (short, long) = (recorded(&["spin", "10"]), recorded(&["spin", "10000000"]));
    for (run, turns) in [(&short, 10), (&long, TURNS)] {
        let text = tables(run);
        assert_eq!(occurrences(&text, "//# each"), turns);
        assert_eq!(occurrences(&text, "//# end"), turns);
        assert_eq!(occurrences(&text, "//# once"), 1);
    }
    let bytes = [&short, &long].map(record_bytes);
    // Stamps may take a byte more or less.
    assert!(
        bytes[0].abs_diff(bytes[1]) < 16,
        "{bytes:?} bytes of records"
    );
    let length = |run: &Run| std::fs::metadata(&run.trace).expect("there").len();
    assert_eq!(length(&short), length(&long));
    assert!(length(&long) < 32 << 10, "{} bytes", length(&long));
}

#[test]
fn counts_are_exact_up_to_the_kill() {
    let program = program("profiled", Build::Release);
    for round in 0..6 {
        let folder = fresh_folder("profiled-killed");
        let trace = folder.join("trace.heapline");
        let notes = folder.join("notes");
        let process = Watched::start(
            Command::new(&program)
                .arg("forever")
                .env("HEAPLINE", format!("quiet,out={}", trace.display()))
                .env("ORACLE", &notes),
        );
        wait_until(|| read_notes(&notes)[2] >= 1);
        std::thread::sleep(Duration::from_micros(1_000 + 7_919 * round));
        assert_eq!(process.kill().signal(), Some(9));
        let output = heapline(&["profile", trace.to_str().expect("a plain path")]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        check_killed(&text, read_notes(&notes));
    }
}

fn read_notes(path: &Path) -> [u64; 3] {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut words = bytes.chunks_exact(8);
    std::array::from_fn(|_| {
        let word = words.next().unwrap_or(&[0; 8]);
        u64::from_le_bytes(word.try_into().expect("eight bytes"))
    })
}

/// A line is counted before it is executed, and noted when it has been.
fn check_killed(text: &str, [turns, allocated, freed]: [u64; 3]) {
    for (comment, noted) in [
        ("//# note", turns),
        ("//# allocated", allocated),
        ("//# freed", freed),
    ] {
        let found = occurrences(text, comment);
        assert!(
            (noted..=noted + 1).contains(&found),
            "{comment}: {found} in the trace, {noted} noted"
        );
    }
    // In front of the line that is noted, so at least as often.
    assert!((turns..=turns + 1).contains(&occurrences(text, "//# load")));
    let units = Row::units(row(text, "//# allocate").increment) as u64;
    assert!(
        (allocated..=allocated + 1).contains(&units),
        "{units} units"
    );
    let units = Row::units(row(text, "//# free").increment).unsigned_abs();
    assert!((freed..=freed + 1).contains(&units), "{units} units freed");
    // Two units: with the line's own block, and no more ever.
    let usage = row(text, "//# allocate").usage;
    assert!(usage.starts_with("0.12"), "{usage}");
}
