//! How many views of arrays a line may have noted one by one: a loop over the rows of a
//! matrix makes millions, and would fill the disk.

use heapline_trace::TextId;

use crate::sys;

/// Views that a line of a stream has noted each.
const NOTED: u64 = 1 << 17;
/// Further ones are told of in such numbers.
const TOLD_AT_ONCE: u64 = 1 << 12;
/// Lines that are counted at a time. One takes the place of another, which begins afresh.
const LINES: usize = 256;
const LINE_WORDS: usize = 2;

/// What becomes of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is noted, and its end, too.
    Noted,
    /// It is only counted, and with it so many have been since that was told of last.
    Counted(Option<u64>),
}

/// The counts of one stream.
pub(crate) struct ViewBudget {
    /// For each line the number of its place and 1, then its views.
    words: Option<&'static mut [u64]>,
}

impl ViewBudget {
    pub(crate) const fn new() -> Self {
        ViewBudget { words: None }
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        if let Some(words) = self.words.as_deref_mut() {
            words.fill(0);
        }
    }

    /// Counts a view that a line made. Without memory each is noted.
    pub(crate) fn admit(&mut self, place: TextId) -> Admission {
        if self.words.is_none() {
            self.words = sys::map_words(LINES * LINE_WORDS);
        }
        let at = place.0 as usize % LINES * LINE_WORDS;
        let line = self
            .words
            .as_deref_mut()
            .and_then(|words| words.get_mut(at..));
        let Some([known, views]) = line.and_then(|line| line.first_chunk_mut()) else {
            return Admission::Noted;
        };
        if *known != u64::from(place.0) + 1 {
            (*known, *views) = (u64::from(place.0) + 1, 0);
        }
        *views += 1;
        match views.checked_sub(NOTED) {
            None | Some(0) => Admission::Noted,
            Some(more) => {
                Admission::Counted(more.is_multiple_of(TOLD_AT_ONCE).then_some(TOLD_AT_ONCE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_first_views_noted_and_the_rest_counted() {
        let mut budget = ViewBudget::new();
        let (line, other) = (TextId(3), TextId(4));
        for _ in 0..NOTED {
            assert_eq!(budget.admit(line), Admission::Noted);
        }
        let rest: Vec<Admission> = (0..2 * TOLD_AT_ONCE).map(|_| budget.admit(line)).collect();
        let told = rest.iter().filter_map(|admission| match admission {
            Admission::Counted(told) => *told,
            Admission::Noted => panic!("the budget is used up"),
        });
        assert_eq!(told.sum::<u64>(), 2 * TOLD_AT_ONCE);
        assert_eq!(budget.admit(other), Admission::Noted);
        budget.clear();
        assert_eq!(budget.admit(line), Admission::Noted);
    }
}
