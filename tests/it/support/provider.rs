//! A provider on a socket that follows the test's script and remembers every byte that it was sent.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::plan::{Plan, Step};
use super::soon;
use super::tls::Acceptor;
use super::wire::{BodyReader, End, Framing, Head, Headers, fill, read_head};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Which of the provider's connections it came on, from 0.
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    /// The head, byte for byte.
    pub(crate) head: Bytes,
    /// The body without its framing, as far as it was read.
    pub(crate) body: Bytes,
    /// Whether the body was read to its end.
    pub(crate) complete: bool,
}

impl Request {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What is done with requests that no plan was laid for.
type Custom = Arc<dyn Fn(&Request) -> Plan + Send + Sync>;

#[derive(Default)]
struct Seen {
    plans: VecDeque<Plan>,
    custom: Option<Custom>,
    requests: Vec<Request>,
    /// Whether each connection has ended.
    ended: Vec<bool>,
}

#[derive(Default)]
struct State {
    seen: Mutex<Seen>,
    changed: Notify,
}

impl State {
    fn change<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        let value = with(&mut self.seen.lock());
        self.changed.notify_waiters();
        value
    }

    /// Waits until `look` finds what it looks for.
    async fn wait<T>(&self, what: &str, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = look(&self.seen.lock()) {
                    return found;
                }
                changed.await;
            }
        };
        soon(what, waiting).await
    }
}

pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Provider {
    /// Answers every request as [`Plan::ordinary`] says, unless a plan was laid for it.
    pub(crate) async fn start() -> Self {
        Self::listen(listener(None), None)
    }

    /// Its socket takes in about 64 KiB at a time, so that it can be seen not to read on.
    pub(crate) async fn start_narrow() -> Self {
        Self::listen(listener(Some(64 * 1024)), None)
    }

    pub(crate) async fn start_tls(acceptor: Acceptor) -> Self {
        Self::listen(listener(Some(64 * 1024)), Some(acceptor))
    }

    fn listen(listener: TcpListener, tls: Option<Acceptor>) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Lays a plan for the next request that has none.
    pub(crate) fn next(&self, plan: Plan) {
        self.state.change(|seen| seen.plans.push_back(plan));
    }

    /// Answers every request that has no plan in this way from now on.
    pub(crate) fn always(&self, plan: impl Fn(&Request) -> Plan + Send + Sync + 'static) {
        self.state.change(|seen| seen.custom = Some(Arc::new(plan)));
    }

    /// Waits for the request of this number, from 0, with its body.
    pub(crate) async fn request(&self, number: usize) -> Request {
        let whole = |seen: &Seen| seen.requests.get(number).filter(|seen| seen.complete).cloned();
        self.state.wait(&format!("request {number} at the provider"), whole).await
    }

    /// Waits for the head of the request of this number.
    pub(crate) async fn arrival(&self, number: usize) -> Request {
        let head = |seen: &Seen| seen.requests.get(number).cloned();
        self.state.wait(&format!("the head of request {number} at the provider"), head).await
    }

    /// How many requests have arrived, whole or not.
    pub(crate) fn count(&self) -> usize {
        self.state.seen.lock().requests.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.seen.lock().ended.len()
    }

    /// Waits until this connection has ended, from either side.
    pub(crate) async fn ended(&self, connection: usize) {
        let ended = |seen: &Seen| seen.ended.get(connection).filter(|ended| **ended).map(|_| ());
        self.state.wait(&format!("the end of connection {connection}"), ended).await;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listener(receive_buffer: Option<u32>) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = receive_buffer {
        // Accepted connections inherit it.
        socket.set_recv_buffer_size(size).unwrap();
    }
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    socket.listen(1024).unwrap()
}

async fn accept(listener: TcpListener, tls: Option<Acceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let number = state.change(|seen| {
            seen.ended.push(false);
            seen.ended.len() - 1
        });
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let served = match tls {
                None => Connection::new(stream, number, &state).serve().await,
                // A handshake that fails is the test's subject where it happens.
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => Connection::new(stream, number, &state).serve().await,
                    Err(error) => Err(error),
                },
            };
            // How a connection failed does not matter here: the test sees it on the other side.
            drop(served);
            state.change(|seen| seen.ended[number] = true);
        });
    }
}

