//! Which mapping is the stack that the current thread runs on.

use core::ops::ControlFlow;

use crate::maps::{Mapping, MapsText};
use crate::stack_memory::StackMemory;
use crate::sys::{MapsFile, PAGE_BYTES, are_readable, on_first_stack, thread_pointer};

/// A stack and whether it is the one the thread was started on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    pub(crate) memory: StackMemory,
    /// The thread's own stack stays mapped for as long as the thread runs; any
    /// other (a coroutine's, a signal handler's) may be gone once it is left.
    pub(crate) native: bool,
    /// The first thread's, which is made larger when it is used up.
    pub(crate) grows: bool,
}

/// The stack that a line of the list describes, if `address` is inside.
pub(crate) fn of_line(mapping: &Mapping, path: &[u8], address: u64) -> Option<Stack> {
    if !mapping.contains(address) || !mapping.readable || !mapping.writable {
        return None;
    }
    // The C library puts a thread's control block at the top of its stack.
    let control_block = thread_pointer();
    let below_control_block = address < control_block && mapping.contains(control_block);
    // The kernel lists what lies behind the stack in one line with it where it can.
    let end = if below_control_block {
        mapping.end.min((control_block | (PAGE_BYTES - 1)) + 1)
    } else {
        mapping.end
    };
    // The first thread's stack has a name, but for a program that valgrind runs.
    let grows = path == b"[stack]" || mapping.contains(on_first_stack());
    Some(Stack {
        memory: StackMemory::of_mapping(mapping.start, end),
        native: grows || below_control_block,
        grows,
    })
}

/// More pages than these are looked up in the list in the same time.
const PAGES_ASKED_FOR: u64 = 256;

/// Whether a stack that is not the thread's own can be read from `sp` on: it can have been
/// left since the last capture, and another one made that begins at the same address.
pub(crate) fn is_there(memory: &StackMemory, sp: u64) -> bool {
    let first = sp & !(PAGE_BYTES - 1);
    let pages = memory.high().saturating_sub(first) / PAGE_BYTES;
    pages <= PAGES_ASKED_FOR && are_readable(first, pages)
}

/// Looks the stack around `address` up in a fresh list.
pub(crate) fn find(text: &mut MapsText, address: u64) -> Option<Stack> {
    let file = MapsFile::open()?;
    let mut found = None;
    text.for_each(
        |buffer| file.read(buffer),
        |mapping, path| {
            if !mapping.contains(address) {
                return ControlFlow::Continue(());
            }
            found = of_line(mapping, path, address);
            ControlFlow::Break(())
        },
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registers;

    #[test]
    fn a_thread_finds_its_own_stack() {
        std::thread::spawn(|| {
            let sp = Registers::current().sp;
            let stack = find(&mut MapsText::new(), sp).unwrap();
            assert!(stack.native && stack.memory.contains(sp));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn memory_that_is_no_stack_is_not_native() {
        let page = Box::leak(vec![0_u64; 1 << 20].into_boxed_slice());
        let stack = find(&mut MapsText::new(), page.as_ptr() as u64).unwrap();
        assert!(!stack.native);
        assert!(find(&mut MapsText::new(), 8).is_none());
    }
}
