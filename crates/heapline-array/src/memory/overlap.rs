//! Whether two arrays have a byte in common: a bounded linear Diophantine problem.
//!
//! Bytes of both are equal where `low_a + Σ step·k = low_b + Σ step·l`. With `l` counted
//! from its last value down, all terms are on one side and positive, and the question is
//! whether they can reach one number. The search goes depth first, largest step first;
//! the greatest common divisor of the steps that are left, and how far they reach, say
//! for which `k` it is worth going on. The problem is NP-hard, hence the limit on work.

use std::fmt;

use super::layout::MemoryLayout;
use super::progression::{Term, fused, terms};

/// The question took more work than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooHard {
    max_work: u64,
}

impl fmt::Display for TooHard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "whether the arrays share memory was not found within {} steps",
            self.max_work
        )
    }
}

impl std::error::Error for TooHard {}

/// Whether the extents overlap.
pub(crate) fn extents_overlap(a: MemoryLayout<'_>, b: MemoryLayout<'_>) -> bool {
    let (a, b) = (a.byte_bounds(), b.byte_bounds());
    !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
}

/// Whether there is a common byte, found in at most `max_work` steps of the search.
pub(crate) fn share_bytes(
    a: MemoryLayout<'_>,
    b: MemoryLayout<'_>,
    max_work: u64,
) -> Result<bool, TooHard> {
    if !extents_overlap(a, b) {
        return Ok(false);
    }
    let own = terms(a);
    let mut both = terms(b);
    // What b's terms count down from is its highest byte.
    let target = b.byte_bounds().end as u128 - 1 - a.byte_bounds().start as u128;
    both.extend(own);
    let mut search = Search {
        levels: levels(&fused(both)),
        work_left: max_work,
    };
    search.reaches(0, target).ok_or(TooHard { max_work })
}

struct Level {
    term: Term,
    /// Greatest common divisor of the steps of all later levels; 0 at the last.
    later_divisor: u128,
    /// How far they reach.
    later_reach: u128,
}

/// The largest step first.
fn levels(terms: &[Term]) -> Vec<Level> {
    let (mut later_divisor, mut later_reach) = (0, 0);
    let mut levels: Vec<Level> = Vec::with_capacity(terms.len());
    for &term in terms {
        levels.push(Level {
            term,
            later_divisor,
            later_reach,
        });
        later_divisor = extended_gcd(term.step, later_divisor).0;
        later_reach += term.reach();
    }
    levels.reverse();
    levels
}

struct Search {
    levels: Vec<Level>,
    work_left: u64,
}

impl Search {
    /// Whether the levels from here on can reach `target`; `None` if that is too much work.
    fn reaches(&mut self, level: usize, target: u128) -> Option<bool> {
        let Some(here) = self.levels.get(level) else {
            return Some(target == 0);
        };
        self.work_left = self.work_left.checked_sub(1)?;
        let (step, divisor) = (here.term.step, here.later_divisor);
        // So many that the later levels can do the rest.
        let least = target.saturating_sub(here.later_reach).div_ceil(step);
        let most = here.term.last.min(target / step);
        let is_last = divisor == 0;
        if is_last {
            return Some(target.is_multiple_of(step) && least <= most);
        }
        let Some((first, period)) = congruent(step, target, divisor) else {
            return Some(false);
        };
        let is_last_but_one = level + 2 == self.levels.len();
        let mut count = first + least.saturating_sub(first).div_ceil(period) * period;
        while count <= most {
            // The rest is a multiple of the last step, and within its reach.
            if is_last_but_one || self.reaches(level + 1, target - count * step)? {
                return Some(true);
            }
            count += period;
        }
        Some(false)
    }
}

/// The smallest `k` for which `step·k` is congruent to `target` modulo `divisor`, and how
/// far the next ones are apart.
fn congruent(step: u128, target: u128, divisor: u128) -> Option<(u128, u128)> {
    let (common, inverse) = extended_gcd(step % divisor, divisor);
    if !target.is_multiple_of(common) {
        return None;
    }
    let period = divisor / common;
    let quotient = target / common % period;
    Some((quotient * (inverse % period) % period, period))
}

/// The greatest common divisor of two numbers, and what `a` is to be multiplied with to
/// get it modulo `b`.
fn extended_gcd(a: u128, b: u128) -> (u128, u128) {
    let (mut old, mut rest) = (a as i128, b as i128);
    let (mut old_factor, mut factor) = (1_i128, 0_i128);
    while rest != 0 {
        let quotient = old / rest;
        (old, rest) = (rest, old - quotient * rest);
        (old_factor, factor) = (factor, old_factor - quotient * factor);
    }
    let positive = if b == 0 {
        old_factor
    } else {
        old_factor.rem_euclid(b as i128)
    };
    (old as u128, positive as u128)
}
