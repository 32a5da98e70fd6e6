//! What a model says of itself, where a project has its answers redacted too (CONTRACT 9).

use serde_json::{Value, json};

use crate::support::guarded::{
    CARD, JANE, Place, Spelling, chat, everything, gateway, holds, placeholder, sent, streamed,
};
use crate::support::plan::{DONE, Plan, ROLE};
use crate::support::refusal::{broken, refused};
use crate::support::samples::{SAMPLES, sentence};
use crate::support::wire::End;

fn answers_too(action: &str) -> Value {
    let mut pii = everything(action);
    pii["answers"] = json!(true);
    pii
}

fn words(place: Place, text: &str) -> String {
    match place {
        place if place.is_json() => json!({ "note": text, "n": "x" }).to_string(),
        _ => format!("Grüße. {text} 😀 gern."),
    }
}

/// The text cut in two at a character near this share of it.
fn cut(text: &str, share: usize, of: usize) -> (&str, &str) {
    let at = (text.len() * share / of..).find(|at| text.is_char_boundary(*at)).unwrap();
    text.split_at(at)
}

#[tokio::test]
async fn a_value_of_any_kind_that_the_model_says_is_replaced_the_same_in_a_stream() {
    for (action, places) in [("REDACT", &Place::ALL[..]), ("MASK", &Place::ALL[..1])] {
        let (provider, gateway) = gateway(answers_too(action)).await;
        let mut client = gateway.client().await;
        let mut wrong = Vec::new();
        for (number, (entity, label, value)) in SAMPLES.iter().enumerate() {
            for place in places {
                let text = words(*place, &sentence(label, value));
                provider.next(place.whole(&text, Spelling::Plain));
                let whole = place.read(&client.ask(&chat("hi")).await);
                let mut streams = Vec::new();
                // Another cut for each kind, so that all kinds together are cut in many ways.
                let (first, second) = cut(&text, 1 + number % 15, 16);
                let (second, third) = cut(second, 1, 3);
                for spelling in Spelling::ALL {
                    provider.next(place.stream(&[first, second, third], spelling));
                    streams.push(place.read(&client.ask(&streamed("hi")).await));
                }
                let differs = streams.iter().any(|stream| *stream != whole);
                if differs || holds(&whole, value) || !whole.contains(entity) {
                    wrong.push((entity, place, whole, streams));
                }
            }
        }
        assert!(wrong.is_empty(), "{action}, {} of them: {wrong:#?}", wrong.len());
    }
}

#[tokio::test]
async fn a_value_that_the_model_says_is_caught_wherever_it_is_cut() {
    let (provider, gateway) = gateway(answers_too("REDACT")).await;
    let mut client = gateway.client().await;
    let several = [JANE, CARD, "+49 30 901820", "ghp_R4tYb2LmX7vNc1pQs8dHf5gJ3aE6uTo0iByZ"];
    for place in Place::ALL {
        for value in several {
            let text = words(place, &format!("card or phone {value}, as"));
            provider.next(place.whole(&text, Spelling::Plain));
            let whole = place.read(&client.ask(&chat("hi")).await);
            assert!(!whole.contains(value), "{whole}");
            let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for (number, at) in boundaries.into_iter().enumerate() {
                let (first, second) = text.split_at(at);
                let spelling = Spelling::ALL[number % 2];
                provider.next(place.stream(&[first, second], spelling));
                let stream = place.read(&client.ask(&streamed("hi")).await);
                assert_eq!(stream, whole, "{place:?}, {spelling:?}, cut at {at}");
            }
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            provider.next(place.stream(&letters, Spelling::Plain));
            assert_eq!(place.read(&client.ask(&streamed("hi")).await), whole, "{place:?}");
        }
    }
}

#[tokio::test]
async fn what_the_model_says_stays_replaced_and_what_the_request_held_comes_back() {
    let (provider, gateway) = gateway(answers_too("MASK")).await;
    let stands = placeholder(&sent(&gateway, &provider, &chat(JANE)).await);
    let text = format!("{stands} has the card {CARD}, I say");
    provider.next(Place::Content.stream(&[&text], Spelling::Plain));
    let read = Place::Content.read(&gateway.ask(&streamed(JANE)).await);
    assert!(read.starts_with(&format!("{JANE} has the card <CREDIT_CARD_")), "{read}");
    assert!(!read.contains("4111"), "{read}");
}

#[tokio::test]
async fn without_answers_the_models_own_words_are_left_alone() {
    let (provider, gateway) = gateway(everything("BLOCK")).await;
    let text = format!("I made this up: {CARD}");
    provider.next(Place::Content.stream(&[&text], Spelling::Plain));
    assert_eq!(Place::Content.read(&gateway.ask(&streamed("hi")).await), text);
}

#[tokio::test]
async fn a_block_inside_a_stream_ends_it_with_the_error_and_nothing_of_the_value_has_left() {
    let (provider, gateway) = gateway(answers_too("BLOCK")).await;
    for place in Place::ALL {
        for at in [1, 5, 12, CARD.len()] {
            let (first, second) = CARD.split_at(at);
            let pieces = ["Good morning. The card number is ", first, second, ", he said", "more"];
            let events: Vec<String> =
                pieces.iter().map(|piece| place.event(0, &Spelling::Plain.quote(piece))).collect();
            let (plan, remote) = Plan::live_stream();
            provider.next(plan);
            remote.event(ROLE);
            events.iter().for_each(|event| remote.event(event));
            let mut stream = gateway.client().await.stream(&streamed("hi")).await;
            // The provider goes on for as long as it is let.
            let (rest, end) = stream.rest().await;
            assert_eq!(end, End::Cut, "{rest:?}");
            broken(rest.last().unwrap(), "pii_blocked");
            let before = rest.len() - 1;
            assert!(rest.iter().all(|event| !event.contains(DONE)), "{rest:?}");
            assert!(rest[..before].iter().all(|event| !event.contains("4111")), "{rest:?}");
            assert!(rest[..before].iter().any(|event| event.contains("Good")), "{rest:?}");
            stream.client.ends().await;
            provider.ended(provider.connections() - 1).await;
        }
    }
}

#[tokio::test]
async fn a_block_inside_a_whole_answer_refuses_it() {
    let (provider, gateway) = gateway(answers_too("BLOCK")).await;
    for place in Place::ALL {
        provider.next(place.whole(&words(place, &format!("card {CARD}")), Spelling::Plain));
        let answer = gateway.ask(&chat("hi")).await;
        refused(&answer, 403, "pii_blocked");
        assert!(!answer.text().contains("4111"), "{}", answer.text());
    }
}
