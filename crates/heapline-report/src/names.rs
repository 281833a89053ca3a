//! Names of frames as flame graphs show them: safe in the folded format, each once.

use rustc_hash::FxHashMap;

use crate::source::escape;
use crate::symbols::{Frame, FrameId, Origin};

/// A name as it stands in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) krate: String,
    pub(crate) origin: Origin,
    pub(crate) inlined: bool,
}

/// The distinct names, each with a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<Name>,
    numbers: FxHashMap<Name, u32>,
    of_frames: FxHashMap<FrameId, u32>,
}

impl Names {
    pub(crate) fn of_frame(&mut self, id: FrameId, frame: &Frame) -> u32 {
        if let Some(&name) = self.of_frames.get(&id) {
            return name;
        }
        let number = self.number(Name {
            text: plain(&frame.function),
            krate: frame.krate.clone(),
            origin: frame.origin,
            inlined: frame.inlined,
        });
        self.of_frames.insert(id, number);
        number
    }

    /// A name for what is no frame.
    pub(crate) fn of_note(&mut self, text: &str) -> u32 {
        self.number(Name {
            text: text.to_owned(),
            krate: String::new(),
            origin: Origin::Unknown,
            inlined: false,
        })
    }

    fn number(&mut self, name: Name) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}

/// A name that cannot be taken for the format around it.
fn plain(function: &str) -> String {
    let mut text = escape(function)
        .replace(['\t', '\u{a0}'], " ")
        .replace(';', ":");
    // A last word of digits would be read as the stack's number.
    if let Some((_, last)) = text.rsplit_once(' ')
        && last.parse::<f64>().is_ok()
    {
        let at = text.len() - last.len() - 1;
        text.replace_range(at..=at, "_");
    }
    match text.trim() {
        "" => "??".to_owned(),
        trimmed if trimmed.starts_with('#') => format!("_{trimmed}"),
        trimmed => trimmed.to_owned(),
    }
}
