//! The rules found so far, by code address: open addressing with linear probes
//! at a load of at most one half. Nothing is evicted: two frames of one stack
//! that fought for a slot would miss at every capture.

use crate::Pages;
use crate::code::Code;
use crate::rule::Rule;

/// Slots of the first table: one page.
const FIRST_SLOTS: usize = 256;

/// Code address to rule. It starts without memory and doubles as it fills.
#[derive(Debug)]
pub(crate) struct RuleTable {
    /// (code word, rule word); a code word of zero is a free slot. The length
    /// is zero or a power of two, and at least half of the slots are free.
    slots: &'static mut [[u64; 2]],
    used: usize,
    /// 64 less the number of bits of a slot number.
    shift: u32,
}

impl RuleTable {
    pub(crate) const fn new() -> RuleTable {
        RuleTable {
            slots: &mut [],
            used: 0,
            shift: 0,
        }
    }

    #[inline]
    pub(crate) fn get(&self, code: Code) -> Option<Rule> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut index = first_slot(code.word(), self.shift);
        loop {
            let [key, rule] = *self.slots.get(index)?;
            if key == code.word() {
                return Some(Rule::from_word(rule));
            }
            if key == 0 {
                return None;
            }
            index = (index + 1) & mask;
        }
    }

    /// Keeps a rule. Without memory it is dropped and will be found anew.
    pub(crate) fn insert(&mut self, code: Code, rule: Rule, pages: &mut impl Pages) {
        if (self.used + 1) * 2 > self.slots.len() && !self.grow(pages) {
            return;
        }
        if place(self.slots, self.shift, [code.word(), rule.word()]) {
            self.used += 1;
        }
    }

    /// Forgets every rule; the memory is kept.
    pub(crate) fn clear(&mut self) {
        self.slots.fill([0; 2]);
        self.used = 0;
    }

    fn grow(&mut self, pages: &mut impl Pages) -> bool {
        let len = (self.slots.len() * 2).max(FIRST_SLOTS);
        let Some(words) = pages.zeroed(len * 2) else {
            return false;
        };
        let slots = words.as_chunks_mut::<2>().0;
        let shift = 64 - len.trailing_zeros();
        for &entry in self.slots.iter().filter(|entry| entry[0] != 0) {
            place(slots, shift, entry);
        }
        self.shift = shift;
        let old = core::mem::replace(&mut self.slots, slots);
        if !old.is_empty() {
            pages.release(old.as_flattened_mut());
        }
        true
    }
}

/// Multiplying by the golden ratio spreads neighbouring addresses; the upper
/// bits are the well-mixed ones.
#[inline]
fn first_slot(word: u64, shift: u32) -> usize {
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (shift & 63)) as usize
}

/// Whether a free slot was taken; an entry with the same key is replaced.
fn place(slots: &mut [[u64; 2]], shift: u32, entry: [u64; 2]) -> bool {
    let mask = slots.len().wrapping_sub(1);
    let mut index = first_slot(entry[0], shift);
    while let Some(slot) = slots.get_mut(index) {
        let free = slot[0] == 0;
        if free || slot[0] == entry[0] {
            *slot = entry;
            return free;
        }
        index = (index + 1) & mask;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleKind;
    use crate::tests::common::{LeakedPages, NoPages};

    fn code(address: u64) -> Code {
        Code::return_address(address).unwrap()
    }

    fn rule(number: i64) -> Rule {
        Rule::framed(RuleKind::StackPointer, number, None).unwrap()
    }

    #[test]
    fn finds_what_was_put_in_while_it_grows() {
        let mut table = RuleTable::new();
        assert_eq!(table.get(code(5)), None);
        for number in 1..=5_000 {
            table.insert(code(number * 16), rule(number as i64), &mut LeakedPages);
            assert_eq!(table.get(code(number * 16 + 1)), None);
        }
        for number in 1..=5_000 {
            assert_eq!(table.get(code(number * 16)), Some(rule(number as i64)));
        }
        table.insert(code(16), rule(7), &mut LeakedPages);
        assert_eq!(table.get(code(16)), Some(rule(7)));
        assert_eq!(table.used, 5_000);
        table.clear();
        assert_eq!(table.get(code(16)), None);
    }

    #[test]
    fn exact_addresses_and_return_addresses_are_different_keys() {
        let mut table = RuleTable::new();
        table.insert(code(64), rule(1), &mut LeakedPages);
        assert_eq!(table.get(Code::exact(64).unwrap()), None);
    }

    #[test]
    fn without_memory_it_stays_empty() {
        let mut table = RuleTable::new();
        table.insert(code(64), rule(1), &mut NoPages);
        assert_eq!(table.get(code(64)), None);
    }
}
