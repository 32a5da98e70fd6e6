//! Access-log lines on their way out.
//!
//! A request that ends leaves its line in memory; one thread writes what has gathered. So a slow
//! disk or a full pipe never holds up a request: what does not fit in memory is dropped and counted.

use behest_contract::ports::{Counter, Meter};
use behest_ledger::AccessLog;
use parking_lot::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long a line waits at most while the output keeps up.
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// As much is written at once, without waiting.
const WRITE_AT_BYTES: usize = 64 << 10;
/// Lines in memory, those being written included.
const WAITING_MAX_BYTES: usize = 8 << 20;
/// A buffer that once had to be larger than this is given back.
const KEPT_BYTES: usize = 1 << 20;
/// How long the end of the log waits for its last lines.
const END_WAIT: Duration = Duration::from_secs(1);

/// Writes each line to an output of bytes, from a thread of its own.
pub struct LineLog {
    tray: Arc<Tray>,
}

/// Where lines wait.
struct Tray {
    waiting: Mutex<Waiting>,
    due: Condvar,
    settled: Condvar,
    dropped: Arc<dyn Counter>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Bytes that are being written.
    writing: usize,
    /// Lines taken in so far.
    accepted: u64,
    /// Of these, lines that are written or lost.
    settled: u64,
    hurry: bool,
    stopping: bool,
    ended: bool,
}

impl LineLog {
    /// Starts writing to standard output.
    pub fn to_stdout(meter: &dyn Meter) -> io::Result<Self> {
        Self::start(Box::new(io::stdout()), meter)
    }

    /// Starts writing to `out`.
    pub fn start(out: Box<dyn Write + Send>, meter: &dyn Meter) -> io::Result<Self> {
        let name = "behest_log_lines_dropped_total";
        let dropped = meter.counter(name, "Access-log lines that could not be written.", &[]);
        let tray = Arc::new(Tray {
            waiting: Mutex::default(),
            due: Condvar::new(),
            settled: Condvar::new(),
            dropped,
        });
        let writer = Writer { tray: tray.clone(), out, settled: 0, failing: false };
        thread::Builder::new().name("behest-access-log".into()).spawn(move || writer.run())?;
        Ok(Self { tray })
    }

    /// Waits until all lines so far are written, though not longer than `within`; tells whether they
    /// are done with.
    pub fn flush(&self, within: Duration) -> bool {
        let mut waiting = self.tray.waiting.lock();
        let wanted = waiting.accepted;
        if waiting.settled < wanted {
            waiting.hurry = true;
            self.tray.due.notify_one();
            let unsettled = |waiting: &mut Waiting| waiting.settled < wanted;
            self.tray.settled.wait_while_for(&mut waiting, unsettled, within);
        }
        waiting.settled >= wanted
    }
}

impl AccessLog for LineLog {
    fn line(&self, json: Vec<u8>) {
        let mut waiting = self.tray.waiting.lock();
        if !waiting.take(&json) {
            drop(waiting);
            self.tray.dropped.add(&[], 1);
            return;
        }
        let len = waiting.lines.len();
        let just_due = len >= WRITE_AT_BYTES && len - (json.len() + 1) < WRITE_AT_BYTES;
        drop(waiting);
        if just_due {
            self.tray.due.notify_one();
        }
    }
}

impl Drop for LineLog {
    /// Writes what waits. An output that is stuck is left behind with its thread.
    fn drop(&mut self) {
        let mut waiting = self.tray.waiting.lock();
        waiting.stopping = true;
        self.tray.due.notify_one();
        self.tray.settled.wait_while_for(&mut waiting, |waiting| !waiting.ended, END_WAIT);
    }
}

impl Waiting {
    /// Takes a line in, if there is room.
    fn take(&mut self, json: &[u8]) -> bool {
        let len = self.writing + self.lines.len() + json.len() + 1;
        if self.stopping || len > WAITING_MAX_BYTES {
            return false;
        }
        self.lines.extend_from_slice(json);
        self.lines.push(b'\n');
        self.accepted += 1;
        true
    }

    fn is_due(&self) -> bool {
        self.hurry || self.stopping || self.lines.len() >= WRITE_AT_BYTES
    }
}

struct Writer {
    tray: Arc<Tray>,
    out: Box<dyn Write + Send>,
    /// Lines that are written or lost.
    settled: u64,
    failing: bool,
}

/// What was taken out of the tray at once.
struct Batch {
    /// Lines accepted up to and with this batch.
    accepted: u64,
    /// Nothing comes after it.
    last: bool,
}

impl Writer {
    fn run(mut self) {
        let mut lines = Vec::with_capacity(2 * WRITE_AT_BYTES);
        loop {
            let batch = self.gather(&mut lines);
            let written = lines.is_empty() || self.write(&lines);
            lines.clear();
            lines.shrink_to(KEPT_BYTES);
            self.settle(&batch, written);
            if batch.last {
                return;
            }
        }
    }

    /// Waits for lines and exchanges them for the empty `lines`.
    fn gather(&self, lines: &mut Vec<u8>) -> Batch {
        let mut waiting = self.tray.waiting.lock();
        if !waiting.is_due() {
            self.tray.due.wait_for(&mut waiting, WRITE_EVERY);
        }
        waiting.hurry = false;
        std::mem::swap(lines, &mut waiting.lines);
        waiting.writing = lines.len();
        Batch { accepted: waiting.accepted, last: waiting.stopping }
    }

