//! What a single transaction promises.

use std::sync::mpsc::channel;

use store::{Error, Verdict, args};

use super::{Answer, Engine, Failure, add, ids, insert};

pub(crate) fn a_write_is_seen_by_the_next_read(engine: &impl Engine) {
    let store = engine.open();
    for id in 0..100 {
        insert(&store, id).unwrap();
        assert_eq!(ids(&store).last(), Some(&id));
    }
}

pub(crate) fn a_read_sees_one_state(engine: &impl Engine) {
    let store = engine.open();
    insert(&store, 1).unwrap();
    let (ask, asked) = channel();
    let (answer, answered) = channel();
    let writer = std::thread::spawn({
        let store = store.clone();
        move || {
            asked.recv().unwrap();
            insert(&store, 2).unwrap();
            answer.send(()).unwrap();
        }
    });
    let seen: Answer<_> = store.read_blocking(move |tx| {
        let count = || tx.row("SELECT COUNT(*) FROM items", args![], |row| row.int(0));
        let before = count()?;
        ask.send(()).unwrap();
        answered.recv().unwrap();
        Ok((before, count()?))
    });
    assert_eq!(seen.unwrap(), (Some(1), Some(1)));
    writer.join().unwrap();
    assert_eq!(ids(&store), [1, 2]);
}

pub(crate) fn an_error_keeps_nothing(engine: &impl Engine) {
    let store = engine.open();
    let failed: Answer<()> = store.write_blocking(|tx| {
        add(tx, 1)?;
        Err(Failure::Own)
    });
    assert!(matches!(failed, Err(Failure::Own)));
    assert_eq!(ids(&store), [0; 0]);
}

pub(crate) fn a_refusal_is_kept(engine: &impl Engine) {
    let store = engine.open();
    let refused: Answer<()> = store.write_blocking(|tx| {
        add(tx, 1)?;
        Ok(Verdict::Refused(Failure::Own))
    });
    assert!(matches!(refused, Err(Failure::Own)));
    assert_eq!(ids(&store), [1]);
}

pub(crate) fn a_panic_harms_nobody(engine: &impl Engine) {
    let store = engine.open();
    for id in 0..10 {
        let written: Answer<()> = store.write_blocking(|tx| {
            add(tx, 1000)?;
            panic!("on purpose")
        });
        assert!(matches!(written, Err(Failure::Store(Error::Internal { .. }))));
        let read: Answer<()> = store.read_blocking(|_| panic!("on purpose"));
        assert!(matches!(read, Err(Failure::Store(Error::Internal { .. }))));
        insert(&store, id).unwrap();
    }
    assert_eq!(ids(&store), (0..10).collect::<Vec<_>>());
}

pub(crate) fn a_taken_unique_value_is_a_conflict(engine: &impl Engine) {
    let store = engine.open();
    let named = |id: i64, name: &'static str| {
        store.write_blocking(move |tx| {
            tx.change("INSERT INTO items (id, name) VALUES ($1, $2)", args![id, name])?;
            Ok::<_, Error>(Verdict::Done(()))
        })
    };
    named(1, "ada").unwrap();
    for (id, name, column) in [(2, "ada", "name"), (1, "eve", "id")] {
        let Err(Error::Conflict { constraint, cause }) = named(id, name) else { panic!("no conflict") };
        assert!(constraint.contains(column), "{constraint}");
        assert!(!constraint.contains("INSERT") && cause.is_some());
    }
}

pub(crate) fn a_conflict_leaves_the_transaction_usable(engine: &impl Engine) {
    let store = engine.open();
    insert(&store, 1).unwrap();
    let done: Answer<()> = store.write_blocking(|tx| {
        add(tx, 2)?;
        assert!(matches!(add(tx, 1), Err(Failure::Store(Error::Conflict { .. }))));
        add(tx, 3)?;
        Ok(Verdict::Done(()))
    });
    done.unwrap();
    assert_eq!(ids(&store), [1, 2, 3]);
}

pub(crate) fn a_missing_reference_fails_the_write(engine: &impl Engine) {
    let store = engine.open();
    let dangling: Answer<()> = store.write_blocking(|tx| {
        add(tx, 1)?;
        tx.change("INSERT INTO parts (id, item) VALUES ($1, $2)", args![1, 99])?;
        Ok(Verdict::Done(()))
    });
    assert!(matches!(dangling, Err(Failure::Store(Error::Internal { .. }))));
    assert_eq!(ids(&store), [0; 0]);
}

pub(crate) fn values_come_back_as_they_went_in(engine: &impl Engine) {
    const ADD: &str = "INSERT INTO items (id, name, amount, body) VALUES ($1, $2, $3, $4)";
    const GET: &str = "SELECT id, name, amount, body FROM items WHERE id = $1";
    let store = engine.open();
    let texts = ["", "plain", "with \0 inside", "👩‍🚀 ünï"];
    let written: Answer<()> = store.write_blocking(move |tx| {
        for (id, text) in (0..).zip(texts) {
            tx.change(ADD, args![i64::MAX - id, text, -0.1, text.as_bytes()])?;
        }
        tx.change(ADD, args![i64::MIN, None::<&str>, None::<f64>, None::<Vec<u8>>])?;
        Ok(Verdict::Done(()))
    });
    written.unwrap();
    let read: Answer<()> = store.read_blocking(move |tx| {
        for (id, text) in (0..).zip(texts) {
            let row = tx.row(GET, args![i64::MAX - id], |row| {
                assert_eq!(row.text_ref(1)?, row.text(1)?);
                assert_eq!(row.bytes_ref(3)?, row.bytes(3)?);
                Ok::<_, Failure>((row.int(0)?, row.text(1)?, row.real(2)?, row.bytes(3)?))
            })?;
            assert_eq!(row, Some((i64::MAX - id, text.to_owned(), -0.1, text.as_bytes().to_vec())));
        }
        let nulls = tx.row(GET, args![i64::MIN], |row| {
            Ok::<_, Failure>((row.opt_text(1)?, row.opt_real(2)?, row.opt_bytes(3)?, row.opt_int(3)?))
        })?;
        assert_eq!(nulls, Some((None, None, None, None)));
        assert_eq!(tx.row(GET, args![5], |row| row.int(0))?, None);
        Ok(())
    });
    read.unwrap();
}

pub(crate) fn a_read_cannot_change_anything(engine: &impl Engine) {
    let store = engine.open();
    let changed = store.read_blocking(|tx| add(tx, 1));
    assert!(matches!(changed, Err(Failure::Store(Error::Internal { .. }))));
    let changed: Result<Vec<i64>, Error> = store
        .read_blocking(|tx| tx.rows("INSERT INTO items (id) VALUES ($1) RETURNING id", args![1], |row| row.int(0)));
    assert!(matches!(changed, Err(Error::Internal { .. })));
    assert_eq!(ids(&store), [0; 0]);
}

pub(crate) fn a_wrong_column_is_an_internal_error(engine: &impl Engine) {
    let store = engine.open();
    insert(&store, 1).unwrap();
    let get =
        |column| store.read_blocking(move |tx| tx.row("SELECT id, name FROM items", args![], |row| row.text(column)));
    for column in [0, 1, 2] {
        assert!(matches!(get(column), Err(Error::Internal { .. })));
    }
}
