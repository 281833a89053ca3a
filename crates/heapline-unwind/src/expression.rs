//! The stack machine of DWARF expressions, as far as unwind tables use it:
//! signal trampolines, entries of the procedure linkage table, realigned
//! frames.

use gimli::{Encoding, EndianSlice, Expression, LittleEndian, Operation, X86_64};

use crate::code::State;

/// libgcc's machine is as deep.
const DEPTH: usize = 64;

/// Values, innermost last.
struct Machine {
    values: [u64; DEPTH],
    len: usize,
}

impl Machine {
    fn push(&mut self, value: u64) -> Option<()> {
        *self.values.get_mut(self.len)? = value;
        self.len += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<u64> {
        self.len = self.len.checked_sub(1)?;
        self.values.get(self.len).copied()
    }

    fn peek(&self, depth: usize) -> Option<u64> {
        let index = self.len.checked_sub(depth + 1)?;
        self.values.get(index).copied()
    }

    /// Replaces the two upper values by one; the uppermost is the second
    /// argument, as in the order they were pushed.
    fn combine(&mut self, operation: impl FnOnce(u64, u64) -> u64) -> Option<()> {
        let second = self.pop()?;
        let first = self.pop()?;
        self.push(operation(first, second))
    }

    fn compare(&mut self, operation: impl FnOnce(i64, i64) -> bool) -> Option<()> {
        self.combine(|first, second| u64::from(operation(first as i64, second as i64)))
    }
}

/// The expression's value. `None` when it asks for a register or an operation
/// that is not there, when its stack runs over or empty, or a read fails.
pub(crate) fn evaluate(
    expression: Expression<EndianSlice<'_, LittleEndian>>,
    encoding: Encoding,
    state: &State,
    first_value: Option<u64>,
    read: &mut dyn FnMut(u64) -> Option<u64>,
) -> Option<u64> {
    let mut machine = Machine {
        values: [0; DEPTH],
        len: 0,
    };
    if let Some(value) = first_value {
        machine.push(value)?;
    }
    let mut operations = expression.operations(encoding);
    while let Some(operation) = operations.next().ok()? {
        apply(&mut machine, operation, state, read)?;
    }
    machine.pop()
}

type Step<'a> = Operation<EndianSlice<'a, LittleEndian>>;

fn apply(
    machine: &mut Machine,
    operation: Step<'_>,
    state: &State,
    read: &mut dyn FnMut(u64) -> Option<u64>,
) -> Option<()> {
    match operation {
        Operation::RegisterOffset {
            register, offset, ..
        } => {
            let value = register_value(register, state)?;
            machine.push(value.wrapping_add_signed(offset))
        }
        Operation::Deref {
            size: 8,
            space: false,
            ..
        } => {
            let address = machine.pop()?;
            machine.push(read(address)?)
        }
        Operation::UnsignedConstant { value } => machine.push(value),
        Operation::SignedConstant { value } => machine.push(value as u64),
        Operation::PlusConstant { value } => {
            let first = machine.pop()?;
            machine.push(first.wrapping_add(value))
        }
        Operation::Nop => Some(()),
        Operation::Drop => machine.pop().map(drop),
        Operation::Pick { index } => {
            let value = machine.peek(usize::from(index))?;
            machine.push(value)
        }
        Operation::Swap => {
            let (upper, lower) = (machine.pop()?, machine.pop()?);
            machine.push(upper)?;
            machine.push(lower)
        }
        other => arithmetic(machine, &other),
    }
}

fn arithmetic(machine: &mut Machine, operation: &Step<'_>) -> Option<()> {
    let shift = |value: u64, bits: u64, by: fn(u64, u32) -> u64| match u32::try_from(bits) {
        Ok(bits) if bits < 64 => by(value, bits),
        _ => 0,
    };
    match operation {
        Operation::And => machine.combine(|a, b| a & b),
        Operation::Or => machine.combine(|a, b| a | b),
        Operation::Xor => machine.combine(|a, b| a ^ b),
        Operation::Plus => machine.combine(u64::wrapping_add),
        Operation::Minus => machine.combine(u64::wrapping_sub),
        Operation::Mul => machine.combine(u64::wrapping_mul),
        Operation::Shl => machine.combine(|a, b| shift(a, b, |value, bits| value << bits)),
        Operation::Shr => machine.combine(|a, b| shift(a, b, |value, bits| value >> bits)),
        Operation::Eq => machine.compare(|a, b| a == b),
        Operation::Ne => machine.compare(|a, b| a != b),
        Operation::Ge => machine.compare(|a, b| a >= b),
        Operation::Gt => machine.compare(|a, b| a > b),
        Operation::Le => machine.compare(|a, b| a <= b),
        Operation::Lt => machine.compare(|a, b| a < b),
        _ => None,
    }
}

fn register_value(register: gimli::Register, state: &State) -> Option<u64> {
    match register {
        X86_64::RBP => Some(state.bp),
        X86_64::RSP => Some(state.sp),
        X86_64::RA => Some(state.code.address()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    fn value(bytes: &[u8]) -> Option<u64> {
        let state = State {
            code: Code::exact(0x1_000b).unwrap(),
            sp: 0x2000,
            bp: 0x3000,
        };
        let encoding = Encoding {
            address_size: 8,
            format: gimli::Format::Dwarf32,
            version: 4,
        };
        let expression = Expression(EndianSlice::new(bytes, LittleEndian));
        evaluate(expression, encoding, &state, None, &mut |address| {
            Some(address * 2)
        })
    }

    #[test]
    fn a_procedure_linkage_entry() {
        // breg7 8, breg16 0, lit15, and, lit11, ge, lit3, shl, plus
        let bytes = [
            0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22,
        ];
        assert_eq!(value(&bytes), Some(0x2010));
    }

    #[test]
    fn a_trampoline_and_a_realigned_frame() {
        // breg7 160, deref
        assert_eq!(value(&[0x77, 0xa0, 0x01, 0x06]), Some((0x2000 + 160) * 2));
        // breg6 -8, deref
        assert_eq!(value(&[0x76, 0x78, 0x06]), Some((0x3000 - 8) * 2));
    }

    #[test]
    fn what_is_not_there_has_no_value() {
        // breg10 0: a register no walk knows
        assert_eq!(value(&[0x7a, 0x00]), None);
        // plus, with nothing to add
        assert_eq!(value(&[0x22]), None);
        // 65 literals
        assert_eq!(value(&[0x31; 65]), None);
        // an operation cut short
        assert_eq!(value(&[0x77]), None);
        assert_eq!(value(&[]), None);
    }
}
