//! Builds a small workspace, runs its program, and reads the stacks that it prints.

use heapline_report::symbols::{Frame, Module, Site, SymbolOptions, SymbolTable, resolve};
use heapline_trace::FrameAddress;
use object::Object;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The program: every function that records a stack has its line marked.
pub(crate) const PROGRAM: &str = r#"
mod allocating;
mod shapes;
use std::hint::black_box;

unsafe extern "C" {
    fn backtrace(frames: *mut *mut u8, count: i32) -> i32;
    fn qsort(base: *mut i32, count: usize, width: usize, compare: extern "C" fn(*const i32, *const i32) -> i32);
}

#[inline(never)]
pub fn record(name: &str) {
    let mut frames = [std::ptr::null_mut(); 64];
    let count = unsafe { backtrace(frames.as_mut_ptr(), 64) };
    let list: Vec<String> = frames[..count as usize].iter().map(|at| format!("{:p}", *at)).collect();
    println!("stack {name} {}", list.join(" "));
}

#[inline(always)]
fn one() {
    two(); // @one
}
#[inline(always)]
fn two() {
    three(); // @two
    black_box(2);
}
#[inline(always)]
fn three() {
    four(); // @three
}
#[inline(always)]
fn four() {
    five(); // @four
    black_box(4);
}
#[inline(always)]
fn five() {
    record("inline"); // @five
    black_box(5);
}

#[inline(never)]
fn generic<T: std::fmt::Debug>(value: T) {
    record("generic"); // @generic
    black_box(&value);
}

#[inline(never)]
fn call(work: impl FnOnce()) {
    work(); // @call
    black_box(());
}

macro_rules! recorded {
    ($name:literal) => {
        record($name); // @macro_body
        black_box(());
    };
}

#[inline(never)]
fn in_macros() {
    recorded!("macro"); // @macro_use
    assert!({ record("assert"); black_box(true) }); // @assert
}

#[inline(never)]
fn never_returns() -> ! {
    last_words(); // @never
}

#[inline(never)]
fn last_words() -> ! {
    record("noreturn"); // @last
    std::panic::resume_unwind(Box::new(1));
}

extern "C" fn compare(a: *const i32, b: *const i32) -> i32 {
    record("qsort"); // @compare
    unsafe { black_box(*a - *b) }
}

struct Bomb;
impl Drop for Bomb {
    #[inline(never)]
    fn drop(&mut self) {
        record("drop"); // @drop
        black_box(());
    }
}

fn main() {
    one(); // @main_one
    generic(vec![1]); // @main_generic
    call(|| { // @main_call
        record("closure"); // @closure
        black_box(());
    });
    let shapes: Vec<Box<dyn shapes::Shape>> = vec![Box::new(shapes::Square(2.0))];
    for shape in black_box(&shapes) {
        black_box(shape.area()); // @dyn
    }
    in_macros(); // @main_macros
    let _ = std::panic::catch_unwind(|| never_returns()); // @catch
    let mut numbers = [3, 1];
    unsafe { qsort(numbers.as_mut_ptr(), 2, 4, compare) }; // @main_qsort
    drop(black_box(Box::new(Bomb))); // @main_drop
    let sum: usize = (0..black_box(1)).map(|n| { record("map"); black_box(n) }).sum(); // @map
    black_box(sum);
    some_dep::visit(&mut |_| { record("dependency"); black_box(()); }); // @visit
    std::thread::spawn(|| {
        record("thread"); // @thread
        black_box(());
    }).join().unwrap();
    allocating::all(); // @main_allocating
    print!("{}", std::fs::read_to_string("/proc/self/maps").unwrap());
}
"#;

/// A module of the program.
pub(crate) const SHAPES: &str = r#"
pub trait Shape {
    fn area(&self) -> f64;
}
pub struct Square(pub f64);
impl Shape for Square {
    #[inline(never)]
    fn area(&self) -> f64 {
        crate::record("dyn"); // @area
        self.0 * self.0
    }
}
"#;

/// A module of the program: records where the allocator is called from.
pub(crate) const ALLOCATING: &str = r#"
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const NAMES: [&str; 13] = ["", "push", "boxed", "cloned", "to_vec", "collect", "format", "hash_map", "btree", "zeroed", "sort", "arc", "dependency_alloc"];
static ARMED: AtomicUsize = AtomicUsize::new(0);

struct Hooked;

#[global_allocator]
static HOOKED: Hooked = Hooked;

#[inline(never)]
fn hook() {
    let name = ARMED.swap(0, Relaxed);
    if name != 0 {
        crate::record(NAMES[name]);
    }
}

unsafe impl GlobalAlloc for Hooked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        hook();
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        hook();
        unsafe { System.alloc_zeroed(layout) }
    }
}

