//! Addresses all over the program, compared with binutils' `addr2line`.

use crate::fixture::{Fixture, Recorded, quick, skip};
use heapline_report::symbols::Site;
use heapline_trace::FrameAddress;
use object::{Object, ObjectSymbol};
use std::io::Write;
use std::process::{Command, Stdio};

/// At most so many addresses are asked.
const ADDRESSES_MAX: usize = 2_000;

#[test]
fn lines_agree_with_binutils() {
    let fixture = Fixture::release();
    let recorded = fixture.run();
    let addresses = addresses_of_own_code(&fixture);
    assert!(addresses.len() > 500, "{}", addresses.len());
    let Some(expected) = ask_binutils(&fixture, &addresses) else {
        return skip("addr2line of binutils is not installed");
    };
    let found = ask_ourselves(&recorded, &addresses);
    let rows = addresses.iter().zip(expected).zip(found);
    let different: Vec<_> = rows
        .filter(|((_, expected), found)| expected != found)
        .collect();
    assert!(
        different.is_empty(),
        "{} of {}: {different:#x?}",
        different.len(),
        addresses.len()
    );
}

/// Every few bytes of the functions of the program and its dependency.
fn addresses_of_own_code(fixture: &Fixture) -> Vec<u64> {
    let bytes = std::fs::read(&fixture.program).expect("the program");
    let object = object::File::parse(&*bytes).expect("an object");
    let own = |name: &str| name.contains("3app") || name.contains("8some_dep");
    let mut addresses: Vec<u64> = object
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.name().is_ok_and(own))
        .flat_map(|symbol| (symbol.address()..symbol.address() + symbol.size()).step_by(5))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

/// File name and line of every frame, innermost first.
fn ask_binutils(fixture: &Fixture, addresses: &[u64]) -> Option<Vec<Vec<String>>> {
    let mut child = Command::new("addr2line")
        .args(["-a", "-i", "-e"])
        .arg(&fixture.program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let text: String = addresses
        .iter()
        .map(|address| format!("{address:#x}\n"))
        .collect();
    let mut input = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("addr2line runs");
    writer.join().expect("a thread").expect("written");
    let mut answers: Vec<Vec<String>> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match answers.last_mut() {
            Some(answer) if !line.starts_with("0x") => answer.push(short(line)),
            _ => answers.push(Vec::new()),
        }
    }
    Some(answers)
}

/// `/a/b.rs:7 (discriminator 2)` as `b.rs:7`; without a line the file means nothing.
fn short(location: &str) -> String {
    let location = location.split(" (").next().unwrap_or(location);
    let name = location.rsplit('/').next().unwrap_or(location);
    match name.rsplit_once(':') {
        Some((_, "?" | "0")) | None => "?".to_owned(),
        Some(_) => name.to_owned(),
    }
}

fn ask_ourselves(recorded: &Recorded, addresses: &[u64]) -> Vec<Vec<String>> {
    let module = recorded.program();
    let bias = recorded.modules[module].bias;
    let site = |address: &u64| Site {
        address: FrameAddress::Exact(address + bias),
        module: Some(module),
    };
    let sites: Vec<Site> = addresses.iter().map(site).collect();
    let ours = Recorded {
        modules: recorded.modules.clone(),
        sites,
        stacks: Default::default(),
    };
    let table = ours.resolve(&quick());
    let shown = |site: usize| {
        let frames = table.frames(site).iter().map(|&id| table.frame(id));
        frames
            .map(|frame| match (&frame.path, frame.line) {
                (Some(path), Some(line)) => short(&format!("{}:{line}", path.display())),
                _ => "?".to_owned(),
            })
            .collect()
    };
    (0..addresses.len()).map(shown).collect()
}
