//! What a capture tells its caller: frames, how the stack ends, modules.

/// The code address of one frame in the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameAddress {
    /// The instruction after a call; the call itself is one byte before.
    ReturnAddress(u64),
    /// The instruction that a signal interrupted: do not subtract from it.
    Exact(u64),
    /// Stands for all the frames that a limit on the depth left out.
    Omitted,
}

/// How a walk came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackEnd {
    /// At the outermost frame of the thread.
    Complete,
    /// Before that: the frames that are there are right, others are missing.
    Cut(CutReason),
}

/// Why a walk did not reach the outermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CutReason {
    /// The outermost address that is known belongs to no mapped code.
    NoModule,
    /// The code there has no unwind tables, or none for that address: code
    /// made at run time, assembly, or built without tables. With `panic=abort`
    /// rustc makes none for the C function `main`, so that stacks of the first
    /// thread end there.
    NoRule,
    /// The tables ask for something a walk does not have, such as the value
    /// of another register.
    Odd,
    /// The next frame would not lie further out: tables and stack disagree.
    NotAdvancing,
    /// The next frame would lie outside the current stack.
    OutsideStack,
    /// [`Pages`](crate::Pages) had no memory for more frames, or too little was left of the
    /// stack to read unwind tables.
    NoMemory,
}

/// A file that is mapped as code, or the kernel's own (`[vdso]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// The first mapped address.
    pub start: u64,
    /// One past the last mapped address.
    pub end: u64,
    /// Address in the process less the address in the file's symbol table;
    /// wraps around for code that was moved down.
    pub bias: u64,
    /// The linker's identification of the file; empty if it made none.
    pub build_id: &'a [u8],
    /// As the kernel lists it, without the mark of a deleted file.
    pub path: &'a [u8],
}

/// The number of the first node that is a frame. Those below are what is outside of
/// the outermost frame: [`StackEnd::root`], and [`LOST_NODE`].
pub const FIRST_NODE: u32 = 16;

/// Stands for stacks that there was no memory for.
pub const LOST_NODE: u32 = 1;

impl CutReason {
    const ALL: [CutReason; 6] = [
        CutReason::NoModule,
        CutReason::NoRule,
        CutReason::Odd,
        CutReason::NotAdvancing,
        CutReason::OutsideStack,
        CutReason::NoMemory,
    ];
}

impl StackEnd {
    /// The node outside of the outermost frame of stacks that end so.
    #[must_use]
    pub const fn root(self) -> u32 {
        match self {
            StackEnd::Complete => 0,
            StackEnd::Cut(reason) => 2 + reason as u32,
        }
    }

    /// The end that a node below [`FIRST_NODE`] stands for.
    #[must_use]
    pub fn of_root(node: u32) -> Option<StackEnd> {
        let cuts = CutReason::ALL.map(StackEnd::Cut);
        let mut ends = core::iter::once(StackEnd::Complete).chain(cuts);
        ends.find(|end| end.root() == node)
    }
}

/// Where new nodes and modules are told. Called while a capture runs, so an
/// implementation must not allocate from what is being recorded, lock or panic.
pub trait StackLog {
    /// This frame, called from the frame (or root) `parent`, is `node` from now on.
    /// Numbers ascend by one from [`FIRST_NODE`]. False if it could not be logged:
    /// then the number is given again to the next one, and the capture's stack is
    /// [`LOST_NODE`].
    fn node(&mut self, node: u32, parent: u32, address: FrameAddress) -> bool;

    /// A module that later addresses lie in. Told once, before the first address
    /// inside it.
    fn module(&mut self, module: &Module<'_>);

    /// A module that was told went away or was replaced. Nodes told so far are not
    /// used again; modules still mapped are not told anew.
    fn modules_changed(&mut self);

    /// Under [`Memo::Verify`](crate::Memo::Verify): a stack was walked again without the
    /// memo, and was the same or not.
    fn verified(&mut self, _same: bool) {}
}