/// A stream that can be reset.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

struct Connection<'a, S> {
    stream: S,
    buffer: BytesMut,
    number: usize,
    state: &'a State,
}

/// The connection is over, one way or another.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl<'a, S: Wire> Connection<'a, S> {
    fn new(stream: S, number: usize, state: &'a State) -> Self {
        Self { stream, buffer: BytesMut::new(), number, state }
    }

    async fn serve(mut self) -> io::Result<()> {
        while let Some(head) = read_head(&mut self.stream, &mut self.buffer).await? {
            if self.exchange(head).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, head: Head) -> Result<(), Over> {
        let mut body = BodyReader::new(head.framing().unwrap_or(Framing::Length(0)));
        let mut words = head.first.split(' ');
        let request = Request {
            connection: self.number,
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            headers: head.headers,
            head: head.raw,
            ..Request::default()
        };
        let (at, plan) = self.state.change(|seen| {
            seen.requests.push(request);
            (seen.requests.len() - 1, seen.plans.pop_front())
        });
        let early = plan.as_ref().is_some_and(|plan| plan.before_body);
        if !early {
            self.read_body(&mut body, at, None).await?;
        }
        let (request, custom) = {
            let seen = self.state.seen.lock();
            (seen.requests[at].clone(), seen.custom.clone())
        };
        let plan = plan.unwrap_or_else(|| match custom {
            Some(custom) => custom(&request),
            None => Plan::ordinary(&request),
        });
        for step in plan.steps {
            self.carry_out(step, &mut body, at).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &mut self,
        step: Step,
        body: &mut BodyReader,
        at: usize,
    ) -> Result<(), Over> {
        match step {
            Step::Send(bytes) => {
                self.stream.write_all(&bytes).await?;
                self.stream.flush().await?;
            }
            Step::ReadBody => self.read_body(body, at, None).await?,
            Step::ReadSlowly(size, pause) => self.read_body(body, at, Some((size, pause))).await?,
            Step::Follow(mut said) => loop {
                tokio::select! {
                    next = said.recv() => match next {
                        Some(step) => Box::pin(self.carry_out(step, body, at)).await?,
                        None => break,
                    },
                    read = fill(&mut self.stream, &mut self.buffer) => if read? == 0 {
                        return Err(Over);
                    },
                }
            },
            Step::Wait(said) => said.notified().await,
            Step::Hang => while fill(&mut self.stream, &mut self.buffer).await? > 0 {},
            Step::Freeze => std::future::pending().await,
            Step::Close => {
                self.stream.shutdown().await?;
                return Err(Over);
            }
            Step::Drop => return Err(Over),
            Step::Reset => {
                self.stream.tcp().set_zero_linger()?;
                return Err(Over);
            }
        }
        Ok(())
    }

    async fn read_body(
        &mut self,
        body: &mut BodyReader,
        at: usize,
        slowly: Option<(usize, Duration)>,
    ) -> Result<(), Over> {
        let (mut read, mut since_pause) = (BytesMut::new(), 0);
        while let Some(piece) = body.piece(&mut self.stream, &mut self.buffer).await {
            read.extend_from_slice(&piece);
            since_pause += piece.len();
            if let Some((size, pause)) = slowly
                && since_pause >= size
            {
                since_pause = 0;
                tokio::time::sleep(pause).await;
            }
        }
        let whole = body.end() == Some(End::Clean);
        self.state.change(|seen| {
            seen.requests[at].body = read.freeze();
            seen.requests[at].complete = whole;
        });
        if whole { Ok(()) } else { Err(Over) }
    }
}
