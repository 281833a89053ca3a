//! Flame graphs: one SVG that can be searched and zoomed, drawn by inferno.

use inferno::flamegraph::color::{Color, PaletteMap};
use inferno::flamegraph::{self, Direction};

use crate::ReportError;
use crate::folded::Folded;
use crate::names::Name;
use crate::report::Report;
use crate::source::escape;
use crate::symbols::Origin;

/// Behind the names of inline frames. Not `_[i]`: inferno takes that off.
const INLINED: &str = "[i]";

/// Frames below this share of the total are too narrow to be seen.
const NARROWEST: u64 = 10_000;

/// The picture. The same trace gives the same bytes.
///
/// # Errors
/// If inferno cannot draw it.
pub fn svg(report: &Report, folded: &Folded) -> Result<String, ReportError> {
    let lines = folded.write((folded.total / NARROWEST).max(1), &|name, text| {
        text.push_str(&label(name));
    });
    let mut palette = palette(folded.names());
    let mut options = flamegraph::Options::default();
    options.title = title(report, folded);
    options.subtitle = Some(format!("{}; {INLINED} is inlined", report.quality().line()));
    options.count_name = folded.options.metric.unit().to_owned();
    options.direction = if folded.options.inverted {
        Direction::Inverted
    } else {
        Direction::Straight
    };
    options.hash = true;
    options.deterministic = true;
    options.palette_map = Some(&mut palette);
    options.bgcolors = Some(flamegraph::color::BackgroundColor::Flat(rgb(255, 255, 255)));
    // Lines come in the order of the tree, so that no frame is split; as text they
    // need not ascend. Only flame charts are taken as they come, last line first.
    options.flame_chart = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.lines().rev(), &mut svg)
        .map_err(|error| ReportError::drawing(&report.path, error))?;
    Ok(String::from_utf8_lossy(&svg).into_owned())
}

fn title(report: &Report, folded: &Folded) -> String {
    let program = report.program();
    let name = program.rsplit('/').next().unwrap_or_default();
    let title = folded.title();
    match name {
        "" => title,
        name => format!("{}, {title}", escape(name)),
    }
}

/// What a frame says: inline ones say that they are.
fn label(name: &Name) -> String {
    if name.inlined {
        format!("{} {INLINED}", name.text)
    } else {
        name.text.clone()
    }
}

fn palette(names: &[Name]) -> PaletteMap {
    let mut palette = PaletteMap::default();
    // The bar under all others has no name.
    palette.insert("", rgb(222, 222, 222));
    for name in names {
        palette.insert(label(name), color(name));
    }
    palette
}

/// The user's own crates are warm, others cool, the standard library is grey; a crate
/// has one hue, its functions differ a little, and inline frames are paler.
fn color(name: &Name) -> Color {
    let within = |range: (f64, f64), hash: u64| {
        range.0 + (range.1 - range.0) * ((hash % 1024) as f64 / 1023.0)
    };
    let krate = hash(&name.krate);
    let (hue, saturation, lightness) = match name.origin {
        Origin::Workspace => (within((8.0, 46.0), krate), 0.88, 0.62),
        Origin::Dependency => (within((160.0, 260.0), krate), 0.48, 0.66),
        Origin::Native => (within((280.0, 310.0), krate), 0.30, 0.70),
        Origin::Standard => (215.0, 0.12, 0.74),
        Origin::Runtime => (215.0, 0.06, 0.82),
        Origin::Unknown => (40.0, 0.06, 0.80),
    };
    let paler = if name.inlined { 0.10 } else { 0.0 };
    let shade = within((-0.04, 0.04), hash(&name.text));
    from_hsl(hue, saturation, lightness + shade + paler)
}

fn rgb(r: u8, g: u8, b: u8) -> Color {
    Color { r, g, b }
}

fn from_hsl(hue: f64, saturation: f64, lightness: f64) -> Color {
    let chroma = saturation * lightness.min(1.0 - lightness);
    let channel = |offset: f64| {
        let at = (offset + hue / 30.0) % 12.0;
        let value = lightness - chroma * (at - 3.0).min(9.0 - at).clamp(-1.0, 1.0);
        (value.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    rgb(channel(0.0), channel(8.0), channel(4.0))
}

/// FNV-1a: the same on every machine.
fn hash(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_those_of_the_color_wheel() {
        assert_eq!(from_hsl(0.0, 1.0, 0.5), rgb(255, 0, 0));
        assert_eq!(from_hsl(120.0, 1.0, 0.5), rgb(0, 255, 0));
        assert_eq!(from_hsl(240.0, 1.0, 0.25), rgb(0, 0, 128));
        assert_eq!(from_hsl(70.0, 0.0, 1.0), rgb(255, 255, 255));
    }
}
