//! What goes into a packed trace besides its records, and what is left out of it.

use crate::{Header, Place, Record, ScopeTable, TextKind};

/// How to pack a trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contents<'a> {
    /// Bytes to carry along, which [`Trace::attachment`](crate::Trace::attachment) gives
    /// back.
    pub attachment: &'a [u8],
    /// Leave out folders of the recorded machine and the program's arguments: of each
    /// path the file's name stays.
    pub without_paths: bool,
}

impl Contents<'_> {
    pub(super) fn header(&self, header: &Header) -> Header {
        let mut header = header.clone();
        if self.without_paths {
            let program = file_name(&header.program).to_vec();
            header.arguments = [&program[..], b"\0"].concat();
            header.program = program;
            header.directory.clear();
        }
        header
    }

    pub(super) fn record(&self, record: Record) -> Record {
        match record {
            Record::Module {
                start,
                end,
                bias,
                build_id,
                path,
            } if self.without_paths => Record::Module {
                start,
                end,
                bias,
                build_id,
                path: file_name(&path).to_vec(),
            },
            Record::Text {
                id,
                kind: TextKind::Place,
                text,
            } if self.without_paths => Record::Text {
                id,
                kind: TextKind::Place,
                text: Place::without_folders(&text),
            },
            record => record,
        }
    }

    pub(super) fn scopes(&self, scopes: &[ScopeTable]) -> Vec<ScopeTable> {
        let mut scopes = scopes.to_vec();
        // Files of the workspace are named from its own folder.
        let named = scopes
            .iter_mut()
            .filter(|table| table.file.starts_with('/'));
        if self.without_paths {
            for table in named {
                let at = table.file.rfind('/').map_or(0, |at| at + 1);
                table.file.drain(..at);
            }
        }
        scopes
    }
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
