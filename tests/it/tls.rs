//! Providers behind TLS: whom the gateway believes, and what it speaks to them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::client::Ask;
use crate::support::conf::{conf, provider, set};
use crate::support::folder::Folder;
use crate::support::gateway::Gateway;
use crate::support::json::with_value;
use crate::support::plan::{COMPLETION, DONE, Plan, STREAMED, Step, WHOLE, whole};
use crate::support::provider::Provider;
use crate::support::provider_h2::ProviderH2;
use crate::support::refusal::refused;
use crate::support::tls::Authority;

fn url(address: SocketAddr) -> String {
    format!("https://localhost:{}/v1", address.port())
}

/// A gateway whose one provider is believed because of this authority.
async fn start(authority: &Authority, address: SocketAddr) -> Gateway {
    let folder = Folder::new();
    folder.write("ca.pem", authority.pem());
    let mut conf = conf(&[url(address)]);
    set(&mut conf, "/providers/0/ca", "ca.pem");
    set(&mut conf, "/body_limit", "16MiB");
    Gateway::start_in(folder, conf).await
}

#[tokio::test]
async fn a_provider_is_spoken_to_in_what_it_agrees_to() {
    let authority = Authority::new();
    let old = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let h1 = Provider::start_tls(authority.acceptor("localhost", &["http/1.1"])).await;
    for provider in [old, h1] {
        let gateway = start(&authority, provider.address).await;
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
        let answer = gateway.ask(&Ask::chat(STREAMED)).await;
        assert_eq!(answer.events().last().map(String::as_str), Some(DONE));
        let request = provider.request(1).await;
        let host = format!("localhost:{}", provider.address.port());
        assert_eq!(request.headers.value("host"), Some(&*host));
        assert_eq!(provider.connections(), 1);
    }
    let h2 = ProviderH2::start_tls(authority.acceptor("localhost", &["h2", "http/1.1"])).await;
    let gateway = start(&authority, h2.address).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!(answer.events().last().map(String::as_str), Some(DONE));
    assert_eq!(h2.requests()[0].head.uri.to_string(), url(h2.address) + "/chat/completions");
}

#[tokio::test]
async fn a_provider_that_cannot_prove_its_name_is_sent_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let unknown = Provider::start_tls(stranger.acceptor("localhost", &[])).await;
    let misnamed = Provider::start_tls(authority.acceptor("other.example", &[])).await;
    for provider in [unknown, misnamed] {
        let gateway = start(&authority, provider.address).await;
        let answer = gateway.ask(&Ask::chat(WHOLE)).await;
        let error = refused(&answer, 502, "upstream_error");
        assert_eq!(error["details"]["provider"], "p0");
        assert_eq!(provider.count(), 0);
    }
}

#[tokio::test]
async fn without_an_authority_of_its_own_a_provider_is_held_to_the_systems() {
    let authority = Authority::new();
    let provider = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let gateway = Gateway::start(conf(&[url(provider.address)])).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    assert_eq!(provider.count(), 0);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_in_tls_is_not_connected_to_in_time() {
    let provider = Provider::start().await;
    let gateway = start(&Authority::new(), provider.address).await;
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 504, "upstream_timeout");
}

