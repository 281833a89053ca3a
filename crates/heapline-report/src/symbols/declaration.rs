//! Where a function was declared: whose it is even if its code has no line.

use super::dwarf::{Reader, path_of};
use gimli::{AttributeValue, UnitOffset, UnitRef};
use std::path::PathBuf;

/// References from an inlined function to its declaration are followed so far.
const REFERENCES_MAX: usize = 4;

/// The file in which the function was declared that is at an offset of a unit.
pub(crate) fn declared_in(
    unit: UnitRef<'_, Reader<'_>>,
    mut offset: UnitOffset,
) -> Option<PathBuf> {
    for _ in 0..REFERENCES_MAX {
        let entry = unit.entry(offset).ok()?;
        match entry.attr_value(gimli::DW_AT_decl_file) {
            Some(AttributeValue::FileIndex(index)) => return file_path(unit, index),
            Some(AttributeValue::Udata(index)) => return file_path(unit, index),
            _ => {}
        }
        let reference = entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(gimli::DW_AT_specification))?;
        let AttributeValue::UnitRef(next) = reference else {
            return None;
        };
        offset = next;
    }
    None
}

/// A file of the unit's line table, joined with its folder and the compiler's.
fn file_path(unit: UnitRef<'_, Reader<'_>>, index: u64) -> Option<PathBuf> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let mut path = unit
        .comp_dir
        .map(|folder| path_of(folder.slice()))
        .unwrap_or_default();
    if file.directory_index() != 0 {
        path.push(path_of(
            unit.attr_string(file.directory(header)?).ok()?.slice(),
        ));
    }
    path.push(path_of(unit.attr_string(file.path_name()).ok()?.slice()));
    Some(path)
}
