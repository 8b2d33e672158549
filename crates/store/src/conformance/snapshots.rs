//! What a copy of the database that is in use promises.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    thread,
};

use store::{Offline, Store, Verdict, args};

use super::{Answer, Engine, add, block_on, ids, insert};

fn target(store: &Store) -> PathBuf {
    store.directory().join("copy.db")
}

/// The number of items and of parts; every write of this file adds one of each.
fn held(path: &std::path::Path) -> (Vec<i64>, Vec<i64>) {
    let copy = Offline::open(path).unwrap();
    let read = |sql| copy.read(|tx| tx.rows(sql, args![], |row| row.int(0))).unwrap();
    (read("SELECT id FROM items ORDER BY id"), read("SELECT item FROM parts ORDER BY item"))
}

pub(crate) fn a_snapshot_holds_what_was_answered_and_nothing_in_part(engine: &impl Engine) {
    const WRITERS: i64 = 4;
    let store = engine.open();
    let (stop, answered) = (AtomicBool::new(false), [const { AtomicI64::new(0) }; WRITERS as usize]);
    thread::scope(|scope| {
        for (number, answered) in answered.iter().enumerate() {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let first = i64::try_from(number).unwrap() * 1_000_000 + 1;
                for id in (first..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    let written: Answer<()> = store.write_blocking(move |tx| {
                        add(tx, id)?;
                        tx.change("INSERT INTO parts (id, item) VALUES ($1, $2)", args![id, id])?;
                        Ok(Verdict::Done(()))
                    });
                    written.unwrap();
                    answered.store(id, Ordering::Release);
                }
            });
        }
        for _ in 0..5 {
            while answered.iter().any(|last| last.load(Ordering::Acquire) == 0) {
                thread::yield_now();
            }
            let before: Vec<i64> = answered.iter().map(|last| last.load(Ordering::Acquire)).collect();
            let taken = block_on(store.snapshot(target(&store))).unwrap();
            let (items, parts) = held(&target(&store));
            assert_eq!(items, parts, "a write is there in part");
            for last in before {
                assert!(items.binary_search(&last).is_ok(), "an answered write is missing");
            }
            drop(taken);
            assert!(!target(&store).exists(), "a copy that nobody keeps goes away");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let last = answered.iter().map(|last| last.load(Ordering::Acquire) % 1_000_000).sum::<i64>();
    assert_eq!(i64::try_from(ids(&store).len()).unwrap(), last, "the writers went on undisturbed");
}

pub(crate) fn a_snapshot_never_overwrites(engine: &impl Engine) {
    let store = engine.open();
    insert(&store, 1).unwrap();
    std::fs::write(target(&store), "somebody's").unwrap();
    block_on(store.snapshot(target(&store))).unwrap_err();
    assert_eq!(std::fs::read(target(&store)).unwrap(), b"somebody's");
}
