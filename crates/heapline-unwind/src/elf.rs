//! What a module's own headers say: pure parsing of bytes in ELF's format for
//! 64-bit little-endian machines.

const LOAD: u32 = 1;
const NOTE: u32 = 4;
const GNU_EH_FRAME: u32 = 0x6474_e550;
const EXECUTABLE: u32 = 1;
const READABLE: u32 = 4;
const PAGE_BYTES: u64 = 4096;
const FILE_HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const NOTE_BUILD_ID: u32 = 3;

/// One program header. Addresses are as linked, before the module was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    pub(crate) address: u64,
    pub(crate) file_bytes: u64,
    memory_bytes: u64,
    pub(crate) alignment: u64,
}

impl ProgramHeader {
    fn parse(bytes: &[u8]) -> Option<ProgramHeader> {
        Some(ProgramHeader {
            kind: word4(bytes, 0)?,
            flags: word4(bytes, 4)?,
            offset: word8(bytes, 8)?,
            address: word8(bytes, 16)?,
            file_bytes: word8(bytes, 32)?,
            memory_bytes: word8(bytes, 40)?,
            alignment: word8(bytes, 48)?,
        })
    }

    fn contains(&self, address: u64) -> bool {
        address.wrapping_sub(self.address) < self.memory_bytes
    }
}

/// The program headers of a module, in its first mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// `mapping` is the module's first mapping: the file from its beginning.
    pub(crate) fn parse(mapping: &'a [u8]) -> Option<Headers<'a>> {
        let header = mapping.get(..FILE_HEADER_BYTES)?;
        let sixty_four_bits_little_endian = header.starts_with(b"\x7fELF\x02\x01");
        let entry_bytes = usize::from(word2(header, 54)?);
        if !sixty_four_bits_little_endian || entry_bytes != PROGRAM_HEADER_BYTES {
            return None;
        }
        let start = usize::try_from(word8(header, 32)?).ok()?;
        let bytes = usize::from(word2(header, 56)?) * PROGRAM_HEADER_BYTES;
        let end = start.checked_add(bytes)?;
        mapping.get(start..end).map(Headers)
    }

    fn iter(self) -> impl Iterator<Item = ProgramHeader> + 'a {
        self.0
            .chunks_exact(PROGRAM_HEADER_BYTES)
            .filter_map(ProgramHeader::parse)
    }

    fn loads(self) -> impl Iterator<Item = ProgramHeader> + 'a {
        self.iter().filter(|header| header.kind == LOAD)
    }

    /// The linked address of the file's first byte.
    pub(crate) fn linked_start(self) -> Option<u64> {
        let first = self.loads().find(|load| load.offset < PAGE_BYTES)?;
        Some(first.address.wrapping_sub(first.offset))
    }

    /// Whether the code of the module is linked at this address.
    pub(crate) fn is_code(self, address: u64) -> bool {
        self.loads()
            .any(|load| load.flags & EXECUTABLE != 0 && load.contains(address))
    }

    /// The end of the file's bytes in the readable segment at this address.
    pub(crate) fn segment_end(self, address: u64) -> Option<u64> {
        let load = self
            .loads()
            .find(|load| load.flags & READABLE != 0 && load.contains(address))?;
        load.address.checked_add(load.file_bytes)
    }

    /// The binary-search table of the unwind tables.
    pub(crate) fn eh_frame_header(self) -> Option<ProgramHeader> {
        self.iter().find(|header| header.kind == GNU_EH_FRAME)
    }

    /// Every segment of notes.
    pub(crate) fn notes(self) -> impl Iterator<Item = ProgramHeader> + 'a {
        self.iter().filter(|header| header.kind == NOTE)
    }
}

/// The build id among the notes of one segment.
pub(crate) fn build_id(mut notes: &[u8], alignment: u64) -> Option<&[u8]> {
    let padding = if alignment == 8 { 8 } else { 4 };
    loop {
        let name_bytes = usize::try_from(word4(notes, 0)?).ok()?;
        let value_bytes = usize::try_from(word4(notes, 4)?).ok()?;
        let kind = word4(notes, 8)?;
        let value_start = 12_usize
            .checked_add(name_bytes)?
            .checked_next_multiple_of(padding)?;
        let value_end = value_start.checked_add(value_bytes)?;
        let name = notes.get(12..12_usize.checked_add(name_bytes)?)?;
        if kind == NOTE_BUILD_ID && name == b"GNU\0" {
            return notes.get(value_start..value_end);
        }
        notes = notes.get(value_end.checked_next_multiple_of(padding)?..)?;
    }
}

fn word2(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*word))
}

fn word4(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

fn word8(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: u32, name: &[u8], value: &[u8], padding: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(name);
        bytes.resize(bytes.len().next_multiple_of(padding), 0);
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(padding), 0);
        bytes
    }

    #[test]
    fn the_build_id_is_found_behind_other_notes() {
        for padding in [4, 8] {
            let mut notes = note(5, b"GNU\0", &[1; 9], padding);
            notes.extend(note(3, b"XYZ\0", &[2; 20], padding));
            notes.extend(note(3, b"GNU\0", &[3; 20], padding));
            assert_eq!(build_id(&notes, padding as u64), Some(&[3; 20][..]));
            notes.truncate(notes.len() - 5);
            assert_eq!(build_id(&notes, padding as u64), None);
        }
        assert_eq!(build_id(&[], 4), None);
        assert_eq!(build_id(&[0xff; 64], 4), None);
    }

    #[test]
    fn this_program_has_code_and_a_table() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let headers = Headers::parse(&file).unwrap();
        let start = headers.linked_start().unwrap();
        let table = headers.eh_frame_header().unwrap();
        assert!(!headers.is_code(start));
        assert!(headers.loads().any(|load| headers.is_code(load.address)));
        assert!(headers.segment_end(table.address).unwrap() >= table.address + table.file_bytes);
    }

    #[test]
    fn other_files_have_no_headers() {
        assert!(Headers::parse(b"").is_none());
        assert!(Headers::parse(&[0; 4096]).is_none());
        assert!(Headers::parse(b"\x7fELF\x02\x01").is_none());
    }
}
