//! Texts that notes on arrays name by numbers: all streams' as one table.

use heapline_trace::{ArrayLayout, Place, TextId, TextKind};
use rustc_hash::FxHashMap;

/// The number of a text that a stream never told: what told it is lost.
const UNKNOWN: TextId = TextId(u32::MAX);

/// Each text once.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    numbers: FxHashMap<(TextKind, Vec<u8>), TextId>,
    texts: Vec<Text>,
}

#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    /// Of the elements, if it is a layout.
    nbytes: u64,
}

impl Texts {
    fn number(&mut self, kind: TextKind, text: Vec<u8>) -> TextId {
        let texts = &mut self.texts;
        let entry = self.numbers.entry((kind, text));
        *entry.or_insert_with_key(|(kind, bytes)| {
            let layout = (*kind == TextKind::Layout).then(|| ArrayLayout::read(bytes));
            texts.push(Text {
                bytes: bytes.clone(),
                nbytes: layout.flatten().map_or(0, |layout| layout.nbytes()),
            });
            TextId((texts.len() - 1) as u32)
        })
    }

    fn bytes(&self, id: TextId) -> &[u8] {
        let text = self.texts.get(id.0 as usize);
        text.map_or(&[], |text| &text.bytes)
    }

    /// A word or a name; empty if it is not known.
    pub(crate) fn text(&self, id: TextId) -> String {
        String::from_utf8_lossy(self.bytes(id)).into_owned()
    }

    pub(crate) fn layout(&self, id: TextId) -> Option<ArrayLayout> {
        ArrayLayout::read(self.bytes(id))
    }

    /// Elements times bytes of one; 0 if the layout is not known.
    pub(crate) fn nbytes(&self, layout: TextId) -> u64 {
        let text = self.texts.get(layout.0 as usize);
        text.map_or(0, |text| text.nbytes)
    }

    pub(crate) fn place(&self, id: TextId) -> Option<Place> {
        Place::read(self.bytes(id))
    }
}

/// From one stream's numbers to those of the table.
#[derive(Debug, Default)]
pub(crate) struct StreamTexts {
    numbers: FxHashMap<TextId, TextId>,
}

impl StreamTexts {
    pub(crate) fn add(&mut self, texts: &mut Texts, id: TextId, kind: TextKind, text: Vec<u8>) {
        self.numbers.insert(id, texts.number(kind, text));
    }

    pub(crate) fn get(&self, id: TextId) -> TextId {
        self.numbers.get(&id).copied().unwrap_or(UNKNOWN)
    }
}
