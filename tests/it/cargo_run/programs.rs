//! The programs that are run: one package, built once for all tests that do not change it.

use std::sync::OnceLock;

use super::fixture::Fixture;

/// The line of a manifest that makes heapline a dependency.
pub(super) const DEPENDENCY: &str = "heapline = { path = \"PATH_OF_HEAPLINE\" }";

/// A manifest with heapline, outside every workspace.
pub(super) fn manifest(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\n{DEPENDENCY}\n"
    )
}

/// Keeps 100,000 bytes in an annotated function, and says whether it is wrapped.
pub(super) const KEEPS: &str = r#"//! Keeps some bytes.
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[heapline::profile]
fn keep(bytes: usize) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes);
    kept.extend(std::iter::repeat_n(7, bytes));
    kept
}

fn main() {
    let kept = keep(100_000);
    println!("{} {}", kept.len(), std::env::var("WRAPPED").unwrap_or_default());
}
"#;

const ENDS: &str = r#"//! Ends as told.
#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

#[heapline::profile]
fn keep(bytes: usize) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes);
    kept.extend(std::iter::repeat_n(7, bytes));
    kept
}

fn main() {
    let kept = keep(100_000);
    println!("{}", kept.len());
    match std::env::args().nth(1).as_deref() {
        Some("three") => std::process::exit(3),
        Some("panic") => panic!("as asked"),
        Some("abort") => std::process::abort(),
        Some("kill") => {
            let own = std::process::id().to_string();
            std::process::Command::new("kill").args(["-9", &own]).status().expect("no return");
        }
        _ => {}
    }
}
"#;

const COPY: &str = r#"//! Copies stdin to stdout, and a byte more.
use std::io::{Read, Write};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

fn main() {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).expect("readable");
    bytes.push(0xff);
    std::io::stdout().write_all(&bytes).expect("writable");
}
"#;

const WAITS: &str = r#"//! Waits for SIGINT or SIGTERM.
use std::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: i32) {
    ASKED.store(true, Ordering::SeqCst);
}

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

fn main() {
    for number in [2, 15] {
        unsafe { signal(number, note) };
    }
    println!("ready");
    while !ASKED.load(Ordering::SeqCst) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    println!("handled");
    std::process::exit(7);
}
"#;

const COUNTS: &str = r#"//! Counts until nobody listens.
use std::io::Write;

#[global_allocator]
static ALLOC: heapline::Heapline = heapline::Heapline::system();

fn main() {
    for number in 1_u64.. {
        if writeln!(std::io::stdout(), "{number}").is_err() {
            std::process::exit(9);
        }
    }
}
"#;

const PLAIN: &str = r#"//! Has no heapline.
fn main() {
    println!("plain");
    std::process::exit(5);
}
"#;

/// The package.
pub(super) fn programs() -> &'static Fixture {
    static PROGRAMS: OnceLock<Fixture> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        Fixture::new(
            "programs",
            &[
                ("Cargo.toml", &manifest("programs")),
                ("src/bin/ends.rs", ENDS),
                ("src/bin/copy.rs", COPY),
                ("src/bin/waits.rs", WAITS),
                ("src/bin/counts.rs", COUNTS),
                ("src/bin/plain.rs", PLAIN),
            ],
        )
    })
}
