//! A QR code as one SVG path.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use yew::prelude::*;

/// Draws a QR code, dark on white in both themes: scanners expect that.
pub fn qr(text: &str, testid: &'static str, label: &'static str) -> Html {
    let Ok(code) = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L) else {
        // Longer than any code holds; the text stands beside it.
        return Html::default();
    };
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, line) in colors.chunks(width).enumerate() {
        for (x, color) in line.iter().enumerate() {
            if *color == Color::Dark {
                // Writing to a string can't fail.
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
    }
    // The quiet zone around a code is four modules wide.
    let view_box = format!("-4 -4 {0} {0}", width + 8);
    html! {
        <div class="qr" data-testid={testid}>
            <svg viewBox={view_box} role="img" aria-label={label} shape-rendering="crispEdges">
                <path d={path} fill="#000" />
            </svg>
        </div>
    }
}
