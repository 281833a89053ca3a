//! Which texts a stream has been told already, so that each note names them by a number.

use heapline_trace::{TextId, TextKind};

use crate::sys;

/// Texts that are remembered at most. One takes the place of another whose hash has the
/// same low bits; that one is told again when it comes again.
const SLOTS: usize = 512;
/// Bytes of all that are remembered. When they are used up everything is forgotten.
const ARENA_BYTES: usize = 48 << 10;

/// Texts of the program itself that are remembered by where they lie.
const STATICS: usize = 256;

/// A text of the program itself, or what stands for it, by where it lies. Two that begin
/// at one address differ in their bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StaticText {
    pub(crate) address: usize,
    pub(crate) bytes: usize,
}

/// The texts of one stream.
pub(crate) struct Texts {
    memory: Option<Memory>,
    next: u32,
}

struct Memory {
    /// Hash and place of each text: see [`Memory::slot`].
    slots: &'static mut [u64],
    arena: &'static mut [u8],
    used: usize,
    /// Address and kind of a text of the program itself, then its number.
    statics: &'static mut [u64],
}

/// A text's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The stream knows it.
    Known(TextId),
    /// The stream must be told.
    New(TextId),
}

impl Texts {
    pub(crate) const fn new() -> Self {
        Texts {
            memory: None,
            next: 0,
        }
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.next = 0;
        if let Some(memory) = &mut self.memory {
            memory.forget();
        }
        self.forget_statics();
    }

    /// The number of a text that lies at this address for ever, if it is remembered.
    pub(crate) fn at(&self, kind: TextKind, place: StaticText) -> Option<TextId> {
        let (slot, key) = Memory::static_slot(kind, place);
        match self.memory.as_ref()?.statics.get(slot..)?.first_chunk()? {
            &[known, id] if known == key => Some(TextId(id as u32)),
            _ => None,
        }
    }

    /// A library may be gone, and another one lie where its texts were.
    pub(crate) fn forget_statics(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.statics.fill(0);
        }
    }

    /// Remembers the number of a text that lies at this address for ever.
    pub(crate) fn remember_at(&mut self, kind: TextKind, place: StaticText, id: TextId) {
        let (slot, key) = Memory::static_slot(kind, place);
        if let Some(memory) = &mut self.memory
            && let Some(place) = memory.statics.get_mut(slot..slot + SLOT_WORDS)
        {
            place.copy_from_slice(&[key, u64::from(id.0)]);
        }
    }

    /// The number of a text. Without memory every text is new.
    pub(crate) fn find(&mut self, kind: TextKind, text: &[u8]) -> Found {
        if self.memory.is_none() {
            self.memory = Memory::map();
        }
        let id = TextId(self.next);
        let found = match &mut self.memory {
            Some(memory) => memory.find(hash(kind, text), kind, text, id),
            None => Found::New(id),
        };
        if found == Found::New(id) {
            self.next = self.next.wrapping_add(1);
        }
        found
    }
}

/// Words of a slot: number and length and kind, then where the text starts.
const SLOT_WORDS: usize = 2;

impl Memory {
    fn map() -> Option<Self> {
        Some(Memory {
            slots: sys::map_words(SLOTS * SLOT_WORDS)?,
            arena: sys::map_bytes(ARENA_BYTES)?,
            used: 0,
            statics: sys::map_words(STATICS * SLOT_WORDS)?,
        })
    }

    /// Forgets the texts, but not those of the program itself: their numbers stay good.
    fn forget(&mut self) {
        self.slots.fill(0);
        self.used = 0;
    }

    /// Where a text of the program itself is remembered, and what stands for it there.
    fn static_slot(kind: TextKind, place: StaticText) -> (usize, u64) {
        // Addresses have 48 bits at most.
        let key = (place.bytes as u64) << 50 | (place.address as u64) << 2 | kind as u64;
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((hash >> 32) as usize % STATICS * SLOT_WORDS, key)
    }

