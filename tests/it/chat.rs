//! A chat that goes well: what the provider is sent, and what the client gets (CONTRACT 5).

use serde_json::{Value, json};

use crate::support::client::Ask;
use crate::support::conf::{KEY, OTHER_KEY, PROVIDER_KEY, conf, set};
use crate::support::gateway::Gateway;
use crate::support::json::{Member, members, with_value};
use crate::support::plan::{
    COMPLETION, DONE, HEL, LO, Plan, ROLE, STOP, STREAMED, WHOLE, chunk, whole,
};
use crate::support::provider::Provider;
use crate::support::refusal::{named, refused};
use crate::support::wire::End;

#[tokio::test]
async fn a_whole_answer_comes_back_as_the_provider_wrote_it() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let answer = gateway.ask(&Ask::chat(WHOLE)).await;
    assert_eq!((answer.status, answer.text(), answer.end), (200, COMPLETION, End::Clean));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    named(&answer);
}

#[tokio::test]
async fn a_streamed_answer_comes_back_event_by_event_as_the_provider_wrote_it() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let answer = gateway.ask(&Ask::chat(STREAMED)).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean));
    assert_eq!(
        answer.text(),
        format!("data: {ROLE}\n\ndata: {HEL}\n\ndata: {LO}\n\ndata: {STOP}\n\ndata: {DONE}\n\n")
    );
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("text/event-stream"), "{content_type}");
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.header("content-encoding"), None);
    named(&answer);
}

#[tokio::test]
async fn the_provider_gets_its_own_key_and_path_and_nothing_about_the_client() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let ask = Ask::chat(WHOLE)
        .header("Cookie", "session=of-the-client")
        .header("X-End-User-Id", "user-1")
        .header("X-Session-Id", "session-of-the-client")
        .header("X-Tenant-Id", "globex")
        .header("X-Project-Id", "prime")
        .header("X-Role", "admin")
        .header("X-Tier", "max")
        .header("X-Forwarded-For", "192.0.2.1")
        .header("Forwarded", "for=192.0.2.1")
        .header("X-Request-Id", "an-id-of-the-client")
        .header("X-Stainless-Lang", "python")
        .header("OpenAI-Organization", "org-of-the-client")
        .header("Accept-Encoding", "gzip, br");
    assert_eq!(gateway.ask(&ask).await.status, 200);
    let request = provider.request(0).await;
    assert_eq!((&*request.method, &*request.path), ("POST", "/v1/chat/completions"));
    let value = |name: &str| request.headers.value(name).map(str::to_owned);
    assert_eq!(value("host"), Some(provider.address.to_string()));
    assert_eq!(value("authorization"), Some(format!("Bearer {PROVIDER_KEY}")));
    assert_eq!(value("content-type").as_deref(), Some("application/json"));
    assert_eq!(value("content-length"), Some(request.body.len().to_string()));
    assert_eq!(value("transfer-encoding"), None);
    let head = String::from_utf8(request.head.to_vec()).unwrap().to_lowercase();
    for trace in [
        KEY,
        "cookie",
        "end-user",
        "x-session",
        "of-the-client",
        "tenant",
        "project",
        "x-role",
        "x-tier",
        "forwarded",
        "192.0.2.1",
        "stainless",
        "organization",
        "gzip",
    ] {
        assert!(!head.contains(trace), "{trace} in {head}");
    }
}

#[tokio::test]
async fn headers_that_a_provider_is_allowed_pass_both_ways_and_no_others() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    let passed = json!({ "pass_request": ["openai-beta"], "pass_response": ["openai-version"] });
    set(&mut conf, "/providers/0/headers", passed);
    let gateway = Gateway::start(conf).await;
    let headers = "Content-Type: application/json\r\nOpenAI-Version: 2020-10-01\r\n\
                   Set-Cookie: provider=1\r\nX-Request-Id: an-id-of-the-provider\r\n\
                   Server: a-server\r\nX-Provider-Node: node-7\r\n";
    provider.next(Plan::raw(whole(200, headers, COMPLETION)));
    let answer = gateway.ask(&Ask::chat(WHOLE).header("OpenAI-Beta", "x=1")).await;
    assert_eq!(provider.request(0).await.headers.value("openai-beta"), Some("x=1"));
    assert_eq!(answer.header("openai-version"), Some("2020-10-01"));
    named(&answer);
    assert_ne!(answer.header("x-request-id"), Some("an-id-of-the-provider"));
    for name in ["set-cookie", "x-provider-node"] {
        assert_eq!(answer.header(name), None);
    }
    assert_ne!(answer.header("server"), Some("a-server"));
}

