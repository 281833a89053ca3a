//! How to leave one frame, in eight bytes.

use crate::code::State;
use crate::memo::BpUse;

/// What a rule tells to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RuleKind {
    /// CFA = sp + offset.
    StackPointer = 1,
    /// CFA = bp + offset.
    FramePointer = 2,
    /// The outermost frame: its return address is declared undefined.
    Outermost = 3,
    /// The tables have a rule that does not fit eight bytes: evaluate it.
    Odd = 4,
    /// The module has no rule for this address.
    NoRule = 5,
    /// No known module holds this address.
    NoModule = 6,
}

/// CFA = register + `cfa_offset`; the return address is at CFA - 8; the
/// caller's bp is at CFA - `bp_bytes`, or still in bp if that is 0. The CFA
/// (canonical frame address) is also the caller's stack pointer.
///
/// | bits | |
/// |---|---|
/// | 0..8 | the kind |
/// | 8..10 | what it does with bp |
/// | 16..32 | `bp_bytes`, in words of 8 |
/// | 32..64 | `cfa_offset`, signed |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule(u64);

impl Rule {
    /// A rule without numbers. An odd one may compute from anything and read in
    /// any order.
    pub(crate) const fn plain(kind: RuleKind) -> Rule {
        let bp_use = match kind {
            RuleKind::Odd => BpUse::NEEDS,
            _ => BpUse::KEEPS,
        };
        Rule(kind as u64 | bp_use.bits() << 8)
    }

    /// Code that was unknown in this capture.
    pub(crate) const fn unknown(capture: u32) -> Rule {
        Rule(RuleKind::NoModule as u64 | (capture as u64) << 32)
    }

    /// `bp_offset` is from the CFA, in bytes. `None` if a number does not fit.
    pub(crate) fn framed(kind: RuleKind, cfa_offset: i64, bp_offset: Option<i64>) -> Option<Rule> {
        let bp_slot = match bp_offset {
            None => 0,
            Some(offset) if offset < 0 && offset % 8 == 0 => u16::try_from(-(offset / 8)).ok()?,
            Some(_) => return None,
        };
        let cfa_offset = i32::try_from(cfa_offset).ok()?;
        let bp_use = match (kind, bp_slot) {
            (RuleKind::FramePointer, 0) => BpUse::NEEDS,
            (RuleKind::FramePointer, _) => BpUse::NEEDS_AND_RESTORES,
            (_, 0) => BpUse::KEEPS,
            (_, _) => BpUse::RESTORES,
        };
        let numbers = u64::from(bp_slot) << 16 | u64::from(cfa_offset as u32) << 32;
        Some(Rule(kind as u64 | bp_use.bits() << 8 | numbers))
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
        match self.0 as u8 {
            1 => RuleKind::StackPointer,
            2 => RuleKind::FramePointer,
            3 => RuleKind::Outermost,
            4 => RuleKind::Odd,
            5 => RuleKind::NoRule,
            _ => RuleKind::NoModule,
        }
    }

    /// The CFA, if the rule is one of two additions.
    #[inline]
    pub(crate) const fn cfa(self, state: &State) -> Option<u64> {
        let base = if self.0 as u8 == RuleKind::StackPointer as u8 {
            state.sp
        } else if self.0 as u8 == RuleKind::FramePointer as u8 {
            state.bp
        } else {
            return None;
        };
        Some(base.wrapping_add_signed((self.0 as i64) >> 32))
    }

    #[inline]
    pub(crate) const fn bp_bytes(self) -> u64 {
        (self.0 >> 16 & 0xffff) * 8
    }

    #[inline]
    pub(crate) const fn bp_use(self) -> BpUse {
        BpUse::from_bits(self.0 >> 8 & 3)
    }

    /// For code that was unknown: in which capture.
    pub(crate) const fn unknown_since(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    const STATE: State = State {
        code: Code::from_word(1),
        sp: 0x1000,
        bp: 0x2000,
    };

    #[test]
    fn a_rule_is_made_of_its_numbers() {
        for (kind, base) in [
            (RuleKind::StackPointer, STATE.sp),
            (RuleKind::FramePointer, STATE.bp),
        ] {
            for (cfa, bp) in [(0, None), (16, Some(-16)), (-8, None), (1 << 30, Some(-8))] {
                let rule = Rule::framed(kind, cfa, bp).unwrap();
                assert_eq!(Rule::from_word(rule.word()), rule);
                assert_eq!(rule.kind(), kind);
                assert_eq!(rule.cfa(&STATE), Some(base.wrapping_add_signed(cfa)));
                assert_eq!(rule.bp_bytes(), bp.map_or(0, i64::unsigned_abs));
            }
        }
        let needs = |kind, bp| Rule::framed(kind, 16, bp).unwrap().bp_use();
        assert_eq!(needs(RuleKind::StackPointer, None), BpUse::KEEPS);
        assert_eq!(needs(RuleKind::StackPointer, Some(-16)), BpUse::RESTORES);
        assert_eq!(needs(RuleKind::FramePointer, None), BpUse::NEEDS);
        assert_eq!(
            needs(RuleKind::FramePointer, Some(-16)),
            BpUse::NEEDS_AND_RESTORES
        );
    }

    #[test]
    fn rules_without_numbers_have_no_cfa() {
        for kind in [
            RuleKind::Outermost,
            RuleKind::Odd,
            RuleKind::NoRule,
            RuleKind::NoModule,
        ] {
            let rule = Rule::plain(kind);
            assert_eq!((rule.kind(), rule.cfa(&STATE)), (kind, None));
        }
        assert_eq!(Rule::plain(RuleKind::Odd).bp_use(), BpUse::NEEDS);
        let unknown = Rule::unknown(u32::MAX);
        assert_eq!(unknown.kind(), RuleKind::NoModule);
        assert_eq!(
            (unknown.unknown_since(), unknown.cfa(&STATE)),
            (u32::MAX, None)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let framed = |cfa, bp| Rule::framed(RuleKind::StackPointer, cfa, bp);
        assert!(framed(16, Some(-16)).is_some());
        assert_eq!(framed(16, Some(-12)), None);
        assert_eq!(framed(16, Some(0)), None);
        assert_eq!(framed(16, Some(8)), None);
        assert_eq!(framed(16, Some(-8 * 65_536)), None);
        assert_eq!(framed(1 << 31, None), None);
    }
}
