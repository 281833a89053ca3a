//! A bar on stderr for anything that takes longer than a second.

use std::time::{Duration, Instant};

use heapline_report::{Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};

/// Work that is done by then has no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows progress once it is worth it. Nothing is drawn where stderr is no terminal.
pub(crate) struct Bar {
    started: Instant,
    bar: Option<(Phase, ProgressBar)>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Bar {
            started: Instant::now(),
            bar: None,
        }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        if self.started.elapsed() < PATIENCE {
            return;
        }
        if self
            .bar
            .as_ref()
            .is_none_or(|(phase, _)| *phase != progress.phase)
        {
            self.bar = Some((progress.phase, bar(progress)));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_position(progress.done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some((_, bar)) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(progress: Progress) -> ProgressBar {
    let (what, template) = match progress.phase {
        Phase::Replay => ("reading", "{msg:9} [{bar:40}] {bytes}/{total_bytes} {eta}"),
        Phase::SecondPass => ("looking", "{msg:9} [{bar:40}] {bytes}/{total_bytes} {eta}"),
        Phase::Packing => ("packing", "{msg:9} [{bar:40}] {bytes}/{total_bytes} {eta}"),
        Phase::Checking => ("checking", "{msg:9} [{bar:40}] {bytes}/{total_bytes} {eta}"),
        Phase::Symbols => ("symbols", "{msg:9} [{bar:40}] {pos}/{len} {eta}"),
    };
    let style = ProgressStyle::with_template(template);
    let style = style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(progress.total)
        .with_style(style)
        .with_message(what)
}