    fn find(&mut self, hash: u64, kind: TextKind, text: &[u8], id: TextId) -> Found {
        let slot = (hash >> 32) as usize % SLOTS * SLOT_WORDS;
        // No slot is 0 that holds a text.
        let tag = (text.len() as u64) << 8 | kind as u64 | 1 << 63;
        if let Some(&[known, place]) = self.slots.get(slot..).and_then(<[_]>::first_chunk)
            && known == tag
            && self
                .arena
                .get(place as u32 as usize..)
                .is_some_and(|held| held.starts_with(text))
        {
            return Found::Known(TextId((place >> 32) as u32));
        }
        if self.used + text.len() > self.arena.len() {
            self.forget();
        }
        if let Some(room) = self.arena.get_mut(self.used..self.used + text.len()) {
            room.copy_from_slice(text);
            let place = u64::from(id.0) << 32 | self.used as u64;
            if let Some(known) = self.slots.get_mut(slot..).and_then(<[_]>::first_chunk_mut) {
                *known = [tag, place];
            }
            self.used += text.len();
        }
        Found::New(id)
    }
}

/// Eight bytes at a time, with a multiplication that carries every bit upwards.
fn hash(kind: TextKind, text: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = (kind as u64 + 1).wrapping_mul(ODD);
    let mut words = text.chunks_exact(8);
    for word in &mut words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        hash = (hash.rotate_left(29) ^ word).wrapping_mul(ODD);
    }
    let rest = words.remainder().iter();
    let rest = rest.fold(text.len() as u64, |rest, &byte| rest << 8 | u64::from(byte));
    hash = (hash.rotate_left(29) ^ rest).wrapping_mul(ODD);
    hash ^ hash >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_once_while_it_is_remembered() {
        let mut texts = Texts::new();
        let new = |id| Found::New(TextId(id));
        let known = |id| Found::Known(TextId(id));
        assert_eq!(texts.find(TextKind::Name, b"weights"), new(0));
        assert_eq!(texts.find(TextKind::Name, b""), new(1));
        assert_eq!(texts.find(TextKind::Name, b"weights"), known(0));
        assert_eq!(texts.find(TextKind::Operation, b"weights"), new(2));
        assert_eq!(texts.find(TextKind::Name, b"weight"), new(3));
        assert_eq!(texts.find(TextKind::Name, b""), known(1));
        texts.clear();
        assert_eq!(texts.find(TextKind::Name, b"weights"), new(0));
    }

    #[test]
    fn texts_of_the_program_are_found_by_where_they_lie() {
        let mut texts = Texts::new();
        let place = |address, bytes| StaticText { address, bytes };
        assert_eq!(texts.at(TextKind::Place, place(64, 0)), None);
        texts.find(TextKind::Place, b"main.rs");
        texts.remember_at(TextKind::Place, place(64, 0), TextId(0));
        assert_eq!(texts.at(TextKind::Place, place(64, 0)), Some(TextId(0)));
        assert_eq!(texts.at(TextKind::Operation, place(64, 0)), None);
        assert_eq!(texts.at(TextKind::Place, place(65, 0)), None);
        assert_eq!(texts.at(TextKind::Place, place(64, 1)), None);
        texts.clear();
        assert_eq!(texts.at(TextKind::Place, place(64, 0)), None);
    }

    /// More texts than are remembered: none is ever taken for another.
    #[test]
    fn a_number_means_one_text_for_ever() {
        let mut texts = Texts::new();
        let mut told = std::collections::HashMap::new();
        for round in 0..40_000u64 {
            let word = round * round % 1_009;
            let text = format!("{word}").repeat(1 + word as usize % 200);
            match texts.find(TextKind::Place, text.as_bytes()) {
                Found::New(id) => assert_eq!(told.insert(id, text), None),
                Found::Known(id) => assert_eq!(told.get(&id), Some(&text)),
            }
        }
        assert!(told.len() > 1_009, "some were forgotten");
    }
}
