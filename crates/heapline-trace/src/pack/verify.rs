//! Whether a packed trace says what the raw one says.

use super::contents::Contents;
use crate::{Record, Source, Trace, TraceError};

/// Compares everything that can be read of two traces, one raw and one packed with
/// these contents.
/// `progress` is told now and then; an error of its ends the comparison.
///
/// # Errors
/// If they differ, or one cannot be read.
pub fn verify<A: Source, B: Source>(
    raw: &Trace<A>,
    packed: &Trace<B>,
    contents: Contents<'_>,
    progress: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<(), TraceError> {
    let attachment = packed.attachment()?.unwrap_or_default();
    let is_same = contents.header(raw.header()) == *packed.header()
        && contents.scopes(raw.scopes()) == packed.scopes()
        && contents.attachment == attachment
        && raw.counts() == packed.counts()
        && raw.losses() == packed.losses()
        && raw.streams().len() == packed.streams().len();
    same(is_same)?;
    for (stream, other) in raw.streams().iter().zip(packed.streams()) {
        same(
            stream.id == other.id
                && stream.blocks() == other.blocks()
                && stream.record_bytes() == other.record_bytes(),
        )?;
        let mut others = packed.records(other);
        for (number, record) in raw.records(stream).enumerate() {
            let record = record.map(|record| contents.record(record));
            same(is_same_record(record, others.next())?)?;
            if number % (1 << 14) == 0 {
                progress()?;
            }
        }
        same(others.next().is_none())?;
    }
    Ok(())
}

fn same(is_same: bool) -> Result<(), TraceError> {
    if is_same {
        Ok(())
    } else {
        Err(TraceError::not_the_same())
    }
}

fn is_same_record(
    record: Result<Record, TraceError>,
    other: Option<Result<Record, TraceError>>,
) -> Result<bool, TraceError> {
    Ok(match (record, other) {
        (Ok(record), Some(Ok(other))) => record == other,
        (Err(error), Some(Err(other))) if error.is_damaged_block() => {
            error.damage() == other.damage()
        }
        (Err(error), _) if !error.is_damaged_block() => return Err(error),
        _ => false,
    })
}
