//! A gateway with rooms of a test's own, and a provider that does as it is told, in this process.

#![expect(clippy::disallowed_methods, reason = "the world's own tasks end with their test")]

use super::rooms::{Identify, Record};
use crate::config::Config;
use crate::directory;
use crate::door;
use crate::gateway::Gateway;
use crate::house::{Fixtures, House};
use crate::listener::Listener;
use crate::snapshot::Snapshot;
use behest_contract::chain::Chain;
use behest_contract::clock::SystemClock;
use behest_contract::filter::Filter;
use behest_contract::outcome::{Ending, Outcome};
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The provider's side of one request, in the hands of a test.
pub(super) struct Call {
    pub(super) body: String,
    pub(super) stream: TcpStream,
}

impl Call {
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(super) async fn answer(&mut self, body: &str) {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.say(head + body).await;
    }

    pub(super) async fn begin_stream(&mut self) {
        self.say("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    }

    pub(super) async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.say(format!("{:x}\r\n", bytes.len())).await;
        self.say(bytes).await;
        self.say("\r\n").await;
    }

    pub(super) async fn end_stream(&mut self) {
        self.say("0\r\n\r\n").await;
    }

    /// Waits until the gateway has let go.
    pub(super) async fn gone(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut byte)).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

pub(super) struct World {
    pub(super) house: Arc<House>,
    gateway: SocketAddr,
    calls: mpsc::Receiver<Call>,
    record: Record,
    _folder: TempDir,
}

impl World {
    /// A gateway whose chain is `Record`, `Identify` and `rooms`.
    pub(super) async fn new(rooms: Vec<Arc<dyn Filter>>) -> Self {
        let (provider, calls) = provider().await;
        let record = Record::default();
        let folder = tempfile::tempdir().unwrap();
        let house = house(provider, folder.path(), rooms, record.clone());
        let gateway = serve(house.clone()).await;
        Self { house, gateway, calls, record, _folder: folder }
    }

    /// Sends a chat and leaves the rest to the test.
    pub(super) async fn chat(&self, body: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.gateway).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.write_all((head + body).as_bytes()).await.unwrap();
        client
    }

    pub(super) async fn call(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.calls.recv()).await.unwrap().unwrap()
    }

    /// Whether the provider was asked at all.
    pub(super) fn was_called(&mut self) -> bool {
        self.calls.try_recv().is_ok()
    }

    /// The one ending that the rooms were told.
    pub(super) async fn outcome(&self) -> Outcome {
        let told = async {
            loop {
                if let Some(outcome) = self.record.0.lock().first().cloned() {
                    return outcome;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, told).await.unwrap();
        assert_eq!(self.record.0.lock().len(), 1);
        outcome
    }

    pub(super) async fn ending(&self) -> Ending {
        self.outcome().await.ending
    }
}

/// Reads an answer to the connection's end: its status and all that follows the head.
pub(super) async fn read_all(client: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, client.read_to_end(&mut bytes)).await.unwrap();
    read.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Reads until `wanted` has come.
pub(super) async fn read_until(client: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let read = tokio::time::timeout(PATIENCE, client.read(&mut buffer)).await;
        let count = read.unwrap_or_else(|_| panic!("{wanted:?} did not come: {text}")).unwrap();
        assert_ne!(count, 0, "{wanted:?} did not come: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

fn house(
    provider: SocketAddr,
    folder: &Path,
    rooms: Vec<Arc<dyn Filter>>,
    record: Record,
) -> Arc<House> {
    let text = format!(
        r#"
timeouts: {{ connect: 2s, first_byte: 400ms, between_bytes: 400ms, total: 20s }}
heartbeat: 100ms
limits: {{ ip: {{ requests_per_minute: 1000000 }} }}
providers: [ {{ name: up, base_url: "http://{provider}/v1" }} ]
models: [ {{ id: m, targets: [ {{ provider: up, model: theirs }} ] }} ]
default_model: m
tenants: [ {{ id: t, projects: [ {{ id: p }} ] }} ]
"#
    );
    let config = Config::parse(&text, "test.yaml", folder, &|_| None).unwrap();
    let opened = directory::open(&config, &SystemClock).unwrap();
    let fixtures = Fixtures::new(Box::new(std::io::sink()), &opened).unwrap();
    let mut snapshot = Snapshot::first(config, opened.objects, &fixtures).unwrap();
    let mut chain: Vec<Arc<dyn Filter>> = vec![Arc::new(record), Arc::new(Identify)];
    chain.extend(rooms);
    snapshot.chain = Chain::new(chain, &door::given(), fixtures.clock.clone()).unwrap();
    Arc::new(House::new(fixtures, snapshot).unwrap())
}

async fn serve(house: Arc<House>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = HttpProxy::new(Gateway::new(house.clone()), Arc::new(ServerConf::default()));
    let app = Arc::new(Listener::new(proxy, house));
    let (end, shutdown) = watch::channel(false);
    tokio::spawn(async move {
        let _end = end;
        while let Ok((stream, _)) = listener.accept().await {
            let (app, shutdown) = (app.clone(), shutdown.clone());
            tokio::spawn(async move {
                app.process_new(Box::new(L4Stream::from(stream)), &shutdown).await
            });
        }
    });
    address
}

/// A provider that reads requests and leaves the answers to the test.
async fn provider() -> (SocketAddr, mpsc::Receiver<Call>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, calls) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = read_request(&mut stream).await;
            tell.send(Call { body, stream }).await.unwrap();
        }
    });
    (address, calls)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if body.len() >= length {
                return body.to_owned();
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
}
