//! The instructions that callgrind counted in a benchmark.

use std::fs;
use std::path::{Path, PathBuf};

/// What gungraun has left.
pub(crate) struct Counts {
    folder: PathBuf,
}

impl Counts {
    pub(crate) fn new(gungraun_home: &Path) -> Self {
        Counts {
            folder: gungraun_home.join(env!("CARGO_PKG_NAME")),
        }
    }

    /// Instructions of the benchmark `GROUP/FUNCTION` or `GROUP/FUNCTION.ID`, whose
    /// target has the group's name.
    pub(crate) fn instructions(&self, benchmark: &str) -> Result<u64, String> {
        let (group, name) = benchmark.split_once('/').ok_or("not in a group")?;
        let file = format!("{group}/{group}/{name}/callgrind.{name}.out");
        let path = self.folder.join(file);
        let profile = fs::read_to_string(&path);
        let profile = profile.map_err(|error| format!("{}: {error}", path.display()))?;
        total(&profile).ok_or_else(|| format!("{}: has no total", path.display()))
    }
}

/// The first of the events that a profile of callgrind adds up; it counts no others.
fn total(profile: &str) -> Option<u64> {
    let line = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_profile_has_a_total() {
        let profile = "events: Ir\nsummary: 1\n\nfn=(1) main\n7 12\n\ntotals: 114851\n";
        assert_eq!(total(profile), Some(114_851));
        assert_eq!(total("events: Ir\n"), None);
    }
}
