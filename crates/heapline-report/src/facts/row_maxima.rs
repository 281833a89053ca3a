//! The most bytes that were ever live at once, per row of a table.
//!
//! A row sums over many stacks whose own maxima lie at different times, so it needs
//! a pass of its own, once it is known which stacks belong to which rows.

use heapline_trace::{Source, Trace, TraceError};

use crate::event::Cause;
use crate::replay::{Block, Ending, Moment, Observer, replay};
use crate::stacks::StackId;

struct Maxima<'a> {
    rows_of: &'a dyn Fn(StackId) -> &'a [u32],
    live: Vec<u64>,
    max: Vec<u64>,
}

impl Observer for Maxima<'_> {
    fn begin(&mut self, _moment: Moment, block: Block, _by: Cause) {
        for &row in (self.rows_of)(block.stack) {
            let live = &mut self.live[row as usize];
            *live += block.bytes;
            let max = &mut self.max[row as usize];
            *max = (*max).max(*live);
        }
    }

    fn end(&mut self, _moment: Moment, block: Block, _ending: Ending) {
        for &row in (self.rows_of)(block.stack) {
            self.live[row as usize] -= block.bytes;
        }
    }
}

/// The maximum of each row; `rows_of` names the rows of a stack, each once.
pub(crate) fn row_maxima<'a, S: Source>(
    trace: &Trace<S>,
    rows: usize,
    rows_of: &'a dyn Fn(StackId) -> &'a [u32],
    progress: &mut dyn FnMut(),
) -> Result<Vec<u64>, TraceError> {
    let mut maxima = Maxima {
        rows_of,
        live: vec![0; rows],
        max: vec![0; rows],
    };
    replay(trace, u64::MAX, &mut maxima, progress)?;
    Ok(maxima.max)
}
