//! Every report on bytes that may be no trace, or a broken one: shared by the fuzz targets
//! and the tests of heapline-report.

use std::path::Path;

use heapline_report::symbols::SymbolOptions;
use heapline_report::{At, FoldedOptions, LineOptions, Options, Report, render};

/// Makes every report on the bytes, if they are a trace at all.
pub(crate) fn every_report(bytes: Vec<u8>, symbols: SymbolOptions) {
    let path = Path::new("hostile.heapline");
    let options = Options { symbols };
    let Ok(report) = Report::from_bytes(path, bytes, &options, &mut |_| {}) else {
        return;
    };
    let _ = render::json::summary(&report);
    let _ = render::text::info(&report);
    let arrays = report.arrays(At::Peak, &mut |_| {}).expect("reads again");
    let _ = render::text::arrays(&report, &arrays, 10);
    let _ = render::json::arrays(&report, &arrays);
    let _ = render::text::profile(&report.profile_tables(), Some(&arrays));
    let options = LineOptions {
        all: true,
        maxima: true,
        ..LineOptions::default()
    };
    let table = report.lines(&options, &mut |_| {}).expect("reads again");
    let _ = render::text::lines(&report, &table, Some(&arrays));
    let _ = render::json::lines(&report, &table, Some(&arrays));
    if let Ok(folded) = report.folded(&FoldedOptions::default(), &mut |_| {}) {
        render::flamegraph::svg(&report, &folded).expect("draws");
    }
}
