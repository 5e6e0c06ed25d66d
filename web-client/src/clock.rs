//! Times as people read them, in the browser's time zone.

use js_sys::Date;
use mcmix_shared::client::Millis;
use wasm_bindgen::JsValue;

use crate::texts;

/// A day's milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// A day, for telling one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    year: u32,
    month: u32,
    date: u32,
}

impl Day {
    /// Returns the day of a time.
    pub fn of(time: Millis) -> Self {
        let at = date(time);
        Self {
            year: at.get_full_year(),
            month: at.get_month(),
            date: at.get_date(),
        }
    }
}

/// Writes a day and time as machines sort it, `2026-11-27 14:05`.
pub fn stamp(time: Millis) -> String {
    let Day { year, month, date } = Day::of(time);
    format!("{year}-{:02}-{date:02} {}", month + 1, time_of_day(time))
}

/// Writes the time of day, `14:05`.
pub fn time_of_day(time: Millis) -> String {
    let at = date(time);
    format!("{:02}:{:02}", at.get_hours(), at.get_minutes())
}

/// Writes the day: today, yesterday, or the date.
pub fn day(time: Millis, now: Millis) -> String {
    let (that, today) = (Day::of(time), Day::of(now));
    if that == today {
        texts::TODAY.to_owned()
    } else if that == Day::of(Millis(now.0.saturating_sub(DAY))) {
        texts::YESTERDAY.to_owned()
    } else {
        format!("{} {}", weekday(time), date_of(that, today))
    }
}

/// Writes the time of day for today, the weekday within a week, else the date.
pub fn short(time: Millis, now: Millis) -> String {
    let (that, today) = (Day::of(time), Day::of(now));
    if that == today {
        time_of_day(time)
    } else if that == Day::of(Millis(now.0.saturating_sub(DAY))) {
        texts::YESTERDAY.to_owned()
    } else if is_within_week(time, now) {
        weekday(time).to_owned()
    } else {
        date_of(that, today)
    }
}

/// Writes when something last was, to follow "last": `at 14:05`, `on Monday`, `on 3 May`.
pub fn last(time: Millis, now: Millis) -> String {
    let (that, today) = (Day::of(time), Day::of(now));
    if that == today {
        return texts::last_at(&time_of_day(time));
    }
    if that == Day::of(Millis(now.0.saturating_sub(DAY))) {
        return texts::LAST_YESTERDAY.to_owned();
    }
    if is_within_week(time, now) {
        return texts::last_on(weekday(time));
    }
    texts::last_on(&date_of(that, today))
}

/// Writes the time of day for today, else the date and time.
pub fn since(time: Millis, now: Millis) -> String {
    let (that, today) = (Day::of(time), Day::of(now));
    if that == today {
        time_of_day(time)
    } else {
        format!("{}, {}", date_of(that, today), time_of_day(time))
    }
}

/// Says whether a weekday tells the day; one ahead of the clock is none of the last ones.
fn is_within_week(time: Millis, now: Millis) -> bool {
    const WEEK: u64 = 6;
    time <= now && now.since(time) < WEEK * DAY
}

fn weekday(time: Millis) -> &'static str {
    let place = date(time).get_day() as usize;
    texts::WEEKDAYS.get(place).copied().unwrap_or_default()
}

/// Writes day and month, and the year if it is not this one.
fn date_of(that: Day, today: Day) -> String {
    let month = texts::MONTHS.get(that.month as usize).unwrap_or(&"");
    let year = if that.year == today.year {
        String::new()
    } else {
        format!(" {}", that.year)
    };
    format!("{} {month}{year}", that.date)
}

#[expect(clippy::cast_precision_loss, reason = "a date is far below 2^53")]
fn date(time: Millis) -> Date {
    Date::new(&JsValue::from_f64(time.0 as f64))
}