fn arm(name: &str) {
    ARMED.store(NAMES.iter().position(|known| *known == name).unwrap(), Relaxed);
}

#[inline(never)]
pub fn all() {
    let mut numbers: Vec<u64> = Vec::new();
    let text = black_box(String::from("some text that is long enough"));
    arm("push");
    numbers.push(black_box(1)); // @push
    arm("boxed");
    black_box(Box::new(black_box(7_u64))); // @boxed
    arm("cloned");
    black_box(text.clone()); // @cloned
    arm("to_vec");
    black_box(numbers.to_vec()); // @to_vec
    arm("collect");
    black_box((0..black_box(9_u64)).filter(|n| n % 2 == 0).collect::<Vec<u64>>()); // @collect
    arm("format");
    black_box(format!("{} and {}", black_box(3), text)); // @format
    let mut map: HashMap<u64, u64> = HashMap::new();
    arm("hash_map");
    map.insert(black_box(1), 2); // @hash_map
    let mut tree: BTreeMap<u64, u64> = BTreeMap::new();
    arm("btree");
    tree.insert(black_box(1), 2); // @btree
    arm("zeroed");
    black_box(vec![0_u8; black_box(100_000)]); // @zeroed
    let mut many: Vec<u64> = (0..black_box(50_000)).rev().collect();
    many.swap(3, 40_000);
    arm("sort");
    many.sort_by_key(|n| n / 3); // @sort
    arm("arc");
    black_box(std::sync::Arc::new(black_box([0_u8; 64]))); // @arc
    arm("dependency_alloc");
    black_box(some_dep::make(black_box(5))); // @make
    black_box((map, tree, many, numbers));
}
"#;

/// A dependency, in a folder as cargo's registry has them.
pub(crate) const DEPENDENCY: &str = r#"
#[inline(never)]
pub fn visit(work: &mut dyn FnMut(u32)) {
    work(std::hint::black_box(7)); // @work
    std::hint::black_box(());
}
#[inline(never)]
pub fn make<T: Clone>(value: T) -> Vec<T> {
    let mut made = Vec::with_capacity(1); // @with_capacity
    made.push(value);
    made
}
"#;

/// Where the dependency lies below the fixture's folder.
pub(crate) const DEPENDENCY_FOLDER: &str =
    "registry/src/index.example-0123456789abcdef/some-dep-1.2.3";

/// A built program, and the folder that goes away with it.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) program: PathBuf,
}

impl Fixture {
    /// Builds with further arguments for rustc, as cargo would: members by relative
    /// paths from the workspace, dependencies by whole ones.
    pub(crate) fn build(arguments: &[&str]) -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = folder.path().join("app");
        write(&workspace.join("src/main.rs"), PROGRAM);
        write(&workspace.join("src/shapes.rs"), SHAPES);
        write(&workspace.join("src/allocating.rs"), ALLOCATING);
        write(
            &folder.path().join(DEPENDENCY_FOLDER).join("src/lib.rs"),
            DEPENDENCY,
        );
        let fixture = Fixture {
            program: workspace.join("app"),
            folder,
        };
        fixture.rebuild(arguments);
        fixture
    }

    /// Builds what is in the folder now.
    pub(crate) fn rebuild(&self, arguments: &[&str]) {
        let dependency = self.folder.path().join(DEPENDENCY_FOLDER);
        let library = self.workspace().join("libsome_dep.rlib");
        let root = dependency.join("src/lib.rs");
        let kind = ["--crate-type=rlib", "--crate-name=some_dep"];
        rustc(&dependency, &root, &library, &[&kind, arguments].concat());
        let external = format!("--extern=some_dep={}", library.display());
        let kind = [&external, "--crate-name=app"];
        rustc(
            &self.workspace(),
            Path::new("src/main.rs"),
            &self.program,
            &[&kind, arguments].concat(),
        );
    }

    /// As `cargo heapline run` builds.
    pub(crate) fn release() -> Fixture {
        Fixture::build(&["-Cdebuginfo=1"])
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// The workspace as the compiler names it.
    pub(crate) fn real_workspace(&self) -> PathBuf {
        self.workspace().canonicalize().expect("a real path")
    }

    /// Runs the program and keeps what it printed.
    pub(crate) fn run(&self) -> Recorded {
        let output = Command::new(&self.program)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        Recorded::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Runs a tool on the program; false where it is not installed.
    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(name);
        match command
            .args(arguments)
            .current_dir(self.workspace())
            .output()
        {
            Ok(output) => {
                assert!(output.status.success(), "{name}: {output:?}");
                true
            }
            Err(_) => false,
        }
    }
}

