//! A raw trace into a packed one, stream by stream, in memory that does not grow with
//! the trace.

use std::io::Write;

use super::cold_records::MAX_TEXT_BYTES;
use super::contents::Contents;
use super::directory::{Entries, Group};
use super::item::{DAMAGES, Item};
use super::range_coder::Encoder;
use super::scale::Scale;
use super::stream_model::StreamModel;
use super::{GROUP_BYTES, GROUP_RECORDS, MAX_STREAMS, least_bytes};
use crate::reader::Stream;
use crate::{HEADER_BYTES, Header, Record, Source, Trace, TraceError};

/// Writes a raw trace packed, with these contents; returns how many events it has. `progress` is told after
/// each group; an error of its ends the packing.
///
/// # Errors
/// If reading or writing fails, if the trace is packed already, or if it holds what
/// only a newer heapline knows and would lose.
pub fn pack<S: Source>(
    trace: &Trace<S>,
    contents: Contents<'_>,
    output: &mut dyn Write,
    progress: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<u64, TraceError> {
    if trace.packing().is_some() {
        return Err(TraceError::unpackable("it is packed already"));
    }
    if trace.streams().len() > MAX_STREAMS {
        return Err(TraceError::unpackable("too many threads ran at a time"));
    }
    let page = packed_page(trace, contents)?;
    output.write_all(&page)?;
    let mut entries = Entries::new(
        trace.source().length()?,
        trace.counts(),
        trace.losses(),
        &contents.scopes(trace.scopes()),
        trace.streams().len(),
    );
    let mut events = 0;
    for stream in trace.streams() {
        let (groups, stream_events) = pack_stream(trace, stream, contents, output, progress)?;
        entries.stream(stream, &groups);
        events += stream_events;
    }
    output.write_all(contents.attachment)?;
    entries.attachment(contents.attachment);
    output.write_all(&entries.finish(&page))?;
    Ok(events)
}

/// The header page as it is in the file, with what [`Header`] does not know.
fn packed_page<S: Source>(
    trace: &Trace<S>,
    contents: Contents<'_>,
) -> Result<[u8; HEADER_BYTES], TraceError> {
    let mut page = [0; HEADER_BYTES];
    if trace.source().read_at(0, &mut page)? < HEADER_BYTES {
        return Err(TraceError::header(0, "the file has become shorter"));
    }
    if contents.without_paths {
        contents.header(trace.header()).replace_texts(&mut page);
    }
    Header::mark_packed(&mut page);
    Ok(page)
}

fn pack_stream<S: Source>(
    trace: &Trace<S>,
    stream: &Stream,
    contents: Contents<'_>,
    output: &mut dyn Write,
    progress: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<(Vec<Group>, u64), TraceError> {
    let scale = Scale::new(stream.record_bytes(), trace.streams().len());
    let mut model = StreamModel::new(&scale);
    let (mut groups, mut events) = (Vec::new(), 0);
    let records = trace.records(stream);
    let mut records = records
        .map(|record| item(record.map(|record| contents.record(record))))
        .peekable();
    while records.peek().is_some() {
        let mut encoder = Encoder::new();
        let mut count = 0;
        while count < GROUP_RECORDS && encoder.len() < GROUP_BYTES {
            let Some(item) = records.next() else {
                break;
            };
            let item = item?;
            events += u64::from(item.is_event());
            let written = model.code(&mut encoder, &item);
            written.ok_or_else(|| TraceError::unpackable("its nodes have too many gaps"))?;
            count += 1;
        }
        let mut bytes = encoder.finish();
        bytes.resize(bytes.len().max(least_bytes(count)), 0);
        output.write_all(&bytes)?;
        groups.push(Group {
            bytes: bytes.len() as u32,
            records: count,
            checksum: crc32fast::hash(&bytes),
        });
        progress()?;
    }
    Ok((groups, events))
}

/// A record, or the mark of a block that cannot be read.
fn item(record: Result<Record, TraceError>) -> Result<Item, TraceError> {
    match record {
        Ok(Record::Unknown { .. }) => Err(TraceError::unpackable(
            "it holds records of a newer heapline",
        )),
        Ok(
            Record::Module { path: text, .. }
            | Record::Thread { name: text, .. }
            | Record::Text { text, .. },
        ) if text.len() > MAX_TEXT_BYTES => Err(TraceError::unpackable(
            "it holds a name of impossible length",
        )),
        Ok(Record::Module { build_id, .. }) if build_id.len() > MAX_TEXT_BYTES => Err(
            TraceError::unpackable("it holds a build id of impossible length"),
        ),
        Ok(record) => Ok(Item::Record(record)),
        Err(error) => {
            let (offset, what) = error.damage().ok_or(error)?;
            let known = DAMAGES.iter().position(|text| *text == what);
            let what = known.ok_or_else(|| TraceError::unpackable("its damage has no name"))?;
            Ok(Item::Damage { offset, what })
        }
    }
}
