//! The marked lines of one function, and the index by which a mark names its
//! line.

/// Marked lines, ascending and distinct. The first is the attribute's own.
pub(crate) struct Lines {
    numbers: Vec<u32>,
}

impl Lines {
    /// Begins with the line of the attribute, which has index 0.
    pub(crate) fn new(attribute: usize) -> Self {
        Self {
            numbers: vec![u32::try_from(attribute).unwrap_or(0)],
        }
    }

    /// The index of `line`, which is added if it is new.
    ///
    /// Lines have to be asked for in the order of the source. One that would go
    /// back to a line passed before has no index: only macros that put a body
    /// together from several places produce such lines. The attribute's line
    /// has none either, because it counts calls.
    pub(crate) fn index(&mut self, line: usize) -> Option<u32> {
        let line = u32::try_from(line).ok()?;
        if self.numbers.last().is_some_and(|&last| last < line) {
            self.numbers.push(line);
        }
        let index = self.numbers.binary_search(&line).ok()?;
        u32::try_from(index).ok().filter(|&index| index > 0)
    }

    /// All lines, for the table of the function.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_are_numbered_in_the_order_of_the_source() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.index(6), Some(1));
        assert_eq!(lines.index(9), Some(2));
        assert_eq!(lines.index(6), Some(1));
        assert_eq!(lines.numbers(), [4, 6, 9]);
    }

    #[test]
    fn the_attribute_and_lines_out_of_order_have_no_index() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.index(8), Some(1));
        assert_eq!(lines.index(4), None);
        assert_eq!(lines.index(2), None);
        assert_eq!(lines.index(6), None);
        assert_eq!(lines.numbers(), [4, 8]);
    }
}
