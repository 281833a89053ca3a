//! `heapline pack`: the one command that changes a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ArgMatches;
use heapline_report::{Outcome, PackOptions, pack};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::args;
use crate::error::CliError;
use crate::newest::named_or_newest;
use crate::open::{open, remove_symbols};
use crate::output::complain;
use crate::progress::Bar;

pub(super) fn run(matches: &ArgMatches) -> Result<(), CliError> {
    let path = named_or_newest(args::path(matches, "trace"))?;
    let output = args::path(matches, "output");
    let is_stopped = stopped_by_signals()?;
    let mut bar = Bar::new();
    let symbols = match matches.get_flag("no-symbols") {
        true => None,
        false => Some(open(&path, None, &mut bar)?.symbol_store()),
    };
    let is_carrying = symbols.is_some();
    let options = PackOptions {
        symbols,
        without_source: matches.get_flag("no-source"),
    };
    let outcome = pack(
        &path,
        output.as_deref(),
        options,
        &mut |progress| bar.show(progress),
        &|| is_stopped.load(Ordering::Relaxed),
    )
    .map_err(super::failed)?;
    drop(bar);
    complain(&match outcome {
        Outcome::Packed(packed) => {
            if is_carrying && output.is_none() {
                remove_symbols(&path);
            }
            format!("packed {}: {}", packed.path.display(), packed.reduction())
        }
        Outcome::WasPacked => format!("{} is packed already", path.display()),
    });
    Ok(())
}

/// Set by whatever asks us to end, so that no file is left half written.
fn stopped_by_signals() -> Result<Arc<AtomicBool>, CliError> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&is_stopped))
            .map_err(|error| CliError::io("handle signals", error))?;
    }
    Ok(is_stopped)
}