#[tokio::test]
async fn two_providers_at_one_address_never_share_a_connection_when_their_authorities_differ() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let folder = Folder::new();
    folder.write("known.pem", authority.pem());
    folder.write("unknown.pem", stranger.pem());
    let mut conf = conf(&[url(server.address)]);
    let mut second = provider(1, &url(server.address));
    set(&mut conf, "/providers/0/ca", "known.pem");
    set(&mut second, "/ca", "unknown.pem");
    conf["providers"].as_array_mut().unwrap().push(second);
    set(&mut conf, "/models/1/targets", json!([{ "provider": "p1", "model": "up-n" }]));
    let gateway = Gateway::start_in(folder, conf).await;
    for _ in 0..2 {
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
        let other = Ask::chat(with_value(WHOLE, "model", r#""n""#));
        refused(&gateway.ask(&other).await, 502, "upstream_error");
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn two_providers_at_one_address_never_share_a_connection_when_their_keys_differ() {
    let server = Provider::start().await;
    let folder = Folder::new();
    folder.write("key", "sk-another-key-of-a-provider");
    let mut conf = conf(&[server.url()]);
    let mut second = provider(1, &server.url());
    set(&mut second, "/api_key", "file:key");
    conf["providers"].as_array_mut().unwrap().push(second);
    set(&mut conf, "/models/1/targets", json!([{ "provider": "p1", "model": "up-n" }]));
    let gateway = Gateway::start_in(folder, conf).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    let other = Ask::chat(with_value(WHOLE, "model", r#""n""#));
    assert_eq!(gateway.ask(&other).await.status, 200);
    let (first, second) = (server.request(0).await, server.request(1).await);
    assert_eq!(second.headers.value("authorization"), Some("Bearer sk-another-key-of-a-provider"));
    assert_ne!(first.connection, second.connection);
}

#[tokio::test]
async fn a_stale_connection_is_replaced_however_it_went() {
    let authority = Authority::new();
    let provider = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let gateway = start(&authority, provider.address).await;
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    // With close_notify, without it, and with a reset: on the request, then before it.
    let mut asked = 1;
    for end in [Step::Close, Step::Drop, Step::Reset] {
        provider.next(Plan::new([end]));
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200, "after {asked} requests");
        asked += 2;
        assert_eq!(provider.count(), asked);
    }
    for end in [Step::Close, Step::Drop, Step::Reset] {
        let connection = provider.request(provider.count() - 1).await.connection;
        provider.next(Plan::json(200, COMPLETION).then(end));
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
        provider.ended(connection).await;
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    }
}

/// How many bytes the kernel takes for a peer that does not read them.
async fn kernel_full() -> usize {
    let provider = Provider::start_narrow().await;
    let stream = TcpStream::connect(provider.address).await.unwrap();
    let frozen = Plan::before_body([Step::Freeze]);
    provider.next(frozen);
    let head = b"POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n";
    assert_eq!(stream.try_write(head).unwrap(), head.len());
    provider.arrival(0).await;
    let (mut taken, piece) = (0, [0; 8 * 1024]);
    while timeout(Duration::from_millis(50), stream.writable()).await.is_ok() {
        taken += stream.try_write(&piece).unwrap_or(0);
    }
    taken
}

#[tokio::test]
async fn an_early_answer_arrives_at_every_size_round_the_point_where_the_kernel_is_full() {
    let authority = Authority::new();
    let provider = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let gateway = start(&authority, provider.address).await;
    let answer = whole(413, "Content-Type: application/json\r\n", "{}");
    let full = kernel_full().await;
    let steps = (0..24).map(|step| (full + step * 8 * 1024).saturating_sub(64 * 1024));
    for size in [64 * 1024, 1 << 20, 9 << 20].into_iter().chain(steps) {
        let body = WHOLE.replace("hi", &"x".repeat(size));
        provider.next(Plan::before_body([Step::Send(answer.clone().into()), Step::Freeze]));
        let ask = Ask::chat(body);
        let answer = timeout(Duration::from_secs(10), gateway.ask(&ask)).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer at {size} bytes"));
        let error = refused(&answer, 502, "upstream_error");
        assert_eq!(error["details"]["status"], 413, "{size} bytes");
    }
}

#[tokio::test]
async fn a_long_body_arrives_whole_at_a_provider_that_reads_slowly() {
    let authority = Authority::new();
    let provider = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let gateway = start(&authority, provider.address).await;
    let answer = whole(200, "Content-Type: application/json\r\n", COMPLETION);
    for (number, size) in [1_000, 70_000, 2_600_000, 9_000_000].into_iter().enumerate() {
        let body = WHOLE.replace("hi", &"0123456789".repeat(size / 10));
        let slowly = Step::ReadSlowly(128 * 1024, Duration::from_millis(2));
        provider.next(Plan::before_body([slowly, Step::Send(answer.clone().into())]));
        assert_eq!(gateway.ask(&Ask::chat(body.clone())).await.status, 200, "{size} bytes");
        let sent = provider.request(number).await;
        assert!(sent.text() == with_value(&body, "model", r#""up-m""#), "{size} bytes");
    }
}

#[tokio::test]
async fn a_stream_cut_off_without_a_word_is_broken() {
    let authority = Authority::new();
    let provider = Provider::start_tls(authority.acceptor("localhost", &[])).await;
    let gateway = start(&authority, provider.address).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    // Without a length only close_notify tells the end from a cut.
    let cut = Plan::raw(head.to_owned() + &COMPLETION[..100]).then(Step::Drop);
    provider.next(cut);
    refused(&gateway.ask(&Ask::chat(WHOLE)).await, 502, "upstream_error");
    let value: Value = serde_json::from_str(COMPLETION).unwrap();
    provider.next(Plan::raw(head.to_owned() + COMPLETION).then(Step::Close));
    assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.json(), value);
}

#[tokio::test]
async fn a_new_connection_takes_up_the_session_of_an_earlier_one() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", &[]);
    let provider = Provider::start_tls(acceptor.clone()).await;
    let gateway = start(&authority, provider.address).await;
    let headers = "Content-Type: application/json\r\nConnection: close\r\n";
    for _ in 0..5 {
        provider.next(Plan::raw(whole(200, headers, COMPLETION)).then(Step::Close));
        assert_eq!(gateway.ask(&Ask::chat(WHOLE)).await.status, 200);
    }
    assert_eq!(provider.connections(), 5);
    assert_eq!(acceptor.resumed(), 4, "a full handshake costs more than all the rest of a request");
}
