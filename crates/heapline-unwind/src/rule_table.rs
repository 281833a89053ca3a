//! The rules found so far, by code address: open addressing with linear probes
//! at a load of at most one half. Nothing is evicted: two frames of one stack
//! that fought for a slot would miss at every capture.
//!
//! Every code address has a number, its site, under which nodes name it in half
//! the space.

use crate::Pages;
use crate::code::Code;
use crate::records::Records;
use crate::rule::{Rule, RuleKind};

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
    /// The code word of each site but the first, [`RuleTable::OMITTED`].
    sites: Records<1>,
}

impl RuleTable {
    /// The site that stands for frames left out.
    pub(crate) const OMITTED: u32 = 0;

    pub(crate) const fn new() -> RuleTable {
        RuleTable {
            slots: &mut [],
            used: 0,
            shift: 0,
            sites: Records::new(),
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

    /// Keeps a rule and gives it back with its site: the one that the code had
    /// before, or a new one. `None` without memory.
    pub(crate) fn insert(
        &mut self,
        code: Code,
        rule: Rule,
        pages: &mut impl Pages,
    ) -> Option<Rule> {
        let site = match self.get(code) {
            Some(old) => old.site(),
            None => self.new_site(code, pages)?,
        };
        let rule = rule.with_site(site);
        place(self.slots, self.shift, [code.word(), rule.word()]);
        Some(rule)
    }

    /// The site of an address that no walk has come to by rules.
    pub(crate) fn site(&mut self, code: Code, pages: &mut impl Pages) -> Option<u32> {
        let unknown = Rule::plain(RuleKind::Stale);
        let rule = self.get(code).or_else(|| self.insert(code, unknown, pages));
        rule.map(Rule::site)
    }

    /// Room for one more rule, and a number for its code.
    fn new_site(&mut self, code: Code, pages: &mut impl Pages) -> Option<u32> {
        if (self.used + 1) * 2 > self.slots.len() && !self.grow(pages) {
            return None;
        }
        let site = u32::try_from(self.sites.len() + 1).ok()?;
        if !self.sites.push([code.word()], pages) {
            return None;
        }
        self.used += 1;
        Some(site)
    }

    /// The code of a site; `None` for [`RuleTable::OMITTED`].
    pub(crate) fn code(&self, site: u32) -> Option<Code> {
        let index = (site as usize).checked_sub(1)?;
        let &[word] = self.sites.get(index)?;
        Some(Code::from_word(word))
    }

    /// Keeps the sites; every rule has to be found again.
    pub(crate) fn go_stale(&mut self) {
        for entry in self.slots.iter_mut().filter(|entry| entry[0] != 0) {
            entry[1] = Rule::from_word(entry[1]).stale().word();
        }
    }

    /// Forgets everything; the memory is kept.
    pub(crate) fn clear(&mut self) {
        self.slots.fill([0; 2]);
        self.used = 0;
        self.sites.truncate(0);
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

/// Into a free slot, or into that of the same key.
fn place(slots: &mut [[u64; 2]], shift: u32, entry: [u64; 2]) {
    let mask = slots.len().wrapping_sub(1);
    let mut index = first_slot(entry[0], shift);
    while let Some(slot) = slots.get_mut(index) {
        if slot[0] == 0 || slot[0] == entry[0] {
            *slot = entry;
            return;
        }
        index = (index + 1) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::common::{LeakedPages, NoPages};

    fn code(address: u64) -> Code {
        Code::return_address(address).unwrap()
    }

    fn rule(number: u32) -> Rule {
        Rule::framed(RuleKind::StackPointer, i64::from(number) * 8, None).unwrap()
    }

    #[test]
    fn finds_what_was_put_in_while_it_grows() {
        let mut table = RuleTable::new();
        assert_eq!(table.get(code(5)), None);
        for number in 1..=5_000_u32 {
            let address = u64::from(number) * 16;
            let kept = table.insert(code(address), rule(number), &mut LeakedPages);
            assert_eq!(kept, Some(rule(number).with_site(number)));
            assert_eq!(table.get(code(address + 1)), None);
        }
        for number in 1..=5_000_u32 {
            let address = u64::from(number) * 16;
            assert_eq!(
                table.get(code(address)),
                Some(rule(number).with_site(number))
            );
            assert_eq!(table.code(number), Some(code(address)));
        }
        table.insert(code(16), rule(7), &mut LeakedPages);
        assert_eq!(table.get(code(16)), Some(rule(7).with_site(1)));
        assert_eq!(table.used, 5_000);
        assert_eq!(table.code(RuleTable::OMITTED), None);
        assert_eq!(table.code(5_001), None);
        table.clear();
        assert_eq!(table.get(code(16)), None);
        assert_eq!(table.code(1), None);
    }

    #[test]
    fn stale_rules_keep_their_sites() {
        let mut table = RuleTable::new();
        table.insert(code(64), rule(1), &mut LeakedPages);
        table.insert(code(65), rule(2), &mut LeakedPages);
        table.go_stale();
        assert_eq!(table.get(code(65)).map(Rule::kind), Some(RuleKind::Stale));
        let found = table.insert(code(65), rule(3), &mut LeakedPages);
        assert_eq!(found, Some(rule(3).with_site(2)));
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
        assert_eq!(table.insert(code(64), rule(1), &mut NoPages), None);
        assert_eq!(table.get(code(64)), None);
    }
}
