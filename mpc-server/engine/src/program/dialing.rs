//! Dialing.
use super::{DialingInput, Replies, check_len, check_rows};
use crate::{context::Context, error::Error};

/// Runs a dialing round.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn dialing(context: &mut Context, input: DialingInput) -> Result<Replies, Error> {
    check_rows(input.ids.len())?;
    check_len("first", input.first.len(), input.ids.len() * 8)?;
    let _ = context.enter()?;
    Err(Error::NoRound)
}
