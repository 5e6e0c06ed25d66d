//! Conversation.
use super::{ConversationInput, Replies, check_len, check_rows};
use crate::{context::Context, error::Error};

/// Runs a conversation round.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn conversation(context: &mut Context, input: ConversationInput) -> Result<Replies, Error> {
    check_rows(input.rows)?;
    check_len(
        "first",
        input.first.len(),
        input.rows * (9 + input.message_bytes),
    )?;
    let _ = context.enter()?;
    Err(Error::NoRound)
}
