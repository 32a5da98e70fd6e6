//! The demo's provider: speaks the OpenAI wire, thinks nothing.

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use pingora::apps::{HttpServerApp, ReusedHttpStream};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::server::ShutdownWatch;
use serde_json::{Value, json};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two words of a stream, so that it can be seen to be one.
const PAUSE: Duration = Duration::from_millis(30);

/// Numbers in an embedding.
const DIMENSIONS: u8 = 8;

/// An application that answers like a provider.
pub(super) struct DemoProvider;

impl DemoProvider {
    /// Starts it on a free port, on a thread of its own.
    pub(super) fn start() -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("demo-provider".to_owned())
            .spawn(move || runtime.block_on(accept(listener)))?;
        Ok(address)
    }
}

async fn accept(listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let local = tokio::task::LocalSet::new();
    let (_end, shutdown) = watch::channel(false);
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            let shutdown = shutdown.clone();
            tokio::task::spawn_local(async move { talk(stream, &shutdown).await });
        }
    };
    local.run_until(accepting).await;
}

async fn talk(stream: tokio::net::TcpStream, shutdown: &ShutdownWatch) {
    let _ = stream.set_nodelay(true);
    let app = Arc::new(DemoProvider);
    let mut stream: Option<pingora::protocols::Stream> = Some(Box::new(L4Stream::from(stream)));
    while let Some(connected) = stream.take() {
        let session = ServerSession::new_http1(connected);
        let reused = app.process_new_http(session, shutdown).await;
        stream = reused.map(|reused| reused.consume().0);
    }
}

#[async_trait]
impl HttpServerApp for DemoProvider {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        _: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        if !session.read_request().await.ok()? {
            return None;
        }
        session.set_keepalive(Some(60));
        let mut body = Vec::new();
        while let Some(piece) = session.read_request_body().await.ok()? {
            body.extend_from_slice(&piece);
        }
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        match session.req_header().uri.path() {
            "/v1/embeddings" => whole(&mut session, &embeddings(&request)).await,
            _ if request.get("stream") == Some(&json!(true)) => {
                stream(&mut session, &request).await
            }
            _ => whole(&mut session, &completion(&request)).await,
        }
        .ok()?;
        let (stream, _pipelined) = session.finish().await.ok()??.into_parts();
        Some(ReusedHttpStream::new(stream, None))
    }
}

/// What is answered to the last thing that was said.
fn answer_to(request: &Value) -> String {
    let messages = request.get("messages").and_then(Value::as_array);
    let last = messages.and_then(|messages| messages.last()?.get("content")?.as_str());
    let said: String = last.unwrap_or_default().chars().take(200).collect();
    format!("Hello from the demo provider. You said: {said}")
}

/// Words stand for tokens here.
fn usage(request: &Value, answer: &str) -> Value {
    let count = |text: &str| text.split_whitespace().count();
    let prompt = count(&request.get("messages").unwrap_or(&Value::Null).to_string());
    let completion = count(answer);
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
}

fn completion(request: &Value) -> Value {
    let answer = answer_to(request);
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 0, "model": "demo",
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": answer }, "finish_reason": "stop",
        }],
        "usage": usage(request, &answer),
    })
}

/// A few numbers that depend on the text, as plain floats or as base64 of 32-bit ones.
fn embeddings(request: &Value) -> Value {
    let input = request.get("input").cloned().unwrap_or_default();
    let texts = match input {
        Value::Array(texts) => texts,
        one => vec![one],
    };
    let as_base64 = request.get("encoding_format") == Some(&json!("base64"));
    let data = texts.iter().enumerate().map(|(index, text)| {
        let text = text.to_string();
        let sum = |n: u8| text.bytes().fold(n, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let numbers: Vec<f32> = (0..DIMENSIONS).map(|n| f32::from(sum(n)) / 256.0).collect();
        let embedding = if as_base64 { base64_of(&numbers) } else { json!(numbers) };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    json!({
        "object": "list", "data": data.collect::<Vec<_>>(), "model": "demo",
        "usage": { "prompt_tokens": texts.len(), "total_tokens": texts.len() },
    })
}

fn base64_of(numbers: &[f32]) -> Value {
    use base64::Engine;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    json!(base64::engine::general_purpose::STANDARD.encode(bytes))
}

async fn whole(session: &mut ServerSession, body: &Value) -> pingora::Result<()> {
    let body = Bytes::from(body.to_string());
    let mut head = ResponseHeader::build(StatusCode::OK, Some(4))?;
    head.insert_header("content-type", "application/json")?;
    head.insert_header("content-length", body.len())?;
    session.write_response_header(Box::new(head)).await?;
    session.write_response_body(body, true).await
}

async fn stream(session: &mut ServerSession, request: &Value) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(StatusCode::OK, Some(4))?;
    head.insert_header("content-type", "text/event-stream")?;
    head.insert_header("transfer-encoding", "chunked")?;
    session.write_response_header(Box::new(head)).await?;
    let answer = answer_to(request);
    event(session, &chunk(&json!({ "role": "assistant", "content": "" }), Value::Null)).await?;
    for word in answer.split_inclusive(' ') {
        tokio::time::sleep(PAUSE).await;
        event(session, &chunk(&json!({ "content": word }), Value::Null)).await?;
    }
    event(session, &chunk(&json!({}), json!("stop"))).await?;
    if request.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        let mut last = chunk(&json!({}), Value::Null);
        if let Some(members) = last.as_object_mut() {
            members.insert("choices".to_owned(), json!([]));
            members.insert("usage".to_owned(), usage(request, &answer));
        }
        event(session, &last).await?;
    }
    session.write_response_body(Bytes::from_static(b"data: [DONE]\n\n"), true).await
}

fn chunk(delta: &Value, finish_reason: Value) -> Value {
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": "demo",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
    })
}

async fn event(session: &mut ServerSession, payload: &Value) -> pingora::Result<()> {
    session.write_response_body(format!("data: {payload}\n\n").into(), false).await
}
