//! What writes that share a commit promise each other.

use store::{Error, Tx, Verdict, args};

use super::{Answer, Engine, Failure, Held, add, ids, insert, start, wait_for_queued_writes};

/// Far more than a starved database has left.
const LARGE: &str = "INSERT INTO items (id, body) VALUES ($1, zeroblob(4000000))";

pub(crate) fn waiting_writers_share_a_commit(engine: &impl Engine) {
    let store = engine.open();
    let held = Held::writer(&store);
    let before = store.statistics();
    let writers: Vec<_> = (0..64).map(|id| start(&store, move |tx| done(tx, id))).collect();
    wait_for_queued_writes(&store, 64);
    held.release();
    writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
    let after = store.statistics();
    assert_eq!(after.groups - before.groups, 2, "the held write and the group");
    assert_eq!((after.writes - before.writes, after.largest_group), (65, 64));
    assert_eq!(ids(&store), (0..64).collect::<Vec<_>>());
}

pub(crate) fn an_error_takes_back_only_its_own_write(engine: &impl Engine) {
    let store = engine.open();
    let answers = in_one_group(&store, 20, |tx, id| {
        add(tx, id)?;
        if id % 3 == 0 { Err(Failure::Own) } else { Ok(Verdict::Done(())) }
    });
    let kept: Vec<i64> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect();
    assert_eq!(kept, (0..20).filter(|id| id % 3 != 0).collect::<Vec<_>>());
    assert_eq!(ids(&store), kept);
    assert_eq!(store.statistics().reruns, 0);
}

pub(crate) fn a_panic_takes_back_only_its_own_write(engine: &impl Engine) {
    let store = engine.open();
    let answers = in_one_group(&store, 5, |tx, id| {
        add(tx, id)?;
        assert_ne!(id, 2, "on purpose");
        Ok(Verdict::Done(()))
    });
    assert!(answers.iter().all(|(id, answer)| answer.is_ok() == (*id != 2)));
    assert_eq!(ids(&store), [0, 1, 3, 4]);
}

pub(crate) fn a_late_constraint_fails_only_its_own_write(engine: &impl Engine) {
    let store = engine.open();
    let answers = in_one_group(&store, 5, |tx, id| {
        add(tx, id)?;
        let item = if id == 2 { 99 } else { id };
        tx.change("INSERT INTO parts (id, item) VALUES ($1, $2)", args![id, item])?;
        Ok(Verdict::Done(()))
    });
    assert!(answers.iter().all(|(id, answer)| answer.is_ok() == (*id != 2)));
    assert_eq!(ids(&store), [0, 1, 3, 4]);
}

pub(crate) fn a_full_disk_fails_only_the_write_it_stops(engine: &impl Engine) {
    let store = engine.open();
    insert(&store, 1000).unwrap();
    engine.starve(&store);
    let answers = in_one_group(&store, 17, |tx, id| {
        if id == 8 {
            tx.change(LARGE, args![id])?;
        }
        done(tx, id)
    });
    for (id, answer) in answers {
        match answer {
            Ok(()) => assert_ne!(id, 8),
            Err(Failure::Store(Error::StorageFull { cause })) => assert!(id == 8 && cause.is_some()),
            Err(other) => panic!("{id}: {other:?}"),
        }
    }
    assert_eq!(store.statistics().reruns, 17);
    engine.feed(&store);
    insert(&store, 8).unwrap();
    assert_eq!(ids(&store), (0..17).chain([1000]).collect::<Vec<_>>());
}

pub(crate) fn nothing_slips_out_of_a_lost_transaction(engine: &impl Engine) {
    let store = engine.open();
    engine.starve(&store);
    let answers = in_one_group(&store, 3, |tx, id| {
        if id == 1 {
            tx.change(LARGE, args![500]).unwrap_err();
            // The statement before it took the transaction along: this one must not commit by itself.
            let after = add(tx, 501);
            assert!(matches!(after, Err(Failure::Store(Error::Unavailable { .. }))), "{after:?}");
            after?;
        }
        done(tx, id)
    });
    assert!(answers.iter().all(|(id, answer)| answer.is_ok() == (*id != 1)));
    assert_eq!(ids(&store), [0, 2]);
}

pub(crate) fn a_swallowed_loss_is_not_a_success(engine: &impl Engine) {
    let store = engine.open();
    engine.starve(&store);
    let answers = in_one_group(&store, 3, |tx, id| {
        add(tx, id)?;
        if id == 1 {
            let _ = tx.change(LARGE, args![500]);
        }
        Ok(Verdict::Done(()))
    });
    assert!(answers.iter().all(|(id, answer)| answer.is_ok() == (*id != 1)));
    assert_eq!(ids(&store), [0, 2]);
}

fn done(tx: &Tx<'_>, id: i64) -> Answer<Verdict<(), Failure>> {
    add(tx, id)?;
    Ok(Verdict::Done(()))
}

/// Runs `f` for the ids 0..count so that all of them are in one group, and returns each one's answer.
fn in_one_group(
    store: &store::Store,
    count: i64,
    f: impl Fn(&mut Tx<'_>, i64) -> Answer<Verdict<(), Failure>> + Send + Copy + 'static,
) -> Vec<(i64, Answer<()>)> {
    let held = Held::writer(store);
    let mut writers = Vec::new();
    for (id, queued) in (0..count).zip(1..) {
        writers.push((id, start(store, move |tx| f(tx, id))));
        wait_for_queued_writes(store, queued);
    }
    held.release();
    writers.into_iter().map(|(id, writer)| (id, writer.join().unwrap())).collect()
}
