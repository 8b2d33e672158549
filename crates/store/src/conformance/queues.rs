//! What a call that waits for its turn is promised.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    task::Poll,
    time::{Duration, Instant},
};

use store::{Error, Verdict, args};

use super::{Answer, Engine, Failure, Held, ITEMS, add, block_on, ids, insert, start, wait_for_queued_writes};

const SHORT: Duration = Duration::from_millis(100);

pub(crate) fn a_full_queue_answers_overloaded(engine: &impl Engine) {
    let tune = |options: &mut store::Options| (options.queue, options.wait) = (2, SHORT);
    let store = engine.open_with(tune, ITEMS).unwrap();
    let held = Held::writer(&store);
    let before = Instant::now();
    let waiting: Vec<_> = (0..5)
        .map(|id| {
            start(&store, move |tx| {
                add(tx, id)?;
                Ok(Verdict::Done(()))
            })
        })
        .collect();
    let asynchronous = block_on(store.write(|_| Ok::<_, Error>(Verdict::Done(()))));
    assert!(matches!(asynchronous, Err(Error::Overloaded { retry_after }) if retry_after > Duration::ZERO));
    for waiting in waiting {
        let answer = waiting.join().unwrap();
        assert!(matches!(answer, Err(Failure::Store(Error::Overloaded { .. }))), "{answer:?}");
    }
    assert!(before.elapsed() >= SHORT);
    assert_eq!(store.statistics().refused, 6);
    held.release();
    insert(&store, 100).unwrap();
    assert_eq!(ids(&store), [100], "what was answered overloaded must not be run later");
}

pub(crate) fn a_late_write_is_not_run(engine: &impl Engine) {
    let store = engine.open_with(|options| options.wait = SHORT, ITEMS).unwrap();
    let held = Held::writer(&store);
    let is_run = Arc::new(AtomicBool::new(false));
    let late = start(&store, {
        let is_run = Arc::clone(&is_run);
        move |_| {
            is_run.store(true, Ordering::SeqCst);
            Ok(Verdict::Done(()))
        }
    });
    assert!(matches!(late.join().unwrap(), Err(Failure::Store(Error::Overloaded { .. }))));
    held.release();
    insert(&store, 1).unwrap();
    assert!(!is_run.load(Ordering::SeqCst));
}

pub(crate) fn a_cancelled_write_is_not_run(engine: &impl Engine) {
    let store = engine.open();
    let held = Held::writer(&store);
    block_on(async {
        let mut call = Box::pin(store.write(|tx| {
            add(tx, 1)?;
            Ok::<_, Failure>(Verdict::Done(()))
        }));
        poll_once(call.as_mut()).await;
        assert_eq!(store.statistics().queued_writes, 1);
        drop(call);
    });
    held.release();
    insert(&store, 2).unwrap();
    assert_eq!(ids(&store), [2]);
}

pub(crate) fn a_cancelled_read_is_not_run(engine: &impl Engine) {
    let store = engine.open_with(|options| options.readers = 1, ITEMS).unwrap();
    let (started, is_started) = channel();
    let (release, released) = channel::<()>();
    let reader = std::thread::spawn({
        let store = store.clone();
        move || {
            let held: Answer<()> = store.read_blocking(move |_| {
                started.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            });
            held.unwrap();
        }
    });
    is_started.recv().unwrap();
    let is_run = Arc::new(AtomicBool::new(false));
    block_on(async {
        let flag = Arc::clone(&is_run);
        let mut call = Box::pin(store.read(move |_| {
            flag.store(true, Ordering::SeqCst);
            Ok::<_, Failure>(())
        }));
        poll_once(call.as_mut()).await;
        drop(call);
    });
    release.send(()).unwrap();
    reader.join().unwrap();
    assert_eq!(ids(&store), [0; 0]);
    assert!(!is_run.load(Ordering::SeqCst));
}

pub(crate) fn a_started_write_ends_without_its_caller(engine: &impl Engine) {
    let store = engine.open();
    let (started, is_started) = channel();
    let (release, released) = channel::<()>();
    let released = std::sync::Mutex::new(released);
    block_on(async {
        let mut call = Box::pin(store.write(move |tx| {
            started.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            add(tx, 1)?;
            Ok::<_, Failure>(Verdict::Done(()))
        }));
        poll_once(call.as_mut()).await;
        is_started.recv().unwrap();
        drop(call);
    });
    release.send(()).unwrap();
    insert(&store, 2).unwrap();
    assert_eq!(ids(&store), [1, 2]);
}

pub(crate) fn closing_finishes_what_is_queued(engine: &impl Engine) {
    let store = engine.open();
    let held = Held::writer(&store);
    let writer = start(&store, |tx| {
        add(tx, 1)?;
        Ok(Verdict::Done(()))
    });
    wait_for_queued_writes(&store, 1);
    let closer = std::thread::spawn(move || store.close());
    held.release();
    writer.join().unwrap().unwrap();
    closer.join().unwrap().unwrap();
    assert_eq!(ids(&engine.open()), [1]);
}

pub(crate) fn a_closed_store_is_unavailable(engine: &impl Engine) {
    let store = engine.open();
    store.clone().close().unwrap();
    assert!(matches!(insert(&store, 1), Err(Failure::Store(Error::Unavailable { .. }))));
    let read: Answer<()> = store.read_blocking(|_| Ok(()));
    assert!(matches!(read, Err(Failure::Store(Error::Unavailable { .. }))));
    assert_eq!(ids(&engine.open()), [0; 0]);
}

pub(crate) fn asynchronous_calls_are_answered(engine: &impl Engine) {
    let store = engine.open();
    block_on(async {
        for id in 0..50 {
            let written: Answer<i64> = store
                .write(move |tx| {
                    add(tx, id)?;
                    Ok(Verdict::Done(id))
                })
                .await;
            assert_eq!(written.unwrap(), id);
            let read: Answer<_> =
                store.read(|tx| tx.row("SELECT MAX(id) FROM items", args![], |row| Ok(row.int(0)?))).await;
            assert_eq!(read.unwrap(), Some(id));
        }
    });
}

/// Polls `future` once; it must not be ready.
async fn poll_once<F: Future>(future: Pin<&mut F>) {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}
