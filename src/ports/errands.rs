//! What waits beside requests: calls whose answers no request waits for.

use behest_contract::ports::{Busy, Errand, Errands};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// What one errand takes at the least, in bytes: they are bounded in number too.
const LEAST_BYTES: usize = 64 << 10;

/// Errands as tasks of the runtime that sends them off, as long as what they hold has room.
pub struct Runners {
    /// In units of [`LEAST_BYTES`].
    room: Arc<Semaphore>,
    units: u32,
}

impl Runners {
    /// Room for errands that hold so many bytes together. One that holds more waits until it is alone.
    pub fn new(bytes_max: usize) -> Self {
        let units = u32::try_from(bytes_max / LEAST_BYTES).unwrap_or(u32::MAX >> 4).max(1);
        Self { room: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Waits until all that are under way have ended.
    pub async fn idle(&self) {
        // Never closed; and were it closed, nothing could be under way.
        let _ = self.room.acquire_many(self.units).await;
    }

    fn units(&self, bytes: usize) -> u32 {
        let units = u32::try_from(bytes.div_ceil(LEAST_BYTES)).unwrap_or(u32::MAX);
        units.clamp(1, self.units)
    }
}

impl Errands for Runners {
    fn send(&self, errand: Errand, bytes: usize) -> Result<(), Busy> {
        let runtime = Handle::try_current().map_err(|_| Busy)?;
        let units = self.units(bytes);
        let place = self.room.clone().try_acquire_many_owned(units).map_err(|_| Busy)?;
        runtime.spawn(async move {
            errand.await;
            drop(place);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST_BYTES, Runners};
    use behest_contract::ports::{Busy, Errands};
    use futures::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn errands_take_room_until_they_end() {
        let runners = Runners::new(3 * LEAST_BYTES);
        let send = |bytes: usize| {
            let (end, ended) = oneshot::channel::<()>();
            runners.send(Box::pin(ended.map(drop)), bytes).map(|()| end)
        };
        let small = send(0).unwrap();
        assert_eq!(send(2 * LEAST_BYTES + 1).err(), Some(Busy));
        let large = send(2 * LEAST_BYTES).unwrap();
        assert_eq!(send(1).err(), Some(Busy));
        assert!(runners.idle().now_or_never().is_none());
        drop((small, large));
        runners.idle().await;
        // One that is larger than all the room goes alone.
        let huge = send(usize::MAX).unwrap();
        assert_eq!(send(1).err(), Some(Busy));
        drop(huge);
        runners.idle().await;
        assert!(send(1).is_ok());
    }

    #[tokio::test]
    async fn one_that_panics_leaves_its_room() {
        let runners = Runners::new(LEAST_BYTES);
        runners.send(Box::pin(async { panic!("on purpose") }), 1).unwrap();
        runners.idle().await;
        assert!(runners.send(Box::pin(async {}), 1).is_ok());
    }

    #[test]
    fn without_a_runtime_nothing_is_sent() {
        let runners = Runners::new(LEAST_BYTES);
        assert_eq!(runners.send(Box::pin(async {}), 1), Err(Busy));
    }
}