#[tokio::test]
async fn a_request_without_a_model_gets_the_projects() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let bodies = [
        r#"{ "messages": [ {"role":"user","content":"hi"} ] }"#,
        r#"{"model":"","messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model" : "default" , "messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"\u0064efault","messages":[{"role":"user","content":"hi"}]}"#,
    ];
    for body in bodies {
        for (key, model) in [(KEY, "up-m"), (OTHER_KEY, "up-n")] {
            let before = provider.count();
            assert_eq!(gateway.ask(&Ask::chat(body).key(key)).await.status, 200, "{body}");
            let sent = provider.request(before).await;
            assert_eq!(sent.json()["model"], model);
            let kept = members(body).into_iter().filter(|member| !member.is_called("model"));
            let sent = members(sent.text()).into_iter().filter(|member| !member.is_called("model"));
            assert_eq!(kept.collect::<Vec<_>>(), sent.collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_member_that_the_gateway_adds_goes_to_the_end() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let body = r#"{ "messages": [{"role":"user","content":"hi"}], "stream" : true , "n":1 }"#;
    assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    let request = provider.request(0).await;
    let sent = members(request.text());
    assert_eq!(sent[..3], members(body)[..]);
    let added: Vec<_> = sent[3..].iter().map(|member| member.name).collect();
    assert!(added.contains(&r#""model""#) && added.contains(&r#""stream_options""#), "{added:?}");
    assert_eq!(added.len(), 2);
}

#[tokio::test]
async fn usage_is_always_asked_of_a_stream_and_never_of_a_whole_answer() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let cases = [
        (r#""stream":true"#, json!({"include_usage": true})),
        (r#""stream":true,"stream_options":null"#, json!({"include_usage": true})),
        (r#""stream":true,"stream_options":{}"#, json!({"include_usage": true})),
        (
            r#""stream":true,"stream_options":{"include_usage":false}"#,
            json!({"include_usage": true}),
        ),
        (
            r#""stream_options":{"x":1.50,"include_usage":true},"stream":true"#,
            json!({"x": 1.50, "include_usage": true}),
        ),
        (
            r#""stream":true,"stream_options":{"include_obfuscation":false}"#,
            json!({"include_obfuscation": false, "include_usage": true}),
        ),
        (r#""stream":false"#, Value::Null),
        (r#""stream":null"#, Value::Null),
    ];
    for (number, (said, expected)) in cases.into_iter().enumerate() {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{said}}}"#);
        assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200, "{said}");
        assert_eq!(provider.request(number).await.json()["stream_options"], expected, "{said}");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_tell_usage_in_streams_is_not_asked() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/providers/0/capabilities", json!({ "usage_in_streams": false }));
    let gateway = Gateway::start(conf).await;
    assert_eq!(gateway.ask(&Ask::chat(STREAMED)).await.status, 200);
    assert_eq!(provider.request(0).await.text(), with_value(STREAMED, "model", r#""up-m""#));
}

#[tokio::test]
async fn members_of_behests_own_are_taken_out() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let bodies = [
        r#"{"thread_id":"t","model":"m","session_id":{"a":[1]},"messages":[{"role":"user","content":"hi","user_id":"kept"}],"user_id":1,"temperature":0.50,"tier":"pro","token":null}"#,
        r#"{"token":"x", "tier":1 ,"model":"m","messages":[{"role":"user","content":"hi"}],"user":"kept","metadata":{"thread_id":"kept"}}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"\u0074ier":"pro","thread_i\u0064":"t" }"#,
    ];
    let ours = ["thread_id", "session_id", "user_id", "tier", "token"];
    for (number, body) in bodies.into_iter().enumerate() {
        assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200, "{body}");
        let request = provider.request(number).await;
        let mut kept = members(body);
        kept.retain(|member| !ours.iter().any(|name| member.is_called(name)));
        for member in &mut kept {
            if member.is_called("model") {
                *member = Member { value: r#""up-m""#, ..*member };
            }
        }
        assert_eq!(members(request.text()), kept, "{}", request.text());
        assert!(request.json().is_object());
    }
}

#[tokio::test]
async fn a_model_is_called_by_its_own_name_at_the_provider() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    assert_eq!(gateway.ask(&Ask::chat(with_value(WHOLE, "model", r#""n""#))).await.status, 200);
    assert_eq!(provider.request(0).await.text(), with_value(WHOLE, "model", r#""up-n""#));
}

#[tokio::test]
async fn whether_to_stream_is_up_to_the_body_not_to_the_accept_header() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let whole = Ask::chat(WHOLE).header("Accept", "text/event-stream");
    assert_eq!(gateway.ask(&whole).await.text(), COMPLETION);
    let streamed = Ask::chat(STREAMED).header("Accept", "application/json");
    assert_eq!(gateway.ask(&streamed).await.events().last().map(String::as_str), Some(DONE));
}

#[tokio::test]
async fn the_project_is_found_by_host_or_by_key_and_they_must_agree() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let hosts = [
        "amber-fox-042.behest.localhost",
        "AMBER-fox-042.Behest.LocalHost:8080",
        "amber-fox-042.chat.example",
        "behest.localhost",
        "some.other.host.example",
        "127.0.0.1:8080",
        "[::1]:8080",
    ];
    for host in hosts {
        let answer = gateway.ask(&Ask::chat(WHOLE).header("Host", host)).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
    }
    let sent = provider.count();
    let wrong = Ask::chat(WHOLE).header("Host", "silent-brook-117.behest.localhost");
    refused(&gateway.ask(&wrong).await, 403, "forbidden");
    let unknown = Ask::chat(WHOLE).header("Host", "no-such-slug.behest.localhost");
    refused(&gateway.ask(&unknown).await, 404, "not_found");
    assert_eq!(provider.count(), sent);
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_order_even_when_they_are_pipelined() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let (plan, remote) = Plan::live_stream();
    provider.next(plan);
    remote.event(ROLE);
    let mut first = gateway.stream(STREAMED).await;
    assert_eq!(first.data().await, ROLE);
    // Two more come while the first is still being answered.
    first.client.send(Ask::chat(WHOLE).bytes()).await;
    first.client.send(Ask::get("/v1/models").bytes()).await;
    remote.event(STOP);
    remote.event(DONE);
    remote.end();
    drop(remote);
    let (rest, end) = first.rest().await;
    assert_eq!((rest.len(), end), (2, End::Clean), "{rest:?}");
    assert_eq!(first.client.answer().await.text(), COMPLETION);
    assert_eq!(first.client.answer().await.json()["object"], "list");
}

#[tokio::test]
async fn a_body_may_come_in_chunks_or_after_a_100() {
    let provider = Provider::start().await;
    let gateway = Gateway::over(&provider).await;
    let chunked = Ask::chat("").header("Transfer-Encoding", "chunked");
    let mut client = gateway.client().await;
    client.send(chunked.head()).await;
    for piece in WHOLE.as_bytes().chunks(7) {
        client.send(chunk(piece)).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), COMPLETION);
    let waiting = Ask::chat(WHOLE).header("Expect", "100-continue");
    client.send(waiting.head()).await;
    assert_eq!(client.head().await.0, 100);
    client.send(WHOLE).await;
    assert_eq!(client.answer().await.text(), COMPLETION);
    // The connection goes on as if nothing had been asked.
    assert_eq!(client.ask(&Ask::chat(WHOLE)).await.text(), COMPLETION);
    for number in 0..3 {
        let request = provider.request(number).await;
        assert_eq!(request.text(), with_value(WHOLE, "model", r#""up-m""#));
        assert!(!request.headers.has("expect") && !request.headers.has("transfer-encoding"));
    }
}

#[tokio::test]
async fn a_trace_goes_on_at_the_providers_that_are_to_have_it() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url(), provider.url()]);
    set(&mut conf, "/providers/1/trace", true);
    set(&mut conf, "/models/0/targets", json!([{ "provider": "p0", "model": "up-m" }]));
    set(&mut conf, "/models/1/targets", json!([{ "provider": "p1", "model": "up-n" }]));
    let gateway = Gateway::start(conf).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    for model in [r#""m""#, r#""n""#] {
        let body = with_value(WHOLE, "model", model);
        let answer = gateway.ask(&Ask::chat(body).header("traceparent", &parent)).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(provider.request(0).await.headers.value("traceparent"), None);
    let sent = provider.request(1).await;
    let sent = sent.headers.value("traceparent").expect("a traceparent");
    assert!(sent.starts_with(&format!("00-{trace}-")) && sent.ends_with("-01"), "{sent}");
    assert_ne!(sent, parent, "the span is our own");
}

#[tokio::test]
async fn a_provider_that_knows_no_developers_is_told_of_a_system() {
    let provider = Provider::start().await;
    let mut conf = conf(&[provider.url()]);
    set(&mut conf, "/providers/0/capabilities", json!({ "developer_role": false }));
    let gateway = Gateway::start(conf).await;
    let body = r#"{"model":"m","messages":[{"role":"developer","content":"developer"},{"role":"user","content":"hi"}]}"#;
    assert_eq!(gateway.ask(&Ask::chat(body)).await.status, 200);
    let expected = with_value(body, "model", r#""up-m""#);
    let expected = expected.replacen(r#""role":"developer""#, r#""role":"system""#, 1);
    assert_eq!(provider.request(0).await.text(), expected);
}
