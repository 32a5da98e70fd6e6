use super::{Send, Sent};
use bytes::Bytes;
use pingora::protocols::Stream;
use pingora::protocols::l4::stream::Stream as L4;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (ours, theirs) = tokio::join!(connecting, listener.accept());
    (Box::new(L4::from(ours.unwrap())), theirs.unwrap().0)
}

fn body(len: usize) -> Vec<Bytes> {
    let piece = |n: usize| Bytes::from(vec![b'a' + u8::try_from(n % 26).unwrap(); len / 40]);
    (0..40).map(piece).collect()
}

#[tokio::test]
async fn many_pieces_arrive_in_order_at_a_slow_reader() {
    let (mut ours, mut theirs) = pair().await;
    let pieces = body(9_000_000);
    let wanted = pieces.concat();
    let reading = async {
        let mut got = Vec::new();
        let mut buffer = vec![0; 70_000];
        while got.len() < wanted.len() {
            let n = theirs.read(&mut buffer).await.unwrap();
            got.extend_from_slice(&buffer[..n]);
            tokio::task::yield_now().await;
        }
        got
    };
    let (sent, got) = tokio::join!(Send::new(&mut ours, b"", &pieces), reading);
    assert!(matches!(sent, Sent::All), "{sent:?}");
    assert!(got == wanted);
}

#[tokio::test]
async fn an_answer_is_heard_while_the_body_is_stuck() {
    let (mut ours, mut theirs) = pair().await;
    theirs.write_all(b"HTTP/1.1 413 ").await.unwrap();
    let pieces = body(40_000_000);
    match Send::new(&mut ours, b"head", &pieces).await {
        Sent::Early(early) => assert_eq!(early, "HTTP/1.1 413 "),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_closed_connection_fails() {
    let (mut ours, theirs) = pair().await;
    drop(theirs);
    let pieces = body(40_000_000);
    assert!(matches!(Send::new(&mut ours, b"head", &pieces).await, Sent::Failed));
}
