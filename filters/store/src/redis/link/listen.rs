//! Messages that others publish.

use super::connect::{Waits, subscribe};
use super::place::Place;
use futures::StreamExt;
use std::time::Duration;
use tokio::time::{interval, sleep, timeout};

/// How often a silent connection is asked whether it is one.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What is heard on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// From here on every message is heard. What was published before may have been missed.
    Subscribed,
    /// A message.
    Message(&'a [u8]),
}

/// Listens for as long as the engine lives; subscribes anew whenever the connection is lost.
pub(super) async fn listen(
    place: Place,
    waits: Waits,
    retry: Duration,
    channel: String,
    hears: impl Fn(Heard<'_>) + Send,
) {
    loop {
        if let Ok(messages) = subscribe(&place, waits, &channel).await {
            hears(Heard::Subscribed);
            let (mut sink, mut stream) = messages.split();
            let mut pings = interval(PING_EVERY);
            loop {
                tokio::select! {
                    message = stream.next() => match message {
                        Some(message) => hears(Heard::Message(message.get_payload_bytes())),
                        None => break,
                    },
                    _ = pings.tick() => {
                        let pong = timeout(waits.connect, sink.ping::<redis::Value>()).await;
                        if !matches!(pong, Ok(Ok(_))) {
                            break;
                        }
                    }
                }
            }
        }
        sleep(retry).await;
    }
}
