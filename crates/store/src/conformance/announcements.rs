//! What the observer is promised, and what it cannot do to anybody.

use std::sync::{Arc, Mutex};

use store::{Announcement, Error, Observer, Store, Tx, Verdict, args};

use super::{Answer, Engine, Failure, Held, add, ids, insert, start, wait_for_queued_writes};

/// Runs a function for each commit.
struct Watch<F>(F);

impl<F: Fn(&Tx<'_>, &[Announcement]) + Send + Sync> Observer for Watch<F> {
    fn committed(&self, tx: &Tx<'_>, announcements: &[Announcement]) {
        (self.0)(tx, announcements);
    }
}

fn watch(store: &Store, f: impl Fn(&Tx<'_>, &[Announcement]) + Send + Sync + 'static) {
    store.observe(Arc::new(Watch(f))).unwrap();
}

fn announcement(id: i64) -> Announcement {
    Announcement { workspace: "wsp_1".to_owned(), sequence: id, kind: "item.added", object: id.to_string() }
}

fn announced(tx: &mut Tx<'_>, id: i64) -> Answer<Verdict<(), Failure>> {
    add(tx, id)?;
    tx.announce(announcement(id));
    Ok(Verdict::Done(()))
}

pub(crate) fn only_what_is_committed_is_announced(engine: &impl Engine) {
    let store = engine.open();
    let seen = Arc::new(Mutex::new(Vec::new()));
    watch(&store, {
        let seen = Arc::clone(&seen);
        move |_, announcements| seen.lock().unwrap().extend_from_slice(announcements)
    });
    let held = Held::writer(&store);
    let writers: Vec<_> = (0..8)
        .zip(1..)
        .map(|(id, queued)| {
            let writer = start(&store, move |tx| {
                let done = announced(tx, id)?;
                match id % 4 {
                    0 => Err(Failure::Own),
                    1 => Ok(Verdict::Refused(Failure::Own)),
                    2 => panic!("on purpose"),
                    _ => Ok(done),
                }
            });
            wait_for_queued_writes(&store, queued);
            writer
        })
        .collect();
    held.release();
    writers.into_iter().for_each(|writer| drop(writer.join().unwrap()));
    assert_eq!(*seen.lock().unwrap(), [1, 3, 5, 7].map(announcement));
    assert_eq!(ids(&store), [1, 3, 5, 7]);
}

pub(crate) fn the_observer_sees_the_commit_before_the_answer(engine: &impl Engine) {
    let store = engine.open();
    let seen = Arc::new(Mutex::new(Vec::new()));
    watch(&store, {
        let seen = Arc::clone(&seen);
        move |tx, announcements| {
            let found: Result<_, Error> = tx.rows("SELECT id FROM items ORDER BY id", args![], |row| row.int(0));
            seen.lock().unwrap().push((announcements.to_vec(), found.unwrap()));
        }
    });
    for id in 0..20 {
        store.write_blocking(move |tx| announced(tx, id)).unwrap();
        let last = seen.lock().unwrap().last().cloned();
        assert_eq!(last, Some((vec![announcement(id)], (0..=id).collect::<Vec<_>>())));
    }
    insert(&store, 20).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 20, "a write without announcements needs no observer");
}

pub(crate) fn the_observer_cannot_change_anything(engine: &impl Engine) {
    let store = engine.open();
    let seen = Arc::new(Mutex::new(None));
    watch(&store, {
        let seen = Arc::clone(&seen);
        move |tx, _| *seen.lock().unwrap() = Some(add(tx, 1000).is_err())
    });
    store.write_blocking(|tx| announced(tx, 1)).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(true));
    assert_eq!(ids(&store), [1]);
}

pub(crate) fn a_panicking_observer_harms_nobody(engine: &impl Engine) {
    let store = engine.open();
    watch(&store, |_, _| panic!("on purpose"));
    for id in 0..5 {
        store.write_blocking(move |tx| announced(tx, id)).unwrap();
    }
    assert_eq!(ids(&store), [0, 1, 2, 3, 4]);
}

pub(crate) fn there_is_one_observer(engine: &impl Engine) {
    let store = engine.open();
    watch(&store, |_, _| ());
    let second = store.observe(Arc::new(Watch(|_: &Tx<'_>, _: &[Announcement]| ())));
    assert!(matches!(second, Err(Error::Internal { .. })));
}
