//! Stacks with one number each, as a tree of names: what flame graphs are drawn from.
//!
//! Names stand for frames here: two frames of one function are one name, so a
//! recursion is a column and a loop's lines lie together.

use std::fmt::Write;

use rustc_hash::FxHashMap;

use crate::facts::live_at;
use crate::names::{Name, Names};
use crate::report::{Progress, Report};
use crate::stacks::StackId;
use crate::symbols::{Frame, FrameId, fold_stack};
use crate::{ReportError, StackFacts, units};

/// What a stack's number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Bytes live at an instant.
    #[default]
    Live,
    /// Bytes that allocations asked for.
    Allocated,
    /// Allocations.
    Allocations,
    /// Temporary allocations.
    Temporary,
}

/// The instant at which live bytes are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// The global peak.
    #[default]
    Peak,
    /// After the last event.
    End,
    /// Nanoseconds since recording began.
    Nanoseconds(u64),
}

/// Which stacks, and which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldedOptions {
    /// What is counted.
    pub metric: Metric,
    /// When, for live bytes.
    pub at: At,
    /// The innermost frame first, so that what allocates is at the root.
    pub inverted: bool,
    /// With the frames of runtime and plumbing.
    pub full: bool,
}

/// A tree of names with what each stack of them amounts to.
#[derive(Clone, Debug)]
pub struct Folded {
    /// What was asked for.
    pub options: FoldedOptions,
    /// The sum over all stacks.
    pub total: u64,
    names: Names,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    name: u32,
    /// What ends here.
    own: u64,
    /// What ends here or further in.
    total: u64,
    children: Vec<u32>,
}

impl Report {
    /// Stacks by name with their amounts.
    ///
    /// # Errors
    /// If every amount is 0, or the trace cannot be read again for
    /// [`At::Nanoseconds`].
    pub fn folded(
        &self,
        options: &FoldedOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Folded, ReportError> {
        let amounts = self.amounts(options, progress)?;
        let mut tree = TreeBuilder::new(self, *options);
        for (stack, &amount) in self.stacks.ids().zip(&amounts) {
            if amount > 0 {
                tree.add(stack, amount);
            }
        }
        let folded = tree.finish();
        if folded.total == 0 {
            let what = options.metric.what();
            return Err(ReportError::nothing_to_draw(&self.path, what));
        }
        Ok(folded)
    }

    fn amounts(
        &self,
        options: &FoldedOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<u64>, ReportError> {
        let of = |amount: fn(&StackFacts) -> u64| self.facts.iter().map(amount).collect();
        Ok(match (options.metric, options.at) {
            (Metric::Live, At::Peak) => of(|facts| facts.live_at_peak_bytes),
            (Metric::Live, At::End) => of(|facts| facts.live_at_end_bytes),
            (Metric::Live, At::Nanoseconds(nanoseconds)) => {
                let stacks = self.stacks.len();
                self.second_pass(progress, |trace, tick| {
                    live_at(trace, nanoseconds, stacks, tick)
                })?
            }
            (Metric::Allocated, _) => of(|facts| facts.allocated_bytes),
            (Metric::Allocations, _) => of(|facts| facts.allocations),
            (Metric::Temporary, _) => of(|facts| facts.temporary_allocations),
        })
    }
}

impl Metric {
    fn what(self) -> &'static str {
        match self {
            Metric::Live => "live memory",
            Metric::Allocated => "allocated memory",
            Metric::Allocations => "the number of allocations",
            Metric::Temporary => "the number of temporary allocations",
        }
    }

    /// The unit of its amounts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Metric::Live | Metric::Allocated => "bytes",
            Metric::Allocations => "allocations",
            Metric::Temporary => "temporary allocations",
        }
    }
}

struct TreeBuilder<'a> {
    report: &'a Report,
    options: FoldedOptions,
    names: Names,
    nodes: Vec<Node>,
    children: FxHashMap<(u32, u32), u32>,
}

impl<'a> TreeBuilder<'a> {
    fn new(report: &'a Report, options: FoldedOptions) -> Self {
        TreeBuilder {
            report,
            options,
            names: Names::default(),
            nodes: vec![Node::default()],
            children: FxHashMap::default(),
        }
    }

    fn add(&mut self, stack: StackId, amount: u64) {
        let mut path = self.path(stack);
        if !self.options.inverted {
            path.reverse();
        }
        let mut at = 0;
        self.nodes[0].total += amount;
        for name in path {
            at = self.child(at, name);
            self.nodes[at as usize].total += amount;
        }
        self.nodes[at as usize].own += amount;
    }

