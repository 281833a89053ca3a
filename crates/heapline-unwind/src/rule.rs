//! How to leave one frame, in eight bytes.

use crate::code::State;

/// What a rule tells to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RuleKind {
    /// CFA = sp + offset.
    StackPointer = 0,
    /// CFA = bp + offset.
    FramePointer = 1,
    /// The outermost frame: its return address is declared undefined.
    Outermost = 2,
    /// The tables have a rule that does not fit eight bytes: evaluate it.
    Odd = 3,
    /// The module has no rule for this address.
    NoRule = 4,
    /// No known module holds this address.
    NoModule = 5,
    /// What the tables said may not be true any more.
    Stale = 6,
    /// In a walk under way: what was read while leaving the frame is listed.
    Listed = 7,
}

/// CFA = register + offset; the return address is at CFA - 8; the caller's bp is
/// at CFA - `bp_bytes`, or still in bp if that is 0. The CFA (canonical frame
/// address) is also the caller's stack pointer.
///
/// | bits | |
/// |---|---|
/// | 0..3 | the kind |
/// | 3 | leaving the frame takes bp's value into account |
/// | 4..16 | where bp is saved, in words of 8 below the CFA; or the listed reads |
/// | 16..32 | the CFA's offset in words, signed |
/// | 4..32 | for code that was unknown: in which capture, modulo 2^28 |
/// | 32..64 | the number of the code address: its *site* |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule(u64);

const NEEDS_BP: u64 = 1 << 3;
const SLOT_MASK: u64 = 0xfff;
const SITE_SHIFT: u32 = 32;
/// Captures are told apart modulo this number where code was unknown.
const CAPTURES: u32 = 1 << 28;

impl Rule {
    /// A rule without numbers. An odd one may compute from anything.
    pub(crate) const fn plain(kind: RuleKind) -> Rule {
        let needs_bp = match kind {
            RuleKind::Odd => NEEDS_BP,
            _ => 0,
        };
        Rule(kind as u64 | needs_bp)
    }

    /// Code that was unknown in this capture.
    pub(crate) const fn unknown(capture: u32) -> Rule {
        Rule(RuleKind::NoModule as u64 | ((capture % CAPTURES) as u64) << 4)
    }

    /// Offsets are in bytes, that of bp from the CFA. `None` if a number does not fit.
    pub(crate) fn framed(kind: RuleKind, cfa_offset: i64, bp_offset: Option<i64>) -> Option<Rule> {
        let bp_slot = match bp_offset {
            None => 0,
            Some(offset) if offset < 0 && offset % 8 == 0 => u64::try_from(-(offset / 8)).ok()?,
            Some(_) => return None,
        };
        if bp_slot > SLOT_MASK || cfa_offset % 8 != 0 {
            return None;
        }
        let cfa_words = i16::try_from(cfa_offset / 8).ok()?;
        let needs_bp = match kind {
            RuleKind::FramePointer => NEEDS_BP,
            _ => 0,
        };
        let numbers = bp_slot << 4 | u64::from(cfa_words as u16) << 16;
        Some(Rule(kind as u64 | needs_bp | numbers))
    }

    /// The rule of a frame whose reads are listed, so many of them. `None` if they
    /// are too many.
    pub(crate) fn listed(self, reads: usize) -> Option<Rule> {
        let reads = u64::try_from(reads)
            .ok()
            .filter(|&reads| reads <= SLOT_MASK)?;
        let kept = self.0 & (NEEDS_BP | u64::from(u32::MAX) << SITE_SHIFT);
        Some(Rule(RuleKind::Listed as u64 | kept | reads << 4))
    }

    pub(crate) const fn with_site(self, site: u32) -> Rule {
        Rule(self.0 & u32::MAX as u64 | (site as u64) << SITE_SHIFT)
    }

    /// The same site, with a rule that has to be looked up again.
    pub(crate) const fn stale(self) -> Rule {
        Rule::plain(RuleKind::Stale).with_site(self.site())
    }

