//! Flamegraphs: folded stacks as an SVG that a browser lets one zoom into and search.

use ebpf_base::units;
use inferno::flamegraph::{
    self, Options,
    color::{BackgroundColor, Color, PaletteMap},
};

use crate::{
    error::{Error, Result},
    profile::{
        group::{Estimates, Filter},
        snapshot::Snapshot,
    },
    view::folded::{self, Side},
};

/// The sum of weights that a drawing may have. The library adds them up unchecked, and
/// browsers count in doubles.
const MAX_TOTAL: u128 = 1 << 53;

/// The flamegraph of one side, the same for the same snapshot.
pub(crate) fn svg(snapshot: &Snapshot, side: Side, filter: &Filter) -> Result<Vec<u8>> {
    let estimates = Estimates::of(snapshot, filter);
    let stacks = folded::stacks(snapshot, side, &estimates);
    let total: u128 = stacks.values().map(|&weight| u128::from(weight)).sum();
    if total == 0 {
        return Ok(EMPTY.as_bytes().to_vec());
    }
    // None of a real recording: 104 days of waiting.
    let mut shift = 0;
    while total >> shift > MAX_TOTAL {
        shift += 1;
    }
    let mut colors = PaletteMap::default();
    for stack in stacks.keys() {
        color(&mut colors, stack);
    }
    let lines: Vec<String> = stacks
        .iter()
        .map(|(stack, weight)| format!("{stack} {}", weight >> shift))
        .collect();

    let mut options = Options::default();
    let (title, background) = match side {
        Side::Waiters => ("Lock wait time by waiter stack", BackgroundColor::Blue),
        Side::Holders => (
            "Lock wait time by holder's release stack",
            BackgroundColor::Yellow,
        ),
    };
    title.clone_into(&mut options.title);
    let waits = estimates.total();
    let error = match waits.wait_error_ns() {
        0 => String::new(),
        error => format!(" ± {}", units::time(error)),
    };
    options.subtitle = Some(format!(
        "{}{error} of wait time in {}",
        units::time(waits.wait_ns),
        units::time(snapshot.duration_ns)
    ));
    options.bgcolors = Some(background);
    "ns of wait time".clone_into(&mut options.count_name);
    "Frame:".clone_into(&mut options.name_type);
    options.factor = (shift as f64).exp2();
    options.deterministic = true;
    options.palette_map = Some(&mut colors);

    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(
        |error| Error::new("flamegraph", "the flamegraph could not be drawn").because_of(&error),
    )?;
    Ok(svg)
}

const EMPTY: &str = r##"<?xml version="1.0" standalone="no"?>
<svg version="1.1" width="1200" height="60" viewBox="0 0 1200 60" xmlns="http://www.w3.org/2000/svg">
<rect width="100%" height="100%" fill="#eeeeee"/>
<text x="600" y="36" text-anchor="middle" font-family="monospace" font-size="17">No waits were sampled</text>
</svg>
"##;

/// Gives the frames of a stack the colours of what they are: grey the process, purple the
/// lock, orange the kernel, aqua what is inlined, yellow to red the rest of the program.
fn color(colors: &mut PaletteMap, stack: &str) {
    // The library's own, below all.
    colors.insert(
        "",
        Color {
            r: 220,
            g: 220,
            b: 220,
        },
    );
    let frames = stack.split(';');
    let last = frames.clone().count().saturating_sub(1);
    for (depth, frame) in frames.enumerate() {
        if colors.get(frame).is_some() {
            continue;
        }
        let (base, spread) = match depth {
            0 => ((190, 190, 190), (0, 0, 0)),
            _ if depth == last => ((180, 90, 190), (60, 40, 50)),
            _ if frame.ends_with("_[k]") => ((220, 120, 0), (35, 50, 0)),
            _ if frame.ends_with("_[i]") => ((60, 175, 175), (50, 50, 50)),
            _ if frame.starts_with('(') => ((200, 200, 200), (0, 0, 0)),
            _ => ((220, 60, 30), (35, 160, 30)),
        };
        let shade = shade(frame);
        // At most 255: the spreads are what is left above the bases.
        let channel = |base: u8, spread: u8| base.saturating_add((shade * f32::from(spread)) as u8);
        colors.insert(
            frame,
            Color {
                r: channel(base.0, spread.0),
                g: channel(base.1, spread.1),
                b: channel(base.2, spread.2),
            },
        );
    }
}

/// A number from 0 to 1 that a name always gets, so that neighbours differ: FNV-1a
/// (RFC 9923), its upper half.
fn shade(name: &str) -> f32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 16) as f32 / f32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::{
        profile::{
            fixtures,
            group::{Estimates, Filter},
            snapshot::Snapshot,
        },
        view::{
            folded::{Side, stacks},
            hostile_fixtures,
        },
    };

    fn text(snapshot: &Snapshot, side: Side) -> String {
        String::from_utf8(svg(snapshot, side, &Filter::default()).unwrap()).unwrap()
    }

    #[test]
    fn it_is_as_wide_as_all_that_was_waited() {
        let (snapshot, filter) = (fixtures::snapshot(), Filter::default());
        let estimates = Estimates::of(&snapshot, &filter);
        for side in [Side::Waiters, Side::Holders] {
            let total: u64 = stacks(&snapshot, side, &estimates).values().sum();
            let svg = text(&snapshot, side);
            assert!(
                svg.contains(&format!("total_samples=\"{total}\"")),
                "{side:?}"
            );
            assert!(svg.contains(" ns of wait time, "));
            assert_eq!(svg, text(&snapshot, side), "not the same twice");
        }
    }

    #[test]
    fn each_side_has_its_title_and_its_frames() {
        let snapshot = fixtures::snapshot();
        let waiters = text(&snapshot, Side::Waiters);
        assert!(waiters.contains("Lock wait time by waiter stack<"));
        assert!(waiters.contains("619 ms of wait time in 2.00 s"));
        assert!(text(&fixtures::exact(), Side::Waiters).contains("619 ms of wait time in 2.00 s"));
        assert!(waiters.contains("lock_mm_and_find_vma (10,800,000 ns of wait time"));
        assert!(!waiters.contains("(unknown holder)"));
        let holders = text(&snapshot, Side::Holders);
        assert!(holders.contains("Lock wait time by holder&apos;s release stack<"));
        assert!(holders.contains("(unknown holder) ("));
    }

    #[test]
    fn names_cannot_break_out_of_the_drawing() {
        let svg = text(&hostile_fixtures::hostile(), Side::Waiters);
        assert!(svg.contains("a:b &quot;&lt;&amp;&gt;?\\ (1,000,000,000 ns of wait time"));
    }

    #[test]
    fn forged_weights_are_drawn_to_scale() {
        let svg = text(&hostile_fixtures::forged(), Side::Waiters);
        assert!(svg.contains("(unknown"));
        assert!(svg.ends_with("</svg>"));
    }

    #[test]
    fn nothing_is_a_drawing_that_says_so() {
        let svg = text(&Snapshot::default(), Side::Waiters);
        assert!(svg.contains("No waits were sampled"));
    }
}
