//! How many distinct bytes an array touches.

use super::layout::MemoryLayout;
use super::progression::{INLINE_TERMS, Term, fused, terms};

/// Distinct bytes, each counted once however often elements repeat or overlap.
pub(crate) fn unique_nbytes(layout: MemoryLayout<'_>) -> usize {
    if layout.is_empty() {
        return 0;
    }
    let terms = fused(terms(layout));
    let count =
        product(&terms).unwrap_or_else(|| count_sums(&terms, terms.iter().map(Term::reach).sum()));
    count as usize
}

/// The same, where it can be told from the strides alone and allocates nothing.
pub(crate) fn unique_nbytes_from_strides(layout: MemoryLayout<'_>) -> Option<usize> {
    if layout.is_empty() {
        return Some(0);
    }
    // One term more than axes.
    if layout.shape().len() >= INLINE_TERMS {
        return None;
    }
    Some(product(&fused(terms(layout)))? as usize)
}

/// How many sums there are if no two are equal: each step is beyond all smaller sums.
fn product(terms: &[Term]) -> Option<u128> {
    let mut reach = 0;
    let is_disjoint = terms.iter().all(|term| {
        let is_beyond = term.step > reach;
        reach += term.reach();
        is_beyond
    });
    is_disjoint.then(|| terms.iter().map(|term| term.last + 1).product())
}

/// Marks every sum in a bitmap, of one bit for each byte of the extent.
fn count_sums(terms: &[Term], reach: u128) -> u128 {
    let mut marks = vec![0_u64; (reach / 64 + 1) as usize];
    marks[0] = 1;
    for term in terms {
        let (step, last) = (term.step as usize, term.last as usize);
        // So many copies are marked, `step` apart; each round doubles them.
        let mut copies = 1;
        while copies <= last {
            let more = copies.min(last + 1 - copies);
            or_shifted(&mut marks, more * step);
            copies += more;
        }
    }
    marks.iter().map(|word| u128::from(word.count_ones())).sum()
}

/// Marks whatever is marked once more, `shift` bits above.
fn or_shifted(marks: &mut [u64], shift: usize) {
    let (words, bits) = (shift / 64, shift % 64);
    for index in (words..marks.len()).rev() {
        let low = marks[index - words] << bits;
        let high = match index.checked_sub(words + 1) {
            Some(below) if bits > 0 => marks[below] >> (64 - bits),
            _ => 0,
        };
        marks[index] |= low | high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_counted_to_the_last() {
        // 0, 2, 4 and 0, 3 have six sums; those 8 higher do not meet them.
        let terms = [(2, 2), (3, 1), (8, 1)].map(|(step, last)| Term { step, last });
        assert_eq!(count_sums(&terms, 15), 12);
        let far = [(1, 1), (200, 3)].map(|(step, last)| Term { step, last });
        assert_eq!(count_sums(&far, 601), 8);
    }

    #[test]
    fn an_irregular_overlap_counts_each_byte_once() {
        let layout = MemoryLayout {
            dtype: crate::DType::Complex128,
            address: 1 << 20,
            shape: &[2, 3, 2],
            strides: &[8, 2, 3],
            is_read_only: false,
        };
        assert_eq!(unique_nbytes(layout), 12 * 16);
    }
}