    #[inline]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn from_word(word: u64) -> Rule {
        Rule(word)
    }

    #[inline]
    pub(crate) const fn kind(self) -> RuleKind {
        match self.0 & 7 {
            0 => RuleKind::StackPointer,
            1 => RuleKind::FramePointer,
            2 => RuleKind::Outermost,
            3 => RuleKind::Odd,
            4 => RuleKind::NoRule,
            5 => RuleKind::NoModule,
            6 => RuleKind::Stale,
            _ => RuleKind::Listed,
        }
    }

    /// Whether the CFA is one addition.
    #[inline]
    pub(crate) const fn is_framed(self) -> bool {
        self.0 & 7 <= RuleKind::FramePointer as u64
    }

    /// The CFA of a framed rule.
    #[inline]
    pub(crate) const fn cfa(self, state: State) -> u64 {
        let base = if self.0 & 7 == RuleKind::StackPointer as u64 {
            state.sp
        } else {
            state.bp
        };
        base.wrapping_add_signed(((self.0 as i32) >> 16) as i64 * 8)
    }

    #[inline]
    pub(crate) const fn bp_bytes(self) -> u64 {
        (self.0 >> 4 & SLOT_MASK) * 8
    }

    /// Whether leaving the frame takes bp's value into account.
    #[inline]
    pub(crate) const fn needs_bp(self) -> bool {
        self.0 & NEEDS_BP != 0
    }

    /// How many reads are listed.
    pub(crate) const fn listed_reads(self) -> usize {
        (self.0 >> 4 & SLOT_MASK) as usize
    }

    #[inline]
    pub(crate) const fn site(self) -> u32 {
        (self.0 >> SITE_SHIFT) as u32
    }

    /// For code that was unknown: captures since then, modulo 2^28.
    pub(crate) const fn age(self, capture: u32) -> u32 {
        let since = (self.0 as u32) >> 4;
        capture.wrapping_sub(since) % CAPTURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    const STATE: State = State {
        code: Code::from_word(1),
        sp: 0x10000,
        bp: 0x20000,
    };

    #[test]
    fn a_rule_is_made_of_its_numbers() {
        for (kind, base) in [
            (RuleKind::StackPointer, STATE.sp),
            (RuleKind::FramePointer, STATE.bp),
        ] {
            for (cfa, bp) in [(0, None), (16, Some(-16)), (-8, None), (0x3_fff8, Some(-8))] {
                let rule = Rule::framed(kind, cfa, bp).unwrap().with_site(u32::MAX);
                assert_eq!(Rule::from_word(rule.word()), rule);
                assert_eq!((rule.kind(), rule.site()), (kind, u32::MAX));
                assert_eq!(rule.cfa(STATE), base.wrapping_add_signed(cfa));
                assert_eq!(rule.bp_bytes(), bp.map_or(0, i64::unsigned_abs));
                assert_eq!(rule.needs_bp(), kind == RuleKind::FramePointer);
                assert!(rule.is_framed());
            }
        }
    }

    #[test]
    fn rules_without_numbers_are_not_framed() {
        for kind in [
            RuleKind::Outermost,
            RuleKind::Odd,
            RuleKind::NoRule,
            RuleKind::NoModule,
            RuleKind::Stale,
        ] {
            let rule = Rule::plain(kind);
            assert_eq!((rule.kind(), rule.is_framed()), (kind, false));
            assert_eq!(rule.needs_bp(), kind == RuleKind::Odd);
        }
    }

    #[test]
    fn the_age_of_unknown_code_survives_wrapping() {
        for since in [0, 5, CAPTURES - 1, CAPTURES, u32::MAX] {
            let rule = Rule::unknown(since).with_site(3);
            assert_eq!((rule.kind(), rule.site()), (RuleKind::NoModule, 3));
            assert_eq!(rule.age(since), 0);
            assert_eq!(rule.age(since.wrapping_add(1_001)), 1_001);
        }
    }

    #[test]
    fn listed_reads_replace_the_numbers_alone() {
        let rule = Rule::framed(RuleKind::FramePointer, 16, Some(-16)).unwrap();
        let listed = rule.with_site(9).listed(4_095).unwrap();
        assert_eq!((listed.kind(), listed.site()), (RuleKind::Listed, 9));
        assert_eq!((listed.listed_reads(), listed.needs_bp()), (4_095, true));
        assert_eq!(rule.listed(4_096), None);
        assert_eq!(rule.with_site(9).stale().site(), 9);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let framed = |cfa, bp| Rule::framed(RuleKind::StackPointer, cfa, bp);
        assert!(framed(16, Some(-16)).is_some());
        assert_eq!(framed(16, Some(-12)), None);
        assert_eq!(framed(16, Some(0)), None);
        assert_eq!(framed(16, Some(8)), None);
        assert_eq!(framed(16, Some(-8 * 4_096)), None);
        assert_eq!(framed(12, None), None);
        assert_eq!(framed(0x4_0000, None), None);
    }
}