/// Says on stderr itself, which no test captures, that a test does nothing here.
#[track_caller]
pub(crate) fn skip(reason: &str) {
    let is_failure = std::env::var_os("HEAPLINE_ALL_FAULTS").is_some();
    assert!(!is_failure, "skipped: {reason}");
    let line = format!("skipped: {}: {reason}\n", Location::caller());
    // Whoever has closed it does not want to know.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The number of the line that ends in `// @mark`.
pub(crate) fn line_of(source: &str, mark: &str) -> u32 {
    let mark = format!("// @{mark}");
    let at = source
        .lines()
        .position(|line| line.ends_with(&mark))
        .expect("a marked line");
    u32::try_from(at).expect("a small file") + 1
}

/// The five functions that were inlined into `main`, and their lines.
pub(crate) fn inlined_five() -> Vec<(&'static str, Option<u32>)> {
    let line = |mark| Some(line_of(PROGRAM, mark));
    vec![
        ("app::five", line("five")),
        ("app::four", line("four")),
        ("app::three", line("three")),
        ("app::two", line("two")),
        ("app::one", line("one")),
    ]
}

/// Without the debug files of the system's libraries: they may be large.
pub(crate) fn quick() -> SymbolOptions {
    SymbolOptions {
        debug_directories: Vec::new(),
        ..SymbolOptions::default()
    }
}

/// Stacks and modules of a run.
pub(crate) struct Recorded {
    pub(crate) modules: Vec<Module>,
    pub(crate) sites: Vec<Site>,
    /// Sites of each stack, innermost first.
    pub(crate) stacks: BTreeMap<String, Vec<usize>>,
}

impl Recorded {
    pub(crate) fn parse(output: &str) -> Recorded {
        let modules = modules(output);
        let mut recorded = Recorded {
            modules,
            sites: Vec::new(),
            stacks: BTreeMap::new(),
        };
        for line in output
            .lines()
            .filter_map(|line| line.strip_prefix("stack "))
        {
            let mut words = line.split(' ');
            let name = words.next().expect("a name").to_owned();
            let sites = words.map(|address| recorded.add(address)).collect();
            recorded.stacks.insert(name, sites);
        }
        recorded
    }

    fn add(&mut self, address: &str) -> usize {
        let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).expect("hex");
        let module = self
            .modules
            .iter()
            .position(|module| (module.start..module.end).contains(&address));
        self.sites.push(Site {
            address: FrameAddress::Return(address),
            module,
        });
        self.sites.len() - 1
    }

    pub(crate) fn resolve(&self, options: &SymbolOptions) -> SymbolTable {
        resolve(&self.modules, &self.sites, options, &mut |_, _| {})
    }

    /// All frames of a stack, innermost first.
    pub(crate) fn frames<'a>(&self, table: &'a SymbolTable, stack: &str) -> Vec<&'a Frame> {
        let sites = &self.stacks[stack];
        sites
            .iter()
            .flat_map(|&site| table.frames(site))
            .map(|&id| table.frame(id))
            .collect()
    }

    /// The index of the program among the modules.
    pub(crate) fn program(&self) -> usize {
        self.modules
            .iter()
            .position(|module| module.path.ends_with("/app"))
            .expect("the program")
    }
}

/// Mapped objects: all mappings of a file are one module.
fn modules(maps: &str) -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    for line in maps
        .lines()
        .filter(|line| line.contains(" /") && !line.starts_with("stack"))
    {
        let path = &line[line.find('/').expect("a path")..];
        let (start, end) = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'))
            .expect("a range");
        let start = u64::from_str_radix(start, 16).expect("hex");
        let end = u64::from_str_radix(end, 16).expect("hex");
        match modules.iter_mut().find(|module| module.path == path) {
            Some(module) => module.end = end,
            None => modules.push(module(start, end, path)),
        }
    }
    modules
}

fn module(start: u64, end: u64, path: &str) -> Module {
    let bytes = std::fs::read(path).expect("a mapped file");
    let object = object::File::parse(&*bytes).expect("an object");
    let fixed = object.kind() == object::ObjectKind::Executable;
    Module {
        start,
        end,
        bias: if fixed { 0 } else { start },
        build_id: build_id(path),
        path: path.to_owned(),
    }
}

pub(crate) fn build_id(path: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("a mapped file");
    let object = object::File::parse(&*bytes).expect("an object");
    object
        .build_id()
        .ok()
        .flatten()
        .unwrap_or_default()
        .to_vec()
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// Optimised, unless the arguments say otherwise.
fn rustc(folder: &Path, source: &Path, output: &Path, arguments: &[&str]) {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command
        .current_dir(folder)
        .args(["--edition=2024", "-Copt-level=3"])
        .args(arguments);
    let built = command
        .arg(source)
        .arg("-o")
        .arg(output)
        .output()
        .expect("rustc runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}
