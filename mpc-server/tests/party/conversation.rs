//! Two people find each other and talk.

use mcmix_native::NativeClient;
use mcmix_shared::client::{Action, ContactView, MessageKind, SendStatus, View};
use mcmix_shared::identity::ClientKey;

use crate::world::{World, soon};

/// Lets one call and the other accept, and waits until the two are a pair, with the conversation
/// on both screens.
pub(crate) async fn introduce(from: &mut NativeClient, to: &mut NativeClient) {
    let (own, partner) = (from.view().own.key, to.view().own.key);
    let link = to.view().own.to_link("http://127.0.0.1", &to.view().realm);
    from.act(Action::AddContact { link });
    from.act(Action::Call(partner));
    let rings = to.until(|view| view.incoming.iter().any(|call| call.key == own));
    soon("the phone to ring", rings).await.unwrap();
    to.act(Action::Accept(own));
    for (client, partner) in [(from, partner), (to, own)] {
        client.act(Action::Look(Some(partner)));
        soon(
            "the two to be a pair",
            client.until(|view| is_paired(view, partner)),
        )
        .await
        .unwrap();
    }
}

fn is_paired(view: &View, partner: ClientKey) -> bool {
    view.contact(partner).is_some_and(ContactView::is_paired)
}

pub(crate) fn has_received(view: &View, partner: ClientKey, text: &str) -> bool {
    let messages = view
        .contact(partner)
        .map(|contact| &contact.messages[..])
        .unwrap_or_default();
    messages
        .iter()
        .any(|message| matches!(message.kind, MessageKind::Received) && message.text == text)
}

fn is_delivered(view: &View, partner: ClientKey, text: &str) -> bool {
    let messages = view
        .contact(partner)
        .map(|contact| &contact.messages[..])
        .unwrap_or_default();
    messages.iter().any(|message| {
        matches!(message.kind, MessageKind::Outgoing(SendStatus::Delivered)) && message.text == text
    })
}

/// Sends a text and waits until it is there and known to be there.
pub(crate) async fn say(from: &mut NativeClient, to: &mut NativeClient, text: &str) {
    let (sender, receiver) = (from.view().own.key, to.view().own.key);
    from.act(Action::SendText {
        contact: receiver,
        text: text.to_owned(),
    });
    soon(
        "the text to arrive",
        to.until(|view| has_received(view, sender, text)),
    )
    .await
    .unwrap();
    let delivered = from.until(|view| is_delivered(view, receiver, text));
    soon("the text to be acknowledged", delivered)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_texts_both_ways() {
    let world = World::start().await;
    let (mut alice, mut bob) = (world.client("Alice"), world.client("Bob"));
    introduce(&mut alice, &mut bob).await;
    say(&mut alice, &mut bob, "hello Bob").await;
    say(&mut bob, &mut alice, "hello Alice, ünïcode 🎉").await;
    let long = "a long story, ".repeat(100);
    say(&mut alice, &mut bob, &long).await;
}
