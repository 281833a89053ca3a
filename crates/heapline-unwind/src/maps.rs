//! The kernel's list of mappings, line by line: a pure parser over whatever
//! gives it bytes. Lines may be cut anywhere between two pieces of input.

use core::ops::ControlFlow;

/// The kernel hands out at most one page a read.
const CHUNK_BYTES: usize = 4096;
/// `PATH_MAX`: a longer path is cut.
const PATH_BYTES: usize = 4096;
/// What the kernel appends to the path of a file that has been unlinked.
const DELETED: &[u8] = b" (deleted)";

/// One line, without its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    /// Bytes into the file.
    pub(crate) offset: u64,
    /// Major and minor number in one word.
    pub(crate) device: u64,
    /// Zero when there is no file.
    pub(crate) inode: u64,
}

impl Mapping {
    pub(crate) const fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }
}

/// Buffers for one pass over the list.
#[derive(Debug)]
pub(crate) struct MapsText {
    chunk: [u8; CHUNK_BYTES],
    filled: usize,
    next: usize,
    path: [u8; PATH_BYTES],
    path_len: usize,
}

impl MapsText {
    pub(crate) const fn new() -> MapsText {
        MapsText {
            chunk: [0; CHUNK_BYTES],
            filled: 0,
            next: 0,
            path: [0; PATH_BYTES],
            path_len: 0,
        }
    }

    /// The path of the line parsed last, without the mark of a deleted file.
    pub(crate) fn path(&self) -> &[u8] {
        let path = self.path.get(..self.path_len).unwrap_or(&[]);
        path.strip_suffix(DELETED).unwrap_or(path)
    }

    /// Parses all that `read` gives (0 ends it) and shows every line with its
    /// path, until `visit` breaks off: then [`MapsText::path`] stays as it is.
    pub(crate) fn for_each(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> usize,
        mut visit: impl FnMut(&Mapping, &[u8]) -> ControlFlow<()>,
    ) {
        (self.filled, self.next) = (0, 0);
        while let Some(mapping) = self.line(&mut read) {
            if visit(&mapping, self.path()).is_break() {
                return;
            }
        }
    }

    /// `start-end rwxp offset major:minor inode   path`
    fn line(&mut self, read: &mut impl FnMut(&mut [u8]) -> usize) -> Option<Mapping> {
        let start = self.number(16, b'-', read)?;
        let end = self.number(16, b' ', read)?;
        let readable = self.byte(read)? == b'r';
        let writable = self.byte(read)? == b'w';
        let executable = self.byte(read)? == b'x';
        let (_shared, _space) = (self.byte(read)?, self.byte(read)?);
        let offset = self.number(16, b' ', read)?;
        let major = self.number(16, b':', read)?;
        let minor = self.number(16, b' ', read)?;
        let inode = self.inode_and_path(read)?;
        Some(Mapping {
            start,
            end,
            readable,
            writable,
            executable,
            offset,
            device: major << 32 | minor,
            inode,
        })
    }

    /// A line without a path ends right behind the inode's number, or after
    /// one space.
    fn inode_and_path(&mut self, read: &mut impl FnMut(&mut [u8]) -> usize) -> Option<u64> {
        self.path_len = 0;
        let mut inode = 0_u64;
        let mut byte = self.byte(read)?;
        while byte.is_ascii_digit() {
            inode = inode.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            byte = self.byte(read)?;
        }
        while byte == b' ' {
            byte = self.byte(read)?;
        }
        while byte != b'\n' {
            if let Some(slot) = self.path.get_mut(self.path_len) {
                *slot = byte;
                self.path_len += 1;
            }
            byte = self.byte(read)?;
        }
        Some(inode)
    }

    fn number(
        &mut self,
        radix: u32,
        terminator: u8,
        read: &mut impl FnMut(&mut [u8]) -> usize,
    ) -> Option<u64> {
        let mut number = 0_u64;
        loop {
            let byte = self.byte(read)?;
            if byte == terminator {
                return Some(number);
            }
            let digit = char::from(byte).to_digit(radix)?;
            number = number
                .wrapping_mul(u64::from(radix))
                .wrapping_add(u64::from(digit));
        }
    }

    fn byte(&mut self, read: &mut impl FnMut(&mut [u8]) -> usize) -> Option<u8> {
        if self.next == self.filled {
            self.filled = read(&mut self.chunk).min(CHUNK_BYTES);
            self.next = 0;
            if self.filled == 0 {
                return None;
            }
        }
        let byte = self.chunk.get(self.next).copied();
        self.next += 1;
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses `text` handed out in pieces of `piece` bytes.
    fn parse(text: &[u8], piece: usize) -> Vec<(Mapping, Vec<u8>)> {
        let mut rest = text;
        let mut lines = Vec::new();
        MapsText::new().for_each(
            |buffer| {
                let len = rest.len().min(piece).min(buffer.len());
                buffer[..len].copy_from_slice(&rest[..len]);
                rest = &rest[len..];
                len
            },
            |mapping, path| {
                lines.push((*mapping, path.to_vec()));
                ControlFlow::Continue(())
            },
        );
        lines
    }

    const TEXT: &[u8] = b"\
55d0c8a00000-55d0c8a02000 r--p 00000000 fe:01 325843                     /usr/bin/with space\n\
55d0c8a02000-55d0c8a03000 r-xp 00002000 fe:01 325843                     /usr/bin/gone (deleted)\n\
7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n\
7ffde0a9d000-7ffde0abe000 rw-p 00000000 00:00 0                          [stack]\n\
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

    #[test]
    fn lines_are_the_same_however_the_text_is_cut() {
        let whole = parse(TEXT, usize::MAX);
        assert_eq!(whole.len(), 5);
        for piece in 1..200 {
            assert_eq!(parse(TEXT, piece), whole);
        }
        let (first, path) = &whole[0];
        assert_eq!(
            (first.start, first.end),
            (0x55d0_c8a0_0000, 0x55d0_c8a0_2000)
        );
        assert!(first.readable && !first.writable && !first.executable);
        assert_eq!((first.device, first.inode), (0xfe_0000_0001, 325_843));
        assert_eq!(path, b"/usr/bin/with space");
        assert_eq!(whole[1].1, b"/usr/bin/gone");
        assert_eq!((whole[1].0.offset, whole[1].0.executable), (0x2000, true));
        assert_eq!((whole[2].0.inode, whole[2].1.len()), (0, 0));
        assert_eq!(whole[3].1, b"[stack]");
        assert_eq!(whole[4].0.end, 0xffff_ffff_ff60_1000);
    }

    #[test]
    fn a_path_longer_than_every_buffer_is_cut_and_the_next_line_is_whole() {
        let mut text = b"1000-2000 r-xp 00000000 00:01 7 ".to_vec();
        text.extend(core::iter::repeat_n(b'a', 10_000));
        text.extend(b"\n3000-4000 r--p 00000000 00:01 8 /b\n");
        let lines = parse(&text, 4096);
        assert_eq!(lines[0].1.len(), PATH_BYTES);
        assert_eq!(
            (lines[1].0.start, lines[1].1.as_slice()),
            (0x3000, &b"/b"[..])
        );
    }

    #[test]
    fn damaged_text_ends_the_list() {
        assert_eq!(parse(b"", 10), []);
        assert_eq!(parse(b"1000-2000 r-xp 0000", 10), []);
        assert_eq!(parse(b"hello\n1000-2000 r-xp 0 0:0 0 \n", 10), []);
    }
}
