//! Line icons, drawn on a grid of 24. Plain functions: they have no state, and a component
//! costs some kilobytes.

use yew::prelude::*;

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Adds something.
    Plus,
    /// A call.
    Phone,
    /// The end of a call.
    PhoneOff,
    /// A ring: somebody asks for attention.
    Bell,
    /// Hears no more of somebody.
    Block,
    /// Back to the list.
    Back,
    /// Settings.
    Gear,
    /// A link.
    Link,
    /// Copies.
    Copy,
    /// Done, or sent.
    Check,
    /// Delivered.
    Checks,
    /// Waiting.
    Clock,
    /// Sends.
    Send,
    /// Closes, or cancels.
    Cross,
    /// More about this.
    More,
    /// Something to know.
    Info,
    /// Something to worry about.
    Warning,
    /// Protection.
    Shield,
    /// Seen by others.
    Eye,
    /// Opens by a secret alone.
    Lock,
}

/// Draws an icon. It says nothing to a screen reader: the text beside it does.
pub fn icon(kind: Kind) -> Html {
    draw(kind, "icon")
}

/// Draws an icon at the height of small text.
pub fn small_icon(kind: Kind) -> Html {
    draw(kind, "icon-small")
}

fn draw(kind: Kind, class: &'static str) -> Html {
    let path = match kind {
        Kind::Lock => {
            "M6 11h12a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1zM8 11V7.5a4 4 0 0 1 8 0V11"
        }
        Kind::Plus => "M12 5v14M5 12h14",
        Kind::Phone => PHONE,
        Kind::PhoneOff => {
            "M3 14.5c5-5 13-5 18 0l-2.2 2.6-4-1.6v-2.8a10.5 10.5 0 0 0-5.6 0v2.8l-4 1.6z"
        }
        Kind::Bell => "M6 16.5v-6a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
        Kind::Block => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 6l12 12",
        Kind::Back => "M15 5l-7 7 7 7",
        Kind::Gear => {
            "M4 8h7M17 8h3M4 16h3M13 16h7M14 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 13a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"
        }
        Kind::Link => {
            "M10 14a4.5 4.5 0 0 0 6.4 0l3-3A4.5 4.5 0 0 0 13 4.6l-1.2 1.2M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.4l1.2-1.2"
        }
        Kind::Copy => "M9 9h11v11H9zM5 15H4V4h11v1",
        Kind::Check => "M5 12.5l4.5 4.5L19 7.5",
        Kind::Checks => "M2.5 12.5L7 17l9-9.5M12 16l1 1 9-9.5",
        Kind::Clock => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2",
        Kind::Send => "M12 19V5M5.5 11.5L12 5l6.5 6.5",
        Kind::Cross => "M6 6l12 12M18 6L6 18",
        Kind::More => "M5 12h.01M12 12h.01M19 12h.01",
        Kind::Info => "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5M12 8h.01",
        Kind::Warning => "M12 4L2.5 20h19zM12 10v4.5M12 17.2h.01",
        Kind::Shield => {
            "M12 3l7.5 2.8v5.7c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V5.8zM8.5 12l2.5 2.5 4.5-4.5"
        }
        Kind::Eye => {
            "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"
        }
    };
    let width = if kind == Kind::More { "3" } else { "2" };
    html! {
        <svg {class} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width={width}
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
            <path d={path} />
        </svg>
    }
}

const PHONE: &str = "M6.5 3.5h3l1.5 4.5-2 1.5a11 11 0 0 0 5.5 5.5l1.5-2 4.5 1.5v3a2 2 0 0 1-2.2 2A16.5 16.5 0 0 1 4.5 5.7a2 2 0 0 1 2-2.2z";

/// The product's mark: three servers, and what lies between them.
pub fn mark() -> Html {
    html! {
        <svg viewBox="0 0 64 64" aria-hidden="true" focusable="false">
            <rect width="64" height="64" rx="16" fill="#0b7a66" />
            <g fill="none" stroke="#fff" stroke-width="4.5">
                <circle cx="32" cy="24.5" r="11.5" />
                <circle cx="24.5" cy="37.5" r="11.5" />
                <circle cx="39.5" cy="37.5" r="11.5" />
            </g>
            <circle cx="32" cy="33" r="3.4" fill="#fff" />
        </svg>
    }
}

/// The picture of the empty view: people around three servers, nobody tied to anybody.
pub fn mix_art() -> Html {
    html! {
        <svg class="art" viewBox="0 0 136 136" fill="none" stroke="currentColor" stroke-width="2.5"
            stroke-linecap="round" aria-hidden="true" focusable="false">
            <circle cx="68" cy="57" r="21" />
            <circle cx="57" cy="76" r="21" />
            <circle cx="79" cy="76" r="21" />
            <g fill="currentColor" stroke="none">
                <circle cx="68" cy="10" r="5" />
                <circle cx="118" cy="39" r="5" />
                <circle cx="118" cy="97" r="5" />
                <circle cx="68" cy="126" r="5" />
                <circle cx="18" cy="97" r="5" />
                <circle cx="18" cy="39" r="5" />
            </g>
            <g stroke-dasharray="1 6" opacity="0.8">
                <path d="M68 18v14M111 43l-18 10M111 93l-14-8M68 118v-18M25 93l14-8M25 43l18 10" />
            </g>
        </svg>
    }
}
