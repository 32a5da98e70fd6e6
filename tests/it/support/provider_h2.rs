//! A provider that speaks HTTP/2 and follows the test's script.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Connection, SendResponse};
use http::{Response, StatusCode};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::plan::{COMPLETION, DONE, HEL, LO, ROLE, STOP, event};
use super::tls::Acceptor;
use super::until;

/// What a provider does with one request.
pub(crate) enum PlanH2 {
    /// Answers as an ordinary provider does, after the whole body.
    Ordinary,
    /// Resets the stream as refused, which promises that nothing was done.
    Refuse,
    /// Resets the stream after it took the request, which promises nothing.
    Break,
    /// Answers with this status without reading the body, which resets the stream.
    Early(u16),
    /// Starts a stream of events and sends what the test says; ends it well when the test drops its
    /// end.
    Follow(mpsc::UnboundedReceiver<SayH2>),
}

pub(crate) enum SayH2 {
    Event(String),
    Reset,
}

/// What a provider does with one connection in place of serving it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Welcome {
    /// Serves it.
    Serve,
    /// Sends GOAWAY as soon as a request is there, which says that it was not looked at.
    GoAway,
}

#[derive(Clone, Debug)]
pub(crate) struct RequestH2 {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct State {
    plans: VecDeque<PlanH2>,
    requests: Vec<RequestH2>,
    connections: usize,
    resets: usize,
}

pub(crate) struct ProviderH2 {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl ProviderH2 {
    /// Without TLS. `welcomes` says what to do with the first connections.
    pub(crate) async fn start(welcomes: &[Welcome]) -> Self {
        Self::listen(welcomes, None).await
    }

    pub(crate) async fn start_tls(acceptor: Acceptor) -> Self {
        Self::listen(&[], Some(acceptor)).await
    }

    async fn listen(welcomes: &[Welcome], tls: Option<Acceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (welcomes, shared) = (welcomes.to_vec(), Arc::clone(&state));
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = shared.lock().connections;
                shared.lock().connections += 1;
                let welcome = welcomes.get(number).copied().unwrap_or(Welcome::Serve);
                tokio::spawn(connection(stream, welcome, tls.clone(), shared.clone()));
            }
        });
        Self { address, state, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Lays a plan for the next request that has none.
    pub(crate) fn next(&self, plan: PlanH2) {
        self.state.lock().plans.push_back(plan);
    }

    pub(crate) fn requests(&self) -> Vec<RequestH2> {
        self.state.lock().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().connections
    }

    /// Waits until the gateway has reset a stream.
    pub(crate) async fn reset(&self) {
        until("a reset stream", || (self.state.lock().resets > 0).then_some(())).await;
    }
}

impl Drop for ProviderH2 {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connection(
    stream: TcpStream,
    welcome: Welcome,
    tls: Option<Acceptor>,
    state: Arc<Mutex<State>>,
) {
    match (welcome, tls) {
        (Welcome::GoAway, _) => go_away(stream).await,
        (Welcome::Serve, None) => serve(stream, state).await,
        (Welcome::Serve, Some(acceptor)) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                serve(stream, state).await;
            }
        }
    }
}

async fn serve<S>(stream: S, state: Arc<Mutex<State>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A small window, so that a body of a megabyte cannot vanish in it.
    let mut server = h2::server::Builder::new();
    server.initial_window_size(65_535).initial_connection_window_size(65_535);
    let handshake = server.handshake::<_, Bytes>(stream);
    let Ok(mut connection): Result<Connection<S, Bytes>, _> = handshake.await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A stream that the gateway gives up ends this with an error; the test looks elsewhere.
            let _ = exchange(request, respond, state).await;
        });
    }
}

async fn exchange(
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    state: Arc<Mutex<State>>,
) -> Result<(), h2::Error> {
    let plan = state.lock().plans.pop_front().unwrap_or(PlanH2::Ordinary);
    let (head, mut body) = request.into_parts();
    let mut read = Vec::new();
    let reads = matches!(plan, PlanH2::Ordinary | PlanH2::Break | PlanH2::Follow(_));
    while reads && let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        read.extend_from_slice(&piece);
    }
    let streams = String::from_utf8_lossy(&read).contains(r#""stream":true"#);
    state.lock().requests.push(RequestH2 { head, body: read.into() });
    match plan {
        PlanH2::Refuse => respond.send_reset(Reason::REFUSED_STREAM),
        PlanH2::Break => respond.send_reset(Reason::INTERNAL_ERROR),
        PlanH2::Early(status) => {
            let error = r#"{"error":{"message":"a text of the provider's own"}}"#;
            let mut stream = respond.send_response(answer(status, "application/json"), false)?;
            // Dropping the unread body resets the stream once the answer is out, with NO_ERROR.
            stream.send_data(Bytes::from_static(error.as_bytes()), true)?;
        }
        PlanH2::Ordinary if streams => {
            let mut stream = respond.send_response(answer(200, "text/event-stream"), false)?;
            let events: String = [ROLE, HEL, LO, STOP, DONE].map(event).concat();
            stream.send_data(events.into(), true)?;
        }
        PlanH2::Ordinary => {
            let mut stream = respond.send_response(answer(200, "application/json"), false)?;
            stream.send_data(Bytes::from_static(COMPLETION.as_bytes()), true)?;
        }
        PlanH2::Follow(said) => follow(respond, said, &state).await?,
    }
    Ok(())
}

async fn follow(
    mut respond: SendResponse<Bytes>,
    mut said: mpsc::UnboundedReceiver<SayH2>,
    state: &Mutex<State>,
) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(answer(200, "text/event-stream"), false)?;
    loop {
        let next = tokio::select! {
            next = said.recv() => next,
            reset = std::future::poll_fn(|context| stream.poll_reset(context)) => {
                state.lock().resets += 1;
                return reset.map(drop);
            }
        };
        match next {
            Some(SayH2::Event(data)) => stream.send_data(event(&data).into(), false)?,
            Some(SayH2::Reset) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            None => return stream.send_data(Bytes::new(), true),
        }
    }
}

fn answer(status: u16, content_type: &str) -> Response<()> {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).header("content-type", content_type).body(()).unwrap()
}

/// Speaks just enough HTTP/2 to send GOAWAY after the first HEADERS frame, and leaves.
async fn go_away(mut stream: TcpStream) {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).await.is_err() {
        return;
    }
    let _ = stream.write_all(&frame(SETTINGS, &[])).await;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        if head[3] == HEADERS {
            // The last stream that was looked at: none. The error: none.
            let _ = stream.write_all(&frame(GOAWAY, &[0; 8])).await;
            let _ = stream.shutdown().await;
            // Closing with unread bytes would reset the connection, and GOAWAY might be lost.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return;
        }
    }
}

/// A frame of the connection itself.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&[length[1], length[2], length[3], kind, 0, 0, 0, 0, 0], payload].concat()
}
