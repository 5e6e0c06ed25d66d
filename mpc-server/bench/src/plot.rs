//! Time and bytes against users, as an SVG that reads on white and on black.

use core::ops::Range;

use anyhow::{Result, anyhow, ensure};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::options::Algorithm;
use crate::statistics::Summary;

const SIZE: (u32, u32) = (960, 452);
/// Stands out from white and from black: the background is transparent.
const INK: RGBColor = RGBColor(118, 127, 138);
const FAINT: RGBAColor = RGBAColor(128, 136, 146, 0.28);

/// One curve.
struct Curve {
    label: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws time and bytes against users, for dialing and for messages of one size.
///
/// # Errors
/// There is nothing to draw, or drawing fails.
pub fn draw(summaries: &[Summary], message_bytes: usize) -> Result<String> {
    let shown: Vec<&Summary> = summaries
        .iter()
        .filter(|summary| {
            summary
                .message_bytes
                .is_none_or(|bytes| bytes == message_bytes)
        })
        .collect();
    ensure!(!shown.is_empty(), "nothing measured that a plot could show");
    let mut times = curves(&shown, |summary| summary.total.as_secs_f64());
    let plain = |summary: &&&Summary| summary.algorithm == Algorithm::Conversation;
    let plain = shown.iter().filter(plain);
    let points = plain.map(|summary| (users(summary), summary.plain.as_secs_f64()));
    times.push(Curve {
        label: "conversation in the clear",
        color: INK,
        points: points.collect(),
    });
    times.retain(|curve| !curve.points.is_empty());
    let bytes = curves(&shown, |summary| summary.bytes_per_row * users(summary));

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let (top, panels) = root.split_vertically(64);
        legend(&top, &times)?;
        let (left, right) = panels.split_horizontally(SIZE.0 / 2);
        let title = format!("time of a round, {message_bytes}-byte messages");
        panel(&left, &title, &times, seconds_label)?;
        panel(
            &right,
            "bytes sent by all three parties in a round",
            &bytes,
            bytes_label,
        )?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

fn curves(shown: &[&Summary], value: impl Fn(&Summary) -> f64) -> Vec<Curve> {
    let curve = |algorithm: Algorithm| {
        let (label, color) = match algorithm {
            Algorithm::Conversation => ("conversation", RGBColor(47, 129, 247)),
            Algorithm::ConversationBySorting => ("conversation by sorting", RGBColor(214, 112, 42)),
            Algorithm::DialingContacts => ("dialing, contacts", RGBColor(44, 164, 78)),
            Algorithm::DialingOpen => ("dialing, open", RGBColor(150, 190, 60)),
            Algorithm::DialingBothTold => ("dialing, both told", RGBColor(160, 100, 200)),
        };
        let summaries = shown
            .iter()
            .filter(|summary| summary.algorithm == algorithm);
        Curve {
            label,
            color,
            points: summaries
                .map(|summary| (users(summary), value(summary)))
                .collect(),
        }
    };
    let curves = Algorithm::ALL.map(curve).into_iter();
    curves.filter(|curve| !curve.points.is_empty()).collect()
}

fn users(summary: &Summary) -> f64 {
    summary.users as f64
}

fn legend(area: &Area<'_>, curves: &[Curve]) -> Result<()> {
    const WIDTH: usize = 205;
    const COLUMNS: usize = 4;
    let style = ("sans-serif", 14).into_font().color(&INK);
    let columns = (60..).step_by(WIDTH).take(COLUMNS);
    let places = [24, 46]
        .into_iter()
        .flat_map(|y| columns.clone().map(move |x| (x, y)));
    for (curve, (x, y)) in curves.iter().zip(places) {
        let line = PathElement::new([(x, y), (x + 22, y)], curve.color.stroke_width(3));
        area.draw(&line).map_err(failed)?;
        let text = Text::new(curve.label, (x + 30, y - 7), style.clone());
        area.draw(&text).map_err(failed)?;
    }
    Ok(())
}

fn panel(area: &Area<'_>, title: &str, curves: &[Curve], label: fn(&f64) -> String) -> Result<()> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let x = span(points().map(|point| point.0), 1.3);
    let y = span(points().map(|point| point.1), 1.6);
    let font = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption(title, font(15))
        .margin(10)
        .margin_right(22)
        .x_label_area_size(38)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("users")
        .x_labels(5)
        .y_labels(8)
        .x_label_formatter(&users_label)
        .y_label_formatter(&label)
        .label_style(font(13))
        .axis_desc_style(font(13))
        .axis_style(INK)
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(failed)?;
    for curve in curves {
        let line = LineSeries::new(curve.points.iter().copied(), curve.color.stroke_width(3));
        chart.draw_series(line).map_err(failed)?;
        let dots = curve
            .points
            .iter()
            .map(|&point| Circle::new(point, 4, curve.color.filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    Ok(())
}

/// Returns a range that holds all values, with some room on both sides.
fn span(values: impl Iterator<Item = f64>, room: f64) -> Range<f64> {
    let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    least.min(most) / room..most * room
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "plotters calls it so")]
fn users_label(users: &f64) -> String {
    scaled(*users, &[(1e6, " million"), (1e3, ",000"), (1.0, "")])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "plotters calls it so")]
fn seconds_label(seconds: &f64) -> String {
    scaled(*seconds, &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "plotters calls it so")]
fn bytes_label(bytes: &f64) -> String {
    scaled(
        *bytes,
        &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
    )
}

/// Writes a value in the largest unit that it has at least one of.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    // A little below one unit is one unit: the values are powers of ten, computed.
    let fits = units.iter().find(|(unit, _)| value >= unit * 0.999);
    let (unit, name) = fits.or(units.last()).copied().unwrap_or((1.0, ""));
    let digits = (value / unit * 100.0).round() / 100.0;
    format!("{digits}{name}")
}

fn failed(error: impl core::fmt::Display) -> anyhow::Error {
    anyhow!("can't draw the plot: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    #[test]
    fn labels_read_well() {
        let users = [1e3, 1e4, 1e5, 1e6].map(|users| users_label(&users));
        assert_eq!(users, ["1,000", "10,000", "100,000", "1 million"]);
        let seconds = [1e-5, 1e-3, 0.1, 10.0].map(|seconds| seconds_label(&seconds));
        assert_eq!(seconds, ["10 µs", "1 ms", "100 ms", "10 s"]);
        assert_eq!(bytes_label(&1e8), "100 MB");
    }

    #[test]
    fn all_curves_are_drawn() {
        let base = Summary::of(&[Record::example()]).unwrap();
        let mut summaries = Vec::new();
        for (algorithm, times) in Algorithm::ALL.into_iter().zip([1, 2, 5]) {
            for scale in [1, 10, 100, 1000] {
                let mut summary = base.clone();
                summary.algorithm = algorithm;
                summary.users *= scale;
                summary.total *= times * u32::try_from(scale).unwrap();
                summary.plain *= u32::try_from(scale).unwrap();
                summary.bytes_per_row *= f64::from(times);
                summaries.push(summary);
            }
        }
        let svg = draw(&summaries, 160).unwrap();
        for label in [
            "conversation by sorting",
            "dialing, both told",
            "in the clear",
            "100,000",
            "10 MB",
        ] {
            assert!(svg.contains(label), "{label}");
        }
        draw(&summaries[..1], 160).unwrap();
        draw(&[], 160).unwrap_err();
    }
}
