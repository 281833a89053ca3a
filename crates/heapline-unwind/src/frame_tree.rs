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
    /// [`Pages`](crate::Pages) had no memory for more frames.
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

/// What the caller builds out of frames. Called while a capture runs, so an
/// implementation must not allocate from what is being recorded, lock or panic.
pub trait FrameTree {
    /// The node for "outside of the outermost frame" of stacks that end so.
    fn root(&mut self, end: StackEnd) -> u32;

    /// The node for this frame called from `parent`: always the same one for
    /// the same pair, until [`FrameTree::modules_changed`].
    fn child(&mut self, parent: u32, address: FrameAddress) -> u32;

    /// A module that later addresses lie in. Called once for each, before the
    /// first address inside it.
    fn module(&mut self, module: &Module<'_>);

    /// A module that this tree was told of went away or was replaced. Nodes
    /// handed out so far are not used again; modules still mapped are not
    /// told anew.
    fn modules_changed(&mut self);
}
