//! The lines of the kernel's list, put together to modules.
#![forbid(unsafe_code)]

use crate::maps::Mapping;

/// Lines of the list that belong together: one loaded file, or a mapping of
/// executable memory without a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The end of the first line, which holds the file's headers; equal to
    /// `start` when there are none.
    pub(super) headers_end: u64,
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// Puts the lines of one module together.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    /// The file of the last line, of which more may come, and whether one was executable.
    open: Option<(Range, bool)>,
    /// The one before: whatever is mapped into a hole between its segments is listed there.
    interrupted: Option<(Range, bool)>,
}

impl Grouping {
    /// A range that is complete by the time this line is seen.
    pub(super) fn add(&mut self, mapping: &Mapping, path: &[u8]) -> Option<Range> {
        if mapping.inode == 0 && path != b"[vdso]" {
            return mapping.executable.then(|| without_headers(mapping));
        }
        for (range, executable) in [&mut self.open, &mut self.interrupted]
            .into_iter()
            .flatten()
        {
            if continues(range, *executable, mapping) {
                range.end = mapping.end;
                *executable |= mapping.executable;
                return None;
            }
        }
        let mut range = without_headers(mapping);
        if mapping.offset == 0 && mapping.readable {
            range.headers_end = mapping.end;
        }
        let last = self.open.replace((range, mapping.executable));
        let complete = core::mem::replace(&mut self.interrupted, last);
        complete.and_then(module)
    }

    /// The ranges that are left.
    pub(super) fn finish(self) -> impl Iterator<Item = Range> {
        let left = [self.interrupted, self.open];
        left.into_iter().flatten().filter_map(module)
    }
}

/// Files without an executable line are not modules: other programs' files are mapped, too.
fn module((range, executable): (Range, bool)) -> Option<Range> {
    executable.then_some(range)
}

/// Whether a line belongs to the file before it. A file mapped twice starts
/// anew at offset 0; but in a small file the code, too, is in the first page.
fn continues(range: &Range, executable: bool, mapping: &Mapping) -> bool {
    let same_file = range.inode != 0
        && range.device == mapping.device
        && range.inode == mapping.inode
        && range.end <= mapping.start;
    let first_code = mapping.executable && !executable && range.end == mapping.start;
    same_file && (mapping.offset != 0 || first_code)
}

fn without_headers(mapping: &Mapping) -> Range {
    Range {
        start: mapping.start,
        end: mapping.end,
        headers_end: mapping.start,
        device: mapping.device,
        inode: mapping.inode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(start: u64, end: u64, executable: bool, offset: u64, inode: u64) -> Mapping {
        Mapping {
            start,
            end,
            readable: true,
            writable: false,
            executable,
            offset,
            device: 1,
            inode,
        }
    }

    fn group(lines: &[Mapping]) -> Vec<(u64, u64, bool)> {
        let mut grouping = Grouping::default();
        let mut ranges: Vec<Range> = lines
            .iter()
            .filter_map(|line| grouping.add(line, b""))
            .collect();
        ranges.extend(grouping.finish());
        ranges
            .iter()
            .map(|range| (range.start, range.end, range.headers_end > range.start))
            .collect()
    }

    #[test]
    fn a_file_is_one_module_with_holes() {
        let lines = [
            line(0x1000, 0x2000, false, 0, 7),
            line(0x2000, 0x3000, true, 0x1000, 7),
            line(0x3000, 0x3800, false, 0, 0),
            line(0x5000, 0x6000, false, 0x2000, 7),
        ];
        assert_eq!(group(&lines), [(0x1000, 0x6000, true)]);
    }

    #[test]
    fn a_file_in_a_hole_ends_no_module() {
        let lines = [
            line(0x1000, 0x2000, false, 0, 7),
            line(0x2000, 0x3000, false, 0, 8),
            line(0x3000, 0x4000, false, 0x4000, 8),
            line(0x4000, 0x5000, true, 0x1000, 7),
            line(0x9000, 0xa000, false, 0, 9),
            line(0xa000, 0xb000, true, 0x1000, 9),
        ];
        assert_eq!(
            group(&lines),
            [(0x1000, 0x5000, true), (0x9000, 0xb000, true)]
        );
    }

    #[test]
    fn a_file_mapped_as_data_is_no_module() {
        let lines = [
            line(0x1000, 0x9000, false, 0, 7),
            line(0x9000, 0xa000, false, 0, 7),
            line(0xa000, 0xb000, true, 0x1000, 7),
            line(0xc000, 0xd000, false, 0, 8),
        ];
        assert_eq!(group(&lines), [(0x9000, 0xb000, true)]);
    }

    #[test]
    fn small_files_repeat_their_first_page() {
        let lines = [
            line(0x1000, 0x2000, false, 0, 7),
            line(0x2000, 0x3000, true, 0, 7),
            line(0x3000, 0x4000, false, 0, 7),
        ];
        assert_eq!(group(&lines), [(0x1000, 0x3000, true)]);
    }

    #[test]
    fn code_without_a_file_is_a_module_without_tables() {
        let lines = [
            line(0x1000, 0x2000, true, 0, 0),
            line(0x3000, 0x4000, true, 0x1000, 9),
        ];
        assert_eq!(
            group(&lines),
            [(0x1000, 0x2000, false), (0x3000, 0x4000, false)]
        );
    }
}
