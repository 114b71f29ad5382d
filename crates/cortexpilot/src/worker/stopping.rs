//! Signals into orders: first drain, then stop; a second signal kills what runs, a third ends the process.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::drive::Orders;

/// Gives orders as signals come.
pub(crate) struct BySignals {
    orders: watch::Sender<Orders>,
}

/// Listens for SIGINT and SIGTERM from now on. After the first, what runs may go on for `grace`.
///
/// # Errors
/// When signals cannot be received.
pub(crate) fn by_signals(grace: Duration) -> anyhow::Result<BySignals> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be received")?;
    let (orders, _) = watch::channel(Orders::Work);
    let given = orders.clone();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {} , _ = terminate.recv() => {} }
        raise(&given, Orders::Drain);
        let patient = given.clone();
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            raise(&patient, Orders::Stop);
        });
        tokio::select! { _ = interrupt.recv() => {} , _ = terminate.recv() => {} }
        raise(&given, Orders::Kill);
        let code = tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 };
        std::process::exit(code);
    });
    Ok(BySignals { orders })
}

impl BySignals {
    /// Where the orders are read.
    pub(crate) fn receiver(&self) -> watch::Receiver<Orders> {
        self.orders.subscribe()
    }

    /// Stops what runs when this is ready.
    pub(crate) fn stop_when(&self, ready: impl Future<Output = ()> + Send + 'static) {
        let orders = self.orders.clone();
        tokio::spawn(async move {
            ready.await;
            raise(&orders, Orders::Stop);
        });
    }
}

/// Orders are only ever raised: a patience that ran out does not soften a second signal.
fn raise(orders: &watch::Sender<Orders>, to: Orders) {
    orders.send_if_modified(|now| {
        let higher = to > *now;
        if higher {
            *now = to;
        }
        higher
    });
}
