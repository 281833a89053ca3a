//! From a module's unwind tables (`.eh_frame`) to a rule, on fixed storage.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EhFrameOffset, EndianSlice, FrameDescriptionEntry,
    LittleEndian, Pointer, Register, RegisterRule, UnwindContext, UnwindContextStorage,
    UnwindExpression, UnwindSection, UnwindTableRow, X86_64,
};

use crate::code::State;
use crate::expression;
use crate::rule::{Rule, RuleKind};

/// Registers whose rules one row may hold; a signal trampoline has all 17 of
/// the general registers.
const REGISTERS: usize = 32;
/// Rows that a program for the table may remember at once.
const ROWS: usize = 4;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Arrays in place of gimli's heap storage.
#[derive(Debug)]
pub(crate) struct FixedStorage;

impl UnwindContextStorage<usize> for FixedStorage {
    type Rules = [(Register, RegisterRule<usize>); REGISTERS];
    type Stack = [UnwindTableRow<usize, Self>; ROWS];
}

pub(crate) type CfiContext = UnwindContext<usize, FixedStorage>;

/// A module's unwind tables as they lie in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables<'a> {
    /// `.eh_frame_hdr`
    pub(crate) header: &'a [u8],
    pub(crate) header_address: u64,
    /// `.eh_frame` and whatever follows it in its segment.
    pub(crate) frames: &'a [u8],
    pub(crate) frames_address: u64,
}

/// A step whose rule had to be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OddStep {
    /// The frame is declared to be the outermost.
    Outermost,
    /// The caller's frame.
    Caller {
        return_address: u64,
        cfa: u64,
        bp: u64,
        /// The frame that was left is a signal trampoline, so the return address
        /// is exact.
        signal: bool,
    },
}

/// Where the table in the header says that `.eh_frame` starts.
pub(crate) fn frames_address(header: &[u8], header_address: u64) -> Option<u64> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(header_address);
    let header = EhFrameHdr::new(header, LittleEndian)
        .parse(&bases, 8)
        .ok()?;
    header.eh_frame_ptr().direct().ok()
}

/// The rule in force at an address, in eight bytes or marked as odd.
pub(crate) fn rule(tables: &Tables<'_>, context: &mut CfiContext, address: u64) -> Rule {
    compact_rule(tables, context, address).unwrap_or(Rule::plain(RuleKind::NoRule))
}

fn compact_rule(tables: &Tables<'_>, context: &mut CfiContext, address: u64) -> Option<Rule> {
    let (section, entry) = entry(tables, address)?;
    let row = entry
        .unwind_info_for_address(&section.frames, &section.bases, context, address)
        .ok()?;
    let odd = Some(Rule::plain(RuleKind::Odd));
    if entry.cie().return_address_register() != X86_64::RA {
        return None;
    }
    match row.register(X86_64::RA)? {
        RegisterRule::Undefined => return Some(Rule::plain(RuleKind::Outermost)),
        RegisterRule::Offset(-8) if !entry.is_signal_trampoline() => {}
        _ => return odd,
    }
    let bp_offset = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => None,
        Some(RegisterRule::Offset(offset)) => Some(offset),
        Some(_) => return odd,
    };
    let (kind, offset) = match *row.cfa() {
        CfaRule::RegisterAndOffset {
            register: X86_64::RSP,
            offset,
        } => (RuleKind::StackPointer, offset),
        CfaRule::RegisterAndOffset {
            register: X86_64::RBP,
            offset,
        } => (RuleKind::FramePointer, offset),
        _ => return odd,
    };
    Rule::framed(kind, offset, bp_offset).or(odd)
}

/// Leaves a frame whose rule is odd. `None` when the rule needs a register
/// that a walk does not have, or a read failed.
pub(crate) fn odd_step(
    tables: &Tables<'_>,
    context: &mut CfiContext,
    state: &State,
    read: &mut dyn FnMut(u64) -> Option<u64>,
) -> Option<OddStep> {
    let address = state.code.lookup_address();
    let (section, entry) = entry(tables, address)?;
    let row = entry
        .unwind_info_for_address(&section.frames, &section.bases, context, address)
        .ok()?;
    let evaluate = |expression: UnwindExpression<usize>, first, read: &mut dyn FnMut(_) -> _| {
        let expression = expression.get(&section.frames).ok()?;
        expression::evaluate(expression, entry.cie().encoding(), state, first, read)
    };
    let cfa = match row.cfa().clone() {
        CfaRule::RegisterAndOffset { register, offset } => {
            known_register(register, state)?.wrapping_add_signed(offset)
        }
        CfaRule::Expression(expression) => evaluate(expression, None, read)?,
    };
    let recover = |rule, read: &mut dyn FnMut(u64) -> Option<u64>| match rule {
        RegisterRule::Offset(offset) => read(cfa.wrapping_add_signed(offset)),
        RegisterRule::ValOffset(offset) => Some(cfa.wrapping_add_signed(offset)),
        RegisterRule::Register(register) => known_register(register, state),
        RegisterRule::Expression(expression) => {
            let address = evaluate(expression, Some(cfa), read)?;
            read(address)
        }
        RegisterRule::ValExpression(expression) => evaluate(expression, Some(cfa), read),
        _ => None,
    };
    let return_address = match row.register(X86_64::RA)? {
        RegisterRule::Undefined => return Some(OddStep::Outermost),
        rule => recover(rule, read)?,
    };
    let bp = match row.register(X86_64::RBP) {
        None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => state.bp,
        Some(rule) => recover(rule, read)?,
    };
    Some(OddStep::Caller {
        return_address,
        cfa,
        bp,
        signal: entry.is_signal_trampoline(),
    })
}

fn known_register(register: Register, state: &State) -> Option<u64> {
    match register {
        X86_64::RSP => Some(state.sp),
        X86_64::RBP => Some(state.bp),
        _ => None,
    }
}

/// `.eh_frame` and what its pointers are relative to.
struct Section<'a> {
    frames: EhFrame<Slice<'a>>,
    bases: BaseAddresses,
}

/// The entry that covers an address: by binary search in the header's table, or
/// through all entries if the linker made no table.
fn entry<'a>(
    tables: &Tables<'a>,
    address: u64,
) -> Option<(Section<'a>, FrameDescriptionEntry<Slice<'a>>)> {
    let section = Section {
        frames: EhFrame::new(tables.frames, LittleEndian),
        bases: BaseAddresses::default()
            .set_eh_frame_hdr(tables.header_address)
            .set_eh_frame(tables.frames_address),
    };
    let header = EhFrameHdr::new(tables.header, LittleEndian)
        .parse(&section.bases, 8)
        .ok()?;
    let entry = match header.table() {
        Some(table) => {
            let Ok(Pointer::Direct(pointer)) = table.lookup(address, &section.bases) else {
                return None;
            };
            let offset = usize::try_from(pointer.checked_sub(tables.frames_address)?).ok()?;
            let get_cie = EhFrame::cie_from_offset;
            section
                .frames
                .fde_from_offset(&section.bases, EhFrameOffset(offset), get_cie)
        }
        None => section
            .frames
            .fde_for_address(&section.bases, address, EhFrame::cie_from_offset),
    };
    let entry = entry.ok().filter(|entry| entry.contains(address))?;
    Some((section, entry))
}
