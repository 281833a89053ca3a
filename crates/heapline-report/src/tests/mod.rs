//! Reports on synthetic traces, with symbols and sources made up for them.

mod arrays;
#[path = "../../../../tests/fuzz/every_report.rs"]
mod every_report;
mod families;
mod flamegraphs;
mod hostile;
mod line_tables;
mod oracle;
mod order;
mod packing;
mod profile_tables;
mod reallocations;
mod summaries;
mod temporaries;

use std::cell::RefCell;
use std::path::Path;

use heapline_trace::{FrameAddress, NodeId, StreamBuilder, TraceBuilder};

use crate::source::Sources;
use crate::symbols::{Frame, Origin, SymbolOptions, SymbolTable};
use crate::{LineOptions, LineTable, Options, Report};

/// Replays a trace; its addresses have no symbols.
fn report(builder: TraceBuilder) -> Report {
    report_of_bytes(builder.finish())
}

fn report_of_bytes(bytes: Vec<u8>) -> Report {
    let path = Path::new("test.heapline");
    Report::from_bytes(path, bytes, &Options::default(), &mut |_| {}).expect("a good trace")
}

/// Gives each address the frames that `frames` names, innermost first.
fn with_symbols(mut report: Report, frames: impl Fn(u64) -> Vec<Frame>) -> Report {
    let mut table = SymbolTable::default();
    for site in report.stacks.sites() {
        let list = match site.address {
            FrameAddress::Return(address) | FrameAddress::Exact(address) => frames(address),
            FrameAddress::Omitted => Vec::new(),
        };
        let list = table.add_list(list, None);
        table.add_site(list);
    }
    let sources = Sources::new(&table, &SymbolOptions::default());
    report.sources = RefCell::new(sources);
    report.symbols = table;
    report
}

/// A frame of the user's in `src/main.rs`.
fn frame(function: &str, line: u32) -> Frame {
    Frame {
        function: function.to_owned(),
        file: Some("src/main.rs".to_owned()),
        path: None,
        line: Some(line),
        krate: function.split("::").next().unwrap_or_default().to_owned(),
        origin: Origin::Workspace,
        inlined: false,
        folded: false,
    }
}

/// Adds a stack by its addresses, the outermost first.
fn stack(stream: &mut StreamBuilder, addresses: &[u64]) -> NodeId {
    addresses.iter().fold(NodeId::COMPLETE, |parent, &address| {
        stream.node(parent, FrameAddress::Return(address))
    })
}

fn lines(report: &Report, options: &LineOptions) -> LineTable {
    report.lines(options, &mut |_| {}).expect("a line table")
}