    fn child(&mut self, parent: u32, name: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let child = *self.children.entry((parent, name)).or_insert(next);
        if child == next {
            self.nodes[parent as usize].children.push(child);
            self.nodes.push(Node {
                name,
                ..Node::default()
            });
        }
        child
    }

    /// The stack's names, innermost first.
    fn path(&mut self, stack: StackId) -> Vec<u32> {
        let symbols = &self.report.symbols;
        let ids: Vec<FrameId> = self
            .report
            .stacks
            .sites_of(stack)
            .flat_map(|site| symbols.frames(site))
            .copied()
            .collect();
        let frames: Vec<&Frame> = ids.iter().map(|&id| symbols.frame(id)).collect();
        let shown = if self.options.full {
            (0..frames.len()).collect()
        } else {
            fold_stack(&frames)
        };
        let mut path: Vec<u32> = shown
            .into_iter()
            .map(|at| self.names.of_frame(ids[at], frames[at]))
            .collect();
        let root = self.report.stacks.root_of(stack);
        if root == heapline_trace::NodeId::LOST {
            path.push(self.names.of_note("[stack lost]"));
        } else if root.is_cut_root() {
            path.push(self.names.of_note("[stack cut]"));
        } else if path.is_empty() {
            path.push(self.names.of_note("[no frames]"));
        }
        path
    }

    fn finish(mut self) -> Folded {
        let names = &self.names.names;
        let order: Vec<(&str, bool)> = self
            .nodes
            .iter()
            .map(|node| {
                names
                    .get(node.name as usize)
                    .map_or(("", false), |name| (name.text.as_str(), name.inlined))
            })
            .collect();
        for node in &mut self.nodes {
            node.children.sort_by_key(|&child| order[child as usize]);
        }
        Folded {
            options: self.options,
            total: self.nodes[0].total,
            names: self.names,
            nodes: self.nodes,
        }
    }
}

impl Folded {
    /// Lines `outermost;…;innermost AMOUNT`, inline frames with the suffix `_[i]`.
    #[must_use]
    pub fn text(&self) -> String {
        self.write(1, &|name, text| {
            text.push_str(&name.text);
            if name.inlined {
                text.push_str("_[i]");
            }
        })
    }

    /// What it shows, with the total: `live at the peak: 1.91 MiB (2,002,780 bytes)`.
    #[must_use]
    pub fn title(&self) -> String {
        let what = match (self.options.metric, self.options.at) {
            (Metric::Live, At::Peak) => "live at the peak".to_owned(),
            (Metric::Live, At::End) => "live at the end".to_owned(),
            (Metric::Live, At::Nanoseconds(time)) => {
                format!("live after {}", units::nanoseconds(time))
            }
            (Metric::Allocated, _) => "allocated".to_owned(),
            (Metric::Allocations, _) => "allocations".to_owned(),
            (Metric::Temporary, _) => "temporary allocations".to_owned(),
        };
        let exact = units::count(self.total);
        match self.options.metric {
            Metric::Live | Metric::Allocated => {
                format!("{what}: {} ({exact} bytes)", units::bytes(self.total))
            }
            Metric::Allocations | Metric::Temporary => format!("{what}: {exact}"),
        }
    }

    pub(crate) fn names(&self) -> &[Name] {
        &self.names.names
    }

    /// One line a stack, in the order of the names. Whatever amounts to less than
    /// `least` is added to the stack it grows from.
    pub(crate) fn write(&self, least: u64, name: &dyn Fn(&Name, &mut String)) -> String {
        let mut text = String::new();
        let mut path = String::new();
        // Nodes to visit, each with the length of its parent's path.
        let mut open: Vec<(u32, usize)> = vec![(0, 0)];
        while let Some((node, parent_length)) = open.pop() {
            path.truncate(parent_length);
            let entry = &self.nodes[node as usize];
            if node != 0 {
                if !path.is_empty() {
                    path.push(';');
                }
                name(&self.names.names[entry.name as usize], &mut path);
            }
            let mut amount = entry.own;
            for &child in entry.children.iter().rev() {
                match self.nodes[child as usize].total {
                    total if total < least => amount += total,
                    _ => open.push((child, path.len())),
                }
            }
            if amount > 0 && node != 0 {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{path} {amount}");
            }
        }
        text
    }
}
