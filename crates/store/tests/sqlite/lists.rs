//! Pages of a list are parts of one order, whichever source their rows come from.

use store::{MIGRATIONS, Store, Verdict, memories, memories::list};
use types::memory::{Access, Change, Memory};

use crate::{
    conformance::Answer,
    options,
    plans::{NOW, another, fill, found, me, memory, scope},
    tempdir,
};

#[test]
fn pages_of_rows_with_a_tag_that_few_carry_follow_each_other() {
    pages_of_tagged_rows(0);
}

#[test]
fn pages_of_rows_with_a_tag_that_many_carry_follow_each_other() {
    pages_of_tagged_rows(1_001);
}

/// Beside so many rows with the same tag that the viewer may not see.
fn pages_of_tagged_rows(hidden: u128) {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    let checked: Answer<()> = store.write_blocking(move |tx| {
        fill(tx)?;
        // Mine and my team's take turns in time, and run against each other in the order of keys; every third has the tag.
        for number in 10..70_i64 {
            let (owner, access) = if number % 2 == 0 { (me(), Access::Private) } else { (another(), Access::Team) };
            let at = NOW.plus_secs(number / 10);
            let tags = if number % 3 == 0 { vec!["third".to_owned()] } else { Vec::new() };
            let base = memory(u128::from(number.unsigned_abs()), owner, access);
            let key = Some(format!("key-{}", 100 - number));
            let row = Memory { tags, key, created_at: at, updated_at: at, ..base };
            memories::insert(tx, &scope(owner), (&row, Change::Created), b"terms")?;
        }
        for number in 1_000..1_000 + hidden {
            let row = Memory { tags: vec!["third".to_owned()], ..memory(number, another(), Access::Private) };
            memories::insert(tx, &scope(another()), (&row, Change::Created), b"terms")?;
        }
        let filter = list::Filter { tags_any: vec!["third".to_owned()], ..list::Filter::default() };
        assert_eq!(list::count(tx, &scope(me()), &filter, NOW)?, 20);
        for sort in [list::Sort::Updated, list::Sort::Created, list::Sort::Key] {
            let page = |after: &list::Place, limit| {
                list::list(tx, &scope(me()), &filter, (sort, after, limit), NOW.plus_secs(1_000))
            };
            let whole = page(&sort.start(), 100)?;
            assert_eq!(whole.len(), 20, "{sort:?}");
            let (mut paged, mut after): (Vec<Memory>, _) = (Vec::new(), sort.start());
            for _ in 0..=whole.len() {
                paged.extend(page(&after, 3)?);
                after = paged.last().map(|row| sort.place(row)).unwrap();
            }
            assert_eq!(paged, whole, "{sort:?}");
        }
        Ok(Verdict::Done(()))
    });
    checked.unwrap();
}

#[test]
fn rows_from_before_there_was_a_table_of_tags_are_found_by_theirs() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), &MIGRATIONS[..2]).unwrap();
    let founded: Answer<()> = store.write_blocking(|tx| Ok(Verdict::Done(found(tx)?)));
    founded.unwrap();
    drop(store);
    let row = memory(1, me(), Access::Private);
    let provenance = serde_json::to_string(&row.provenance).unwrap();
    let edit = rusqlite::Connection::open(directory.path().join("guildhall.db")).unwrap();
    edit.execute(
        "INSERT INTO memories (id, workspace_id, owner, kind, content, size_bytes, tags, importance, access, metadata, \
         provenance, access_count, relevance, version, created_at, updated_at) \
         VALUES (?1, ?2, ?3, 'note', 'text', 4, '[\"old\",\"two \\\"words\\\"\"]', 0.5, 'private', '{}', ?4, 0, 0.5, 1, 0, 0)",
        [row.id.to_string(), scope(me()).workspace().to_string(), me().to_string(), provenance],
    )
    .unwrap();
    drop(edit);
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    for tag in ["old", "two \"words\""] {
        let filter = list::Filter { tags_all: vec![tag.to_owned()], ..list::Filter::default() };
        let found: Answer<i64> =
            store.write_blocking(move |tx| Ok(Verdict::Done(list::count(tx, &scope(me()), &filter, NOW)?)));
        assert_eq!(found.unwrap(), 1, "{tag}");
    }
}