    /// Tells of the first failure only: what is said about it may go to the same output.
    fn write(&mut self, lines: &[u8]) -> bool {
        let result = self.out.write_all(lines).and_then(|()| self.out.flush());
        if let Err(error) = &result
            && !self.failing
        {
            tracing::warn!(%error, "the access log cannot be written");
        }
        self.failing = result.is_err();
        result.is_ok()
    }

    /// A batch that failed counts as lost as a whole: how much of it arrived is not known.
    fn settle(&mut self, batch: &Batch, written: bool) {
        if !written {
            self.tray.dropped.add(&[], batch.accepted - self.settled);
        }
        self.settled = batch.accepted;
        let mut waiting = self.tray.waiting.lock();
        waiting.settled = batch.accepted;
        waiting.writing = 0;
        waiting.ended = batch.last;
        drop(waiting);
        self.tray.settled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{LineLog, WAITING_MAX_BYTES, WRITE_AT_BYTES};
    use crate::ports::PrometheusMeter;
    use behest_ledger::AccessLog;
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(20);

    /// Hands each piece that is written to a test, which answers whether that worked.
    struct Pipe {
        pieces: Sender<Vec<u8>>,
        verdicts: Receiver<bool>,
    }

    impl Write for Pipe {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            let _ = self.pieces.send(piece.to_vec());
            match self.verdicts.recv() {
                Ok(false) => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Ok(piece.len()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct House {
        meter: PrometheusMeter,
        log: LineLog,
        pieces: Receiver<Vec<u8>>,
    }

    /// A log, and what lets its writes return; dropping that lets all of them succeed.
    fn house() -> (House, Sender<bool>) {
        let (meter, (tell, pieces)) = (PrometheusMeter::new("1").unwrap(), channel());
        let (verdict, verdicts) = channel();
        let out = Box::new(Pipe { pieces: tell, verdicts });
        let log = LineLog::start(out, &meter).unwrap();
        (House { meter, log, pieces }, verdict)
    }

    impl House {
        fn dropped(&self) -> u64 {
            let (_, text) = self.meter.render();
            let text = String::from_utf8(text).unwrap();
            let line =
                text.lines().find(|line| line.starts_with("behest_log_lines_dropped_total "));
            line.and_then(|line| line.split_once(' ')).unwrap().1.parse().unwrap()
        }

        fn piece(&self) -> Vec<u8> {
            self.pieces.recv_timeout(LONG).unwrap()
        }

        fn rest(&self) -> Vec<u8> {
            self.pieces.try_iter().flatten().collect()
        }
    }

    #[test]
    fn a_line_is_written_soon_without_being_asked_for() {
        let (house, verdict) = house();
        drop(verdict);
        house.log.line(b"{}".to_vec());
        assert_eq!(house.piece(), b"{}\n");
    }

    #[test]
    fn a_flush_writes_everything_whole_and_in_order() {
        let (house, verdict) = house();
        drop(verdict);
        std::thread::scope(|threads| {
            for name in ["a", "b", "c", "d"] {
                let log = &house.log;
                threads.spawn(move || {
                    (0..1000).for_each(|n| log.line(format!("{name}{n}").into_bytes()));
                });
            }
        });
        assert!(house.log.flush(LONG));
        let text = String::from_utf8(house.rest()).unwrap();
        for name in ["a", "b", "c", "d"] {
            let own: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
            let expected: Vec<_> = (0..1000).map(|n| format!("{name}{n}")).collect();
            assert_eq!(own, expected);
        }
        assert_eq!(text.lines().count(), 4000);
        assert_eq!(house.dropped(), 0);
    }

    #[test]
    fn the_end_of_the_log_writes_what_waits() {
        let (house, verdict) = house();
        drop(verdict);
        house.log.line(b"last".to_vec());
        drop(house.log);
        assert_eq!(house.pieces.iter().flatten().collect::<Vec<_>>(), b"last\n");
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        let (house, verdict) = house();
        let line = || vec![b'x'; WRITE_AT_BYTES - 1];
        house.log.line(line());
        // From here on the output is stuck with the first line.
        assert_eq!(house.piece().len(), WRITE_AT_BYTES);
        let fitting = WAITING_MAX_BYTES / WRITE_AT_BYTES - 1;
        (0..fitting + 3).for_each(|_| house.log.line(line()));
        assert_eq!(house.dropped(), 3);
        assert!(!house.log.flush(Duration::from_millis(1)));
        drop(verdict);
        assert!(house.log.flush(LONG));
        assert_eq!(house.rest().len(), fitting * WRITE_AT_BYTES);
        house.log.line(b"room again".to_vec());
        assert!(house.log.flush(LONG));
        assert_eq!(house.rest(), b"room again\n");
        assert_eq!(house.dropped(), 3);
    }

    #[test]
    fn a_broken_output_loses_its_lines_and_nothing_else() {
        let (house, verdict) = house();
        verdict.send(false).unwrap();
        house.log.line(b"lost".to_vec());
        assert!(house.log.flush(LONG));
        assert_eq!(house.dropped(), 1);
        verdict.send(true).unwrap();
        house.log.line(b"kept".to_vec());
        assert!(house.log.flush(LONG));
        assert_eq!(house.rest(), b"lost\nkept\n");
        assert_eq!(house.dropped(), 1);
    }
}
