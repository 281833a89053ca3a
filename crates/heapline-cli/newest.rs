//! Which trace is meant when none is named.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::CliError;
use crate::output::complain;

/// The trace that was named, or the newest one, which is then named on stderr.
pub(crate) fn named_or_newest(named: Option<PathBuf>) -> Result<PathBuf, CliError> {
    if let Some(path) = named {
        return Ok(path);
    }
    let here = Path::new(".");
    let mut folders = vec![here.to_owned()];
    folders.extend(
        target_folders(here)
            .into_iter()
            .map(|target| target.join("heapline")),
    );
    let newest = folders.iter().flat_map(|folder| traces(folder)).max();
    let (_, path) = newest.ok_or_else(|| {
        CliError::failure(
            "no trace in target/heapline or in this folder: name one, or record one by `cargo heapline run`"
                .to_owned(),
        )
    })?;
    complain(&format!("looking at {}", path.display()));
    Ok(path)
}

/// Cargo's target folder for the working directory, and where the variable says.
fn target_folders(here: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(here).unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::var_os("CARGO_TARGET_DIR")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    folders.extend(
        absolute
            .ancestors()
            .map(|folder| folder.join("target"))
            .find(|target| target.is_dir()),
    );
    folders
}

fn traces(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let dated = entries.filter_map(|entry| {
        let path = entry.path();
        let is_trace = path
            .extension()
            .is_some_and(|extension| extension == "heapline");
        let metadata = entry.metadata().ok()?;
        (is_trace && metadata.is_file()).then_some((metadata.modified().ok()?, path))
    });
    dated.collect()
}
